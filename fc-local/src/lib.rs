//! The platform's half of a custom runtime, on the author's machine: the program fc-local as a library, so that fuzz
//! targets reach its codecs and readers. It has no API. The modules are in layers, from the command line down; which
//! one may import which is in ARCHITECTURE.md.

// What a function, a caller or a template sends ends nothing by a panic; nor does a reader that is gone (`cli/console`).
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice, clippy::unwrap_used))]
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![doc(hidden)]

mod cli;
mod console;
#[cfg(any(fuzzing, feature = "internals"))]
pub mod fuzzing;

mod front;
mod scaling;

mod instance;

mod function;
mod id;
mod log;
mod record;
mod sample;
mod sync;

#[cfg(test)]
mod tests;

pub use cli::run;
