//! The path of a request.

pub mod accept;
pub mod admission;
pub mod blocking;
pub mod connection;
pub mod drain;
pub mod engine;
pub mod exchange;
pub mod request_body;
pub mod response_writer;
pub mod worker;
