//! What the tests share: servers, clients that send and read literal bytes, programs and what they say, ports,
//! gates, directories. Every wait has a watchdog.

pub mod advisories;
mod client;
mod gate;
mod lines;
mod port;
mod process;
mod program;
mod require;
mod scratch;
mod server;
mod wait;

pub use client::{Client, Reply, get, post};
pub use gate::{Gate, Passage, gate};
pub use lines::{FifoGate, FifoLines, Lines};
pub use port::reserved_port;
pub use process::{Process, clean_command, example_command, example_path};
pub use program::{Program, kill, run_to_end, state, wait_until_gone};
pub use require::{has_programs, skip};
pub use rustix::process::Signal;
pub use scratch::{Scratch, empty_directory};
pub use server::{TestServer, config};
pub use wait::{WATCHDOG, eventually, eventually_within, until};
