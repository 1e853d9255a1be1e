//! What every peer answers, stated once: the same hello to everything, an echo, and a call that blocks.

pub mod hyper_service;
pub mod std_loop;

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

/// The body of the hello.
pub const HELLO: &str = "Hello, World!";
/// The hello's media type.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// The echo's media type.
pub const BYTES: &str = "application/octet-stream";

/// Where to listen: all addresses, on the port from `PORT`.
pub fn address() -> SocketAddr {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(9000);
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))
}

/// How many threads a server that wants to be told gets: one per core, as the others choose themselves.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What `/sleep` does: author code that blocks, as a synchronous database driver would.
pub fn block() {
    thread::sleep(Duration::from_millis(100));
}
