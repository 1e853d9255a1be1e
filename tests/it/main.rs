//! The runtime over real sockets, byte by byte, and its examples as real processes.

mod bodies;
mod examples;
mod hooks;
mod keep_alive;
mod limits;
mod load;
mod panics;
mod port;
mod responses;
mod shutdown;
mod support;
mod tidy;
mod wire;
