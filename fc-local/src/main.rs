//! The platform's half of a custom runtime, on the author's machine.
//!
//! A call goes through the files in this order: `gateway` or `api`, `invocation`, `scaler` (the rule is in `slots`),
//! `instance` with its `process` and `hooks`, `client`.

mod args;
mod environment;
mod failure;
mod function;
mod headers;
mod id;
mod log;
mod template;

mod api;
mod client;
mod event;
mod gateway;
mod health;
mod hooks;
mod housekeeper;
mod instance;
mod invocation;
mod memory;
mod output;
mod process;
mod queue;
mod ready;
mod scaler;
mod signals;
mod slots;
mod start;

mod check;
mod invoke;
mod new;
mod package;
mod platform;
mod proc;
mod reload;
mod watcher;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Start(args) => start::run(&args),
        Command::Invoke(args) => invoke::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Package(args) => package::run(&args),
        Command::New(args) => new::run(&args),
        Command::Watch => return watcher::run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("fc-local: {error:#}");
        ExitCode::from(2)
    })
}
