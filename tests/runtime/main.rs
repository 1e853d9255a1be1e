//! The server inside this process, over real sockets, byte by byte.

mod advisories;
mod bodies;
mod hooks;
mod keep_alive;
mod limits;
mod load;
mod panics;
mod responses;
mod shutdown;
mod stats;
mod statuses;
mod wire;
