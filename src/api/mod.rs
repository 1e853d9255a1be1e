//! What an author writes against: the trait, what it is given and what it returns, options and errors. Data
//! alone: no sockets and no threads.

mod config;
mod context;
mod error;
mod function;
#[cfg(feature = "json")]
mod json;
mod request;
mod request_id;
mod response;
mod stats;
mod trace;

pub use config::ServerConfig;
pub use context::{CallKind, Context, Credentials, FunctionInfo};
pub use error::{Error, StatusError};
pub use function::Function;
pub use request::{Request, RequestBody};
pub use response::{BodyWriter, Response};
pub use stats::{Histogram, Stats};
pub use trace::Trace;

pub(crate) use config::port_variable;
pub(crate) use context::LazyVariables;
#[cfg(feature = "json")]
pub(crate) use json::parse;
pub(crate) use request::BodySource;
pub(crate) use response::{Body, PIECE, fields};
