#![doc = include_str!("../README.md")]

mod server;

mod serve;

mod net;
mod platform;
mod threads;

mod api;
mod log;

mod http1;

mod clock;
mod sync;

#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "logger")]
pub use crate::log::logger;
pub use api::config::ServerConfig;
pub use api::context::{Context, Credentials, Kind};
pub use api::error::{Error, StatusError};
pub use api::function::{Function, serve, serve_fn};
pub use api::request::{Headers, Request, RequestBody};
pub use api::response::{BodyWriter, Response};
pub use api::testing;
pub use server::{Server, Stopper};
