//! One instance: its process, its port, its connections, its hooks.

pub mod client;
mod function_output;
pub mod headers;
pub mod hooks;
mod memory;
pub mod orphans;
pub mod port;
pub mod process;
pub mod procfs;
pub mod running;
