//! What the tests share: servers, clients that send and read literal bytes, processes, ports, gates. Every wait
//! has a watchdog.

mod client;
mod gate;
mod port;
mod process;
mod server;
mod wait;

pub use client::{Client, Reply, get, post};
pub use gate::{Gate, Passage, gate};
pub use port::reserved_port;
pub use process::{Process, example_command, example_path};
pub use server::{TestServer, config};
pub use wait::{WATCHDOG, until};
