//! HTTP/1.1 as bytes: what a request's head, body framing and chunks mean, how a connection goes on, and how
//! a response is written. Bytes, limits and the time come in: no sockets, clocks, threads or environment in
//! here.

// What comes from the wire ends nothing by a panic.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

mod conversation;
mod incoming;
mod limits;
mod persistence;

mod body;
mod chunked;

mod framing;
mod head;
mod target;

mod encode;

mod buffer;
mod reject;

#[cfg(any(test, fuzzing, feature = "internals"))]
pub(crate) use body::BodyDecoder;
pub(crate) use body::Taken;
pub(crate) use buffer::Buffer;
pub(crate) use conversation::{Conversation, Step};
pub(crate) use encode::{
    Announcement, CONTINUE, FINAL_CHUNK, ResponseFraming, TEXT, begin_head, chunk_size_line, end_head,
    has_body,
};
#[cfg(any(test, fuzzing, feature = "internals"))]
pub(crate) use framing::BodyLength;
pub(crate) use head::{Head, Parsed, Progress, is_field_value, is_token};
pub(crate) use limits::{Limits, Overdue};
pub(crate) use persistence::{CloseReason, Facts, Next};
pub(crate) use reject::Reject;
