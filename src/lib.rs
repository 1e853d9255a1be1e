#![doc = include_str!("../README.md")]

mod function;

mod context;
mod request;
mod response;
pub mod testing;

#[doc(hidden)]
pub mod fuzzing;

mod config;
mod error;
#[cfg(feature = "logger")]
pub mod logger;
#[cfg(not(feature = "logger"))]
mod logger;

mod server;

mod accept;

mod drain;

mod shared;

mod ready;

mod pool;

mod worker;

mod connection;

mod turn;

mod exchange;

mod failure;

mod body;
mod gate;
mod http1;
mod lifecycle;
mod link;
mod marks;
mod output;
mod peer;
mod route;
mod stalls;
mod stdout;

mod clock;
mod latch;

pub use config::ServerConfig;
pub use context::{Context, Credentials, Kind};
pub use error::{Error, StatusError};
pub use function::{Function, serve, serve_fn};
pub use request::{Headers, Request, RequestBody};
pub use response::{BodyWriter, Response};
pub use server::{Server, Stopper};
