//! The commands an author types, and what they print. How a function is run is not known here.

mod start;
mod watch;

mod check;
mod invoke;

mod new;
mod package;
mod sbom;

mod load;
mod signals;

mod args;
mod console;
mod values;

use std::process::ExitCode;

use clap::Parser as _;

use crate::instance::orphans;
use args::{Cli, Command};

/// The program: does what the command line says. The exit code of every wrong use and every error of ours is
/// 2.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Start(args) => start::run(&args),
        Command::Invoke(args) => invoke::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Package(args) => package::run(&args),
        Command::New(args) => new::run(&args),
        Command::OrphanWatch => return orphans::run(),
    };
    result.unwrap_or_else(|error| {
        console::note(format_args!("fc-local: {error:#}"));
        ExitCode::from(2)
    })
}
