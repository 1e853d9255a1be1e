//! The platform's half of a custom runtime, on the author's machine. The modules are in layers, from the
//! command line down; which one may import which is in ARCHITECTURE.md.

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
