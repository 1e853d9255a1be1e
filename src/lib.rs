//! The runtime under a serverless function: Alibaba Cloud Function Compute custom runtimes in Rust, without a
//! framework and without async.
//!
//! The platform starts a program, waits for its port, sends `POST /initialize`, then invocations, then
//! `GET /pre-stop`, and freezes it in between. A function's author implements one trait; server, hooks, limits,
//! keep-alive and shutdown are here.
//!
//! # A function
//!
//! A function without state is a closure, or any `fn` of that signature:
//!
//! ```no_run
//! fn main() {
//!     fc_runtime::logger::init(); // or a logger of your own
//!     fc_runtime::serve_fn(|_, _| Ok("Hello, World!".into()))
//! }
//! ```
//!
//! An event (a timer, an object that was stored, an `InvokeFunction` call) arrives as `POST /invoke` with the event as
//! its body; an HTTP call is the client's own request. [`Context::kind`] says which of them it is.
//!
//! One with state implements [`Function`]: [`initialize`](Function::initialize) makes it, once, and
//! [`pre_stop`](Function::pre_stop) runs before it goes.
//!
//! ```no_run
//! use fc_runtime::{Context, Function, Request, Response, StatusError};
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! struct Orders { handled: AtomicU64 }
//!
//! impl Function for Orders {
//!     fn initialize(_: &Context) -> anyhow::Result<Self> {
//!         Ok(Orders { handled: AtomicU64::new(0) })
//!     }
//!     fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
//!         let Some(customer) = request.query_value("customer") else {
//!             return Err(StatusError::new(400, "which customer?").into());
//!         };
//!         log::info!("{customer} orders {}", request.text()?);
//!         let number = self.handled.fetch_add(1, Ordering::Relaxed) + 1;
//!         Ok(Response::text(format!("order {number}")).with_status(201))
//!     }
//!     fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
//!         Ok(log::info!("{} orders", self.handled.load(Ordering::Relaxed)))
//!     }
//! }
//!
//! fn main() {
//!     fc_runtime::logger::init();
//!     fc_runtime::serve::<Orders>()
//! }
//! ```
//!
//! Beside this crate that takes `anyhow = "1"`, and `log = "0.4"` for what is logged.
//!
//! # What is for what
//!
//! | for | there is |
//! |---|---|
//! | a process on the platform | [`serve`], [`serve_fn`]; with options or values of `main` [`serve_with`] |
//! | a server inside a program | [`Server::bind`], [`Server::bind_fn`], [`Server::start`], [`Running`] |
//! | what a server has done, and does now | [`Running::stats`], [`ServerConfig::metrics_path`] |
//! | options, and the environment's variables | [`ServerConfig`], [`ServerConfig::from_env`] |
//! | who calls, and how much time is left | [`Context`] |
//! | the distributed trace of a call, for the calls it makes | [`Context::trace`], [`Trace`] |
//! | what is asked, and the answer | [`Request`], [`Response`] |
//! | an answer that is an error | [`StatusError`] |
//! | tests without a socket | [`testing::Call`] |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `logger` | on | [`logger::init`]: what is logged through the `log` macros, on standard output in the platform's format |
//! | `kv` | off | the key-value pairs of the `log` macros in those lines |
//! | `json` | off | `Request::json`, `Response::json`, and the same in [`testing`], through serde |
//! | `events` | off | `Request::event`, and in `events` a type for what each trigger sends; with `json` |
//!
//! A feature that is off leaves no trace in a function's binary.
//!
//! # Cold start
//!
//! From the start of the process to the first response, beside other servers, measured as the repository's
//! `docs/figures.md` says:
//!

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../docs/cold_start.svg")]
// Of the library alone: its tests may unwrap, its examples may print.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout))]

/// Its examples are tested, and are not in the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod process;
mod server;

mod serve;

pub mod testing;

#[cfg(feature = "events")]
pub mod events;

mod net;
mod platform;
mod threads;

mod api;
mod log;

mod http1;

mod clock;
mod contain;
mod counters;
mod date;
mod environment;
mod signals;
mod sync;

#[cfg(any(test, fuzzing, feature = "internals"))]
#[doc(hidden)]
pub mod fuzzing;

pub use api::{
    BodyWriter, CallKind, Context, Credentials, Error, Function, FunctionInfo, Histogram, Request,
    RequestBody, Response, ServerConfig, Stats, StatusError, Trace,
};
pub use process::{serve, serve_fn, serve_with};
pub use server::{Running, Server};

/// Log lines in the platform's format, for a program that has no logger of its own.
#[cfg(feature = "logger")]
pub mod logger {
    pub use crate::log::logger::init;
}
