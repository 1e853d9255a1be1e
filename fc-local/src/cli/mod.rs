//! The commands an author types, and what they print. How a function is run is not known here.

mod start;
mod watch;
mod watched;

mod announce;
mod doors;
mod serving;

mod check;
mod config;
mod invoke;

mod event;
mod new;
mod package;
mod sbom;

mod logs;
mod status;

mod debug;

mod load;

mod isolation;
mod listen;
mod onlooker;
mod signals;
mod unpacked;

mod args;
mod console;
mod values;

use std::backtrace::Backtrace;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::instance::{attached, supervisor, temporary};
use args::{Cli, Command};

/// The exit code of every wrong use and every error of ours.
const WRONG_USE: u8 = 2;

/// The program: does what the command line says.
pub fn run() -> ExitCode {
    let mut words = std::env::args_os();
    let name = words.next().and_then(|word| Path::new(&word).file_name().map(OsStr::to_owned));
    match (name.as_deref().and_then(OsStr::to_str), words.next()) {
        (Some(supervisor::NAME), _) => return supervisor::run(),
        (Some(temporary::NAME), Some(directory)) => return temporary::run(&directory),
        _ => {}
    }
    if std::env::args().nth(1).is_some_and(|name| name == attached::NAME) {
        return attached::run(std::env::args().nth(2));
    }
    // A panic is told like everything else, so that no thread waits for a reader under it.
    std::panic::set_hook(Box::new(|panic| {
        console::note(format_args!("fc-local: {panic}\n{}", Backtrace::capture()));
    }));
    let code = match Cli::try_parse() {
        Ok(Cli { command }) => execute(command),
        Err(usage) => explain(usage),
    };
    console::finish(console::PATIENCE);
    code
}

fn execute(command: Command) -> ExitCode {
    let result = match command {
        Command::Start(args) => start::run(&args),
        Command::Invoke(args) => invoke::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::Package(args) => package::run(&args),
        Command::Event(args) => event::run(&args),
        Command::New(args) => new::run(&args),
    };
    result.unwrap_or_else(|error| {
        console::note(format_args!("fc-local: {error:#}"));
        ExitCode::from(WRONG_USE)
    })
}

/// Help, or what is wrong with the command line.
fn explain(mut usage: clap::Error) -> ExitCode {
    if usage.kind() == ErrorKind::UnknownArgument {
        // That it could be a word of the function's command, which nearly nobody means.
        usage.remove(ContextKind::Suggested);
    }
    let text = usage.render().to_string();
    if usage.use_stderr() {
        console::note(text.trim_end());
        if let Some(command) = command_without_dashes(&usage) {
            console::note(format_args!(
                "\nA function's command stands behind --, as in: fc-local … -- {command} …"
            ));
        }
        return ExitCode::from(WRONG_USE);
    }
    let _ = console::print(text.trim_end()); // help that nobody reads
    ExitCode::SUCCESS
}

/// The word that is no option and stands where options do, as a function's command that was typed without its dashes.
fn command_without_dashes(usage: &clap::Error) -> Option<&str> {
    let is_unknown = usage.kind() == ErrorKind::UnknownArgument;
    match usage.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if is_unknown && !word.starts_with('-') => Some(word),
        _ => None,
    }
}
