//! HTTP/1.1 as bytes: what a request's head, body framing and chunks mean, and how a response is
//! written. No sockets, clocks, threads or environment in here.

mod body;
mod buffer;
mod chunked;
mod encode;
mod framing;
mod head;
mod reject;
mod target;

pub(crate) use body::BodyDecoder;
pub(crate) use buffer::{Buffer, MAX_PASSING};
pub(crate) use chunked::Piece;
pub(crate) use encode::{CONTINUE, FINAL_CHUNK, Framing, Persistence, chunk_size_line, encode_head};
pub(crate) use framing::BodyLength;
pub(crate) use head::{Head, MAX_HEAD, Parsed, Progress};
pub(crate) use reject::Reject;

pub(crate) use head::{is_field_value, is_token};
