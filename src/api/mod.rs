//! What an author writes against: the trait, what it is given and what it returns, options and errors. Data
//! alone: no sockets and no threads.

mod config;
mod context;
mod error;
mod function;
mod request;
mod request_id;
mod response;
pub mod testing;

pub use config::ServerConfig;
pub use context::{CallKind, Context, Credentials};
pub use error::{Error, StatusError};
pub use function::Function;
pub use request::{Headers, Request, RequestBody};
pub use response::{BodyWriter, Response};

pub(crate) use context::LazyVariables;
pub(crate) use request::BodySource;
pub(crate) use response::Body;
