//! One request over one connection, up to the head of its reply. Which connection it is, and whether the
//! request is sent again when that one turns out dead, is decided in `pool.rs`.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::error::Error;
use super::idle::IdleConnections;
use super::reply::{Reply, ReplyBody};
use super::request::{BodySource, RequestBody, RequestHead};
use super::upload::{self, Upload};
use super::wait::{Patience, readable, retrying};

/// What one read of a request body takes.
const PIECE: usize = 64 * 1024;

/// How long a function may take to say whether it wants a body: as long as curl waits. Some servers never say it.
const CONTINUE_PATIENCE: Duration = Duration::from_secs(1);

/// Sends a request and waits for the head of its final reply. `idle` takes the connection back when the body
/// has been read.
pub fn exchange(
    mut connection: Connection,
    head: &RequestHead,
    body: &mut RequestBody<'_>,
    patience: &Patience,
    idle: &Arc<IdleConnections>,
) -> Result<Reply, Error> {
    let upload = match body {
        RequestBody::Bytes(bytes) => send_bytes(&connection, head, bytes, patience),
        RequestBody::Stream(source, length) => send_stream(&mut connection, head, *source, *length, patience),
    }?;
    let reply = connection.read_head(patience)?;
    let framing = reply.framing(&head.method)?;
    let keep_alive = reply.keep_alive && upload.is_none();
    let idle = keep_alive.then(|| Arc::clone(idle));
    let body = ReplyBody::new(connection, framing, idle, patience.clone());
    Ok(Reply { status: reply.status, headers: reply.headers, body, upload })
}

/// Sends head and body in one piece. A reply that begins meanwhile ends this: the rest is the caller's to
/// send.
fn send_bytes(
    connection: &Connection,
    head: &RequestHead,
    body: &[u8],
    patience: &Patience,
) -> Result<Option<Upload>, Error> {
    let mut out = head.bytes.clone();
    if !body.is_empty() || !head.is_safe() {
        out.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    let pending = connection.send(&out, patience)?;
    pending.map(|pending| Upload::new(connection, pending, false)).transpose()
}

/// Sends a body as it is read. A reply that begins meanwhile ends this too.
fn send_stream(
    connection: &mut Connection,
    head: &RequestHead,
    source: &mut dyn BodySource,
    length: Option<u64>,
    patience: &Patience,
) -> Result<Option<Upload>, Error> {
    let is_chunked = length.is_none();
    let mut out = stream_head(head, length);
    if head.expects_continue {
        if let Some(pending) = connection.send(&out, patience)? {
            return Upload::new(connection, pending, is_chunked).map(Some);
        }
        out.clear();
        if !connection.is_asked_to_continue(CONTINUE_PATIENCE, patience)? {
            return Upload::new(connection, out, is_chunked).map(Some);
        }
    }
    let mut piece = vec![0; PIECE];
    loop {
        source.end_waits_in(patience.deadline.left().map_err(Error::of_connection)?);
        // What is here goes out, the head included, before anybody waits for more of the body.
        if (out.len() >= PIECE || source.waits_for().is_some()) && !out.is_empty() {
            if let Some(pending) = connection.send(&out, patience)? {
                return Upload::new(connection, pending, is_chunked).map(Some);
            }
            out.clear();
        }
        if replies_before(connection, source, patience)? {
            return Upload::new(connection, out, is_chunked).map(Some);
        }
        let count = match retrying(|| source.read(&mut piece)) {
            // Its time is what was left then, and may have grown since.
            Err(error) if error.kind() == ErrorKind::WouldBlock && patience.deadline.left().is_ok() => {
                continue;
            }
            read => read.map_err(Error::of_source)?,
        };
        upload::append(&mut out, piece.get(..count).unwrap_or_default(), is_chunked);
        if count == 0 {
            let pending = connection.send(&out, patience)?;
            let upload = |pending| Upload::new(connection, pending, is_chunked).map(Upload::ended);
            return pending.map(upload).transpose();
        }
    }
}

fn stream_head(head: &RequestHead, length: Option<u64>) -> Vec<u8> {
    let mut out = head.bytes.clone();
    match length {
        Some(length) => out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes()),
        None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.extend_from_slice(if head.expects_continue { b"expect: 100-continue\r\n\r\n" } else { b"\r\n" });
    out
}

/// Whether a reply begins before there is more of the body.
fn replies_before(
    connection: &Connection,
    source: &mut dyn BodySource,
    patience: &Patience,
) -> Result<bool, Error> {
    while let Some(caller) = source.waits_for() {
        let readable = readable(caller, connection.stream(), &patience.deadline);
        let (caller_ready, replied) = readable.map_err(Error::of_connection)?;
        if replied && !caller_ready {
            return Ok(true);
        }
    }
    Ok(false)
}
