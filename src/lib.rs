#![doc = include_str!("../README.md")]

mod process;
mod server;

mod serve;

mod net;
mod platform;
mod threads;

mod api;
mod log;

mod http1;

mod clock;
mod date;
mod environment;
mod sync;

#[cfg(any(test, fuzzing, feature = "internals"))]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "logger")]
pub use crate::log::logger;
pub use api::{
    BodyWriter, CallKind as Kind, Context, Credentials, Error, Function, Headers, Request, RequestBody,
    Response, ServerConfig, StatusError, testing,
};
pub use process::{serve, serve_fn};
pub use server::{Server, Stopper};
