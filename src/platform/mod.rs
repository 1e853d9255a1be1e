//! What is Function Compute's: which request is which call, when the author's code runs, and what its failures look like.
//! No sockets and no threads.

pub mod failure_body;
pub mod lifecycle;
pub mod route;
