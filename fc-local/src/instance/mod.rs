//! One instance of a function: its process, its port, its connections, its hooks. How many instances there
//! are, and who may use which, is not known here.

mod hooks;
mod start;

mod running;

pub mod headers;

pub mod attached;
mod buffering;
mod cold_start;
mod command;
mod memory;
mod readiness;

mod in_use;

mod debugger;
mod failure;
mod process;

mod network;

pub mod client;

mod exit;
mod function_output;
mod surroundings;

mod home;
mod layers;
pub mod supervisor;
pub mod temporary;

mod isolation;
pub mod port;
pub mod procfs;
mod spawn;

pub use exit::plainly as describe_exit;
#[cfg(test)]
pub use failure::Listens;
pub use failure::{IgnoresPort, NotInitialized, NotStarted, UnexpectedExit};
pub use isolation::{Isolate, NotIsolated};
pub use running::Instance;
pub use start::{StartError, Where, start};
pub use surroundings::{Debugging, StartAndStop, Surroundings};
