//! Everything fc-local prints. What happens, and what follows from it, is not known here.

mod library;

mod lines;

mod format;

pub mod excerpt;

pub mod output;

pub mod terminal;

mod time;

pub use format::Origin;
pub use library::listen_to_library;
pub use lines::{End, Failed, Log, RequestLine};
pub use time::{LogTime, billed, milliseconds};
