//! What an author implements and calls: the trait, and the two functions that turn it into a process.

use crate::api::config::ServerConfig;
use crate::api::context::Context;
use crate::api::error::Error;
use crate::api::request::Request;
use crate::api::response::Response;
use crate::server::{Server, handle_signals};
use std::io::{self, Write};
use std::process;

/// A function: its state is built once, serves invocations from several threads, and is told
/// before the instance goes.
///
/// ```
/// use fc_runtime::{Context, Function, Request, Response};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// struct Counter { calls: AtomicU64 }
///
/// impl Function for Counter {
///     fn initialize(_: &Context) -> anyhow::Result<Self> {
///         Ok(Counter { calls: AtomicU64::new(0) })
///     }
///     fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
///         let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
///         Ok(Response::text(format!("call {call}")))
///     }
/// }
/// ```
pub trait Function: Sized + Send + Sync + 'static {
    /// The Initializer hook and the constructor: runs at `POST /initialize`, or before the first
    /// invocation when that hook is not configured, and succeeds at most once per life. After
    /// `pre_stop` another `/initialize` builds a new value.
    ///
    /// # Errors
    /// Any: the platform restarts the instance, unless a [`StatusError`](crate::StatusError) with
    /// 400 or 404 asks it to try again on this one.
    fn initialize(ctx: &Context) -> anyhow::Result<Self>;

    /// One invocation. Many run at once, as many as the function's instance concurrency.
    ///
    /// # Errors
    /// Any: an event's caller is told its message with all causes, an HTTP client only the message
    /// of a [`StatusError`](crate::StatusError).
    fn invoke(&self, ctx: &Context, request: Request<'_>) -> anyhow::Result<Response>;

    /// The PreStop hook: before the instance is destroyed (some pages of the vendor say: before it is
    /// frozen) and at SIGTERM. It may run beside invocations, and again after further ones. Flush
    /// what was collected.
    ///
    /// # Errors
    /// Any: logged; the platform stops the instance all the same.
    fn pre_stop(&self, ctx: &Context) -> anyhow::Result<()> {
        let _ = ctx;
        Ok(())
    }
}

/// Serves `F` as this process: configuration from the environment
/// ([`ServerConfig::from_env`]), SIGTERM and SIGINT as the end. Returns when it was stopped and
/// everything in flight was answered.
///
/// # Errors
/// When the address is taken, or the system refuses what the server needs. An environment
/// variable that means nothing ends the process with code 2 and a line on standard error; requests
/// that outlast [`drain_timeout`](ServerConfig::drain_timeout) end it with code 1.
pub fn serve<F: Function>() -> Result<(), Error> {
    let stop = handle_signals()?;
    Server::bind::<F>(config_or_exit())?.serve_process(stop)
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
    let stop = handle_signals()?;
    Server::bind_fn(config_or_exit(), invoke)?.serve_process(stop)
}

fn config_or_exit() -> ServerConfig {
    ServerConfig::from_env().unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "{error}"); // it may be closed; eprintln would panic
        process::exit(2) // as command-line tools do for what the operator typed
    })
}
