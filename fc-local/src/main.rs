//! The platform's half of a custom runtime, on the author's machine.
//!
//! A call goes through the files in this order: `front::gateway` or `front::api`, `front::invocation`, `scaling::scaler`
//! (the rule is in `scaling::slots`), `instance::running` with its `process` and `hooks`, `instance::client`.

mod cli;
mod front;
mod function;
mod id;
mod instance;
mod log;
mod scaling;
mod sync;

use std::process::ExitCode;

use clap::Parser as _;
use cli::args::{Cli, Command};
use cli::{check, invoke, new, package, start};
use instance::orphans;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Start(args) => start::run(&args),
        Command::Invoke(args) => invoke::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Package(args) => package::run(&args),
        Command::New(args) => new::run(&args),
        Command::OrphanWatch => return orphans::run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("fc-local: {error:#}");
        ExitCode::from(2)
    })
}
