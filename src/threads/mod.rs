//! Threads: who works, who waits, how many calls run at once. Nothing of HTTP or of sockets is known here.

pub mod limit;
pub mod pool;
