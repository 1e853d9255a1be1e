//! The platform's half of a custom runtime, on the author's machine. The modules are in layers, from the
//! command line down; which one may import which is in ARCHITECTURE.md.

// What a function, a caller or a template sends ends nothing by a panic; nor does a reader that is gone (`cli/console`).
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice, clippy::unwrap_used))]
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod cli;
mod front;
mod scaling;

mod instance;

mod function;
mod id;
mod log;
mod sync;

fn main() -> std::process::ExitCode {
    cli::run()
}
