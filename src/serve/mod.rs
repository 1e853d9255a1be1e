//! The path of a request: from the readiness set to the author's code and back. The files stand in its order,
//! and each may import only those below it.

// What comes from the wire ends nothing by a panic.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

mod serving;

mod worker;

mod drain;

mod admission;

mod exchange;

mod request_body;
mod response_writer;

mod engine;

mod accept;
mod blocking;
mod metrics;
mod scratch;

mod connection;

pub(crate) use engine::OnSignal;
pub(crate) use serving::Serving;

#[cfg(test)]
mod tests;
