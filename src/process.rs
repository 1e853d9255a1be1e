//! A function as a process: configuration from the environment, signals, exit codes. Everything that happens
//! to the process as a whole, and to nothing smaller, is here.

use crate::api::{Context, Error, Function, Request, Response, ServerConfig};
use crate::serve::Serving;
use crate::server::Server;
use crate::sync::{Arc, AtomicBool, spawn};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, PipeReader, Write};
use std::process;

/// As command-line tools have it for what the operator typed.
const EXIT_USAGE: i32 = 2;

/// Of a stop that left something unanswered.
const EXIT_FAILURE: i32 = 1;

/// Serves `F` as this process: configuration from the environment
/// ([`ServerConfig::from_env`]), SIGTERM and SIGINT as the end. Returns when it was stopped and
/// everything in flight was answered.
///
/// # Errors
/// When the address is taken, or the system refuses what the server needs. An environment
/// variable that means nothing ends the process with code 2 and a line on standard error; requests
/// that outlast [`drain_timeout`](ServerConfig::drain_timeout) end it with code 1.
pub fn serve<F: Function>() -> Result<(), Error> {
    let signals = handle_signals()?;
    run(Server::bind::<F>(config_of_environment())?, signals)
}

/// As [`serve`], for a function without state or hooks of its own.
///
/// ```no_run
/// fn main() -> Result<(), fc_runtime::Error> {
///     fc_runtime::serve_fn(|_, _| Ok("Hello, World!".into()))
/// }
/// ```
///
/// # Errors
/// As [`serve`].
pub fn serve_fn<I>(invoke: I) -> Result<(), Error>
where
    I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
{
    let signals = handle_signals()?;
    run(Server::bind_fn(config_of_environment(), invoke)?, signals)
}

fn config_of_environment() -> ServerConfig {
    ServerConfig::from_env().unwrap_or_else(|error| exit(&error, EXIT_USAGE))
}

/// Serves on this thread. Only a drain that came to its end lets it return; one that failed has ended the
/// process.
fn run(server: Server, signals: PipeReader) -> Result<(), Error> {
    server.run_here(&signals, |serving| {
        end_at_next_signal();
        let drain = move || drain(&serving);
        if spawn("fc-drain", drain.clone()).is_err() {
            drain(); // without a thread to spare, on this one
        }
    })
}

fn drain(serving: &Serving) {
    match serving.drain() {
        Ok(()) => serving.end(), // with that the main thread returns
        Err(error) => exit(&error, EXIT_FAILURE),
    }
}

fn exit(error: &Error, code: i32) -> ! {
    let _ = writeln!(io::stderr(), "{error}"); // it may be closed; eprintln would panic
    process::exit(code)
}

/// SIGTERM and SIGINT make the returned pipe readable.
fn handle_signals() -> Result<PipeReader, Error> {
    let register = || {
        let (signals, notify) = io::pipe()?;
        signal_hook::low_level::pipe::register(SIGTERM, notify.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGINT, notify)?;
        Ok(signals)
    };
    register().map_err(|source| Error::Start { what: "signal handlers", source })
}

/// From now on a signal ends the process at once.
fn end_at_next_signal() {
    let at_once = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        let registered =
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, at_once.clone());
        if let Err(error) = registered {
            log::error!("a second signal will not end the process at once: {error}");
        }
    }
}
