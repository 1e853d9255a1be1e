//! A function as a process: configuration from the environment, signals, exit codes. Everything that happens
//! to the process as a whole, and to nothing smaller, is here.

use crate::api::{Context, Error, Function, Request, Response, ServerConfig, port_variable};
use crate::log::{error_line, terminal_line};
use crate::platform::Lifecycle;
use crate::serve::OnSignal;
use crate::server::Server;
use crate::signals::{Held, Signals};
use rustix::process::{Resource, getrlimit};
use std::process;

/// As command-line tools have it for what the operator typed.
const EXIT_USAGE: i32 = 2;

/// Of a start that failed, and of a stop that left something unanswered.
const EXIT_FAILURE: i32 = 1;

/// Serves `F` as this process, configured [by the environment](ServerConfig::from_env), and ends the process:
/// SIGTERM and SIGINT (Ctrl-C) let what is in flight be answered and `pre_stop` run.
///
/// | exit code | when |
/// |---|---|
/// | 0 | stopped, everything in flight was answered |
/// | 1 | the address is taken, or the system refuses what the server needs; requests outlasted [`drain_timeout`](ServerConfig::drain_timeout); [`pre_stop`](Function::pre_stop) failed or was not done in time |
/// | 2 | an environment variable, or an option set in code, means nothing |
/// | 128 + n | a second signal, n, ended it at once; or a first one while the platform's first `/initialize` ran: nothing was there to stop |
///
/// The codes 1 and 2 are explained by one line on standard error. Everything else that is worth knowing
/// goes through the `log` macros: without a logger ([`logger::init`](crate::logger::init), or one of your own)
/// nothing is said of the function's own failures. Where standard output is a terminal, one line
/// there says the address. What has to happen at the end belongs in [`pre_stop`](Function::pre_stop): `main`
/// does not go on.
///
/// A function without an `initialize` of its own fails every call here: hand it to [`serve_with`].
///
/// ```no_run
/// # use fc_runtime::{Context, Function, Request, Response};
/// # struct Orders;
/// # impl Function for Orders {
/// #     fn initialize(_: &Context) -> anyhow::Result<Self> { Ok(Orders) }
/// #     fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> { Ok("".into()) }
/// # }
/// fn main() {
///     fc_runtime::serve::<Orders>()
/// }
/// ```
pub fn serve<F: Function>() -> ! {
    run(ServerConfig::from_env, Lifecycle::of(F::initialize))
}

/// As [`serve`], for a function without state or hooks of its own.
///
/// ```no_run
/// fc_runtime::serve_fn(|_, _| Ok("Hello, World!".into()))
/// ```
pub fn serve_fn<I>(invoke: I) -> !
where
    I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
{
    run(ServerConfig::from_env, Lifecycle::of_fn(invoke))
}

/// As [`serve`], with options set in code, and an initializer that takes things of `main` along. It takes the
/// place of [`Function::initialize`], which the function then leaves out.
///
/// ```no_run
/// # use fc_runtime::{Context, Function, Request, Response, ServerConfig};
/// struct Greeter { greeting: String }
///
/// impl Function for Greeter {
///     fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
///         Ok(self.greeting.clone().into())
///     }
/// }
///
/// fn main() {
///     let greeting = std::env::args().nth(1).unwrap_or("Hello".into());
///     let config = ServerConfig::from_env().max_body(64 * 1024);
///     fc_runtime::serve_with(config, move |_| Ok(Greeter { greeting: greeting.clone() }))
/// }
/// ```
pub fn serve_with<F, I>(config: ServerConfig, initialize: I) -> !
where
    F: Function,
    I: Fn(&Context) -> anyhow::Result<F> + Send + Sync + 'static,
{
    run(|| config, Lifecycle::of(initialize))
}

/// Inlined: a call that never returns counts as cold, and would keep its setting-up out of line, with unwind tables of
/// its own.
#[inline(always)]
fn run(config: impl FnOnce() -> ServerConfig, lifecycle: Lifecycle) -> ! {
    let served = begin(config, lifecycle).and_then(|(server, signals)| {
        let is_main_worker = is_main_stack_of(server.stack_size());
        server.run(OnSignal { signals, is_main_worker, drain_failed: |error| exit(error) })
    });
    match served {
        Ok(()) => process::exit(0), // the drain came to its end; one that failed has ended the process
        Err(error) => exit(&error),
    }
}

/// Not inlined: what it takes of the stack would be below the first worker for life, a page of it. The port opens first
/// of all, and what can be done while its caller connects is done then.
#[inline(never)]
fn begin(config: impl FnOnce() -> ServerConfig, lifecycle: Lifecycle) -> Result<(Server, Signals), Error> {
    let signals_error = |source| Error::Start { what: "signal handlers", source };
    // Who sees the port open may send one.
    let held = Held::new().map_err(signals_error)?;
    let server = Server::listen(config(), lifecycle)?;
    let signals = Signals::register().map_err(signals_error)?;
    drop(held);
    terminal_line(|| format!("listening on http://{}\n", server.address()));
    Ok((server, signals))
}

/// Whether the author's code has room for so much on this thread, whose stack is the system's (`ulimit -s`).
fn is_main_stack_of(size: usize) -> bool {
    getrlimit(Resource::Stack).current.is_none_or(|limit| limit >= size as u64)
}

fn exit(error: &Error) -> ! {
    let variable = match error {
        Error::Bind { address, .. } => port_variable(*address),
        _ => None,
    };
    let remedy = variable.map(|name| format!("; {name} sets another port")).unwrap_or_default();
    error_line(format!("error: {error}{remedy}"));
    process::exit(if matches!(error, Error::InvalidOption { .. }) { EXIT_USAGE } else { EXIT_FAILURE })
}
