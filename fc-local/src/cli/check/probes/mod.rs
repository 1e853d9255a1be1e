//! The questions of `check`: each one a test of what the contract asks of a function, with its reason and its
//! remedy. In which order they are asked is not known here.

mod connections;
mod hooks;
mod log;
mod process;
mod requests;

use super::report::Finding;
use super::subject::Subject;

/// A name and a question.
pub type Probe = (&'static str, fn(&mut Subject) -> Finding);

pub use connections::{Idling, concurrency, connections, disconnect, head};
pub use hooks::{hook_paths, initialize_again, initializer, pre_stop};
pub use log::log_lines;
pub use process::{cold_start, freeze, sigterm, start};
pub use requests::{chunked_body, event, large_body};
