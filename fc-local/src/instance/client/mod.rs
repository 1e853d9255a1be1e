//! The HTTP/1.1 client towards one instance: pooled connections, streaming both ways. What a request is for
//! is not known here.

#[cfg(any(fuzzing, feature = "internals"))]
pub mod fuzzing;

mod pool;

mod exchange;
mod reply;

mod idle;
mod upload;

mod connection;

mod chunk;
mod reply_head;
mod request;

mod wait;

mod error;

pub use connection::IdleState;
pub use error::Error;
pub use pool::Pool;
pub use reply::{Reply, ReplyBody};
pub use reply_head::{Headers, is_listed};
pub use request::{BodySource, RequestBody, RequestHead};
pub use upload::Upload;
pub use wait::{Deadline, Patience, Pause, Pauses, Recipient, Stays, readable};
