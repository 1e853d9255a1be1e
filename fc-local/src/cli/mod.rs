//! The commands an author types.

pub mod args;
pub mod check;
pub mod invoke;
mod load;
pub mod new;
pub mod package;
mod signals;
pub mod start;
mod values;
mod watch;
