//! Everything fc-local prints. What happens, and what follows from it, is not known here.

mod library;

mod lines;

pub mod output;

pub mod terminal;

mod time;

pub use library::listen_to_library;
pub use lines::{Log, Origin};
pub use time::milliseconds;
