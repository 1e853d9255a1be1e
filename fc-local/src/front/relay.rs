//! How does the function's reply reach its caller? In one piece, piece by piece, or while the request is
//! still being sent. What request and reply mean is not known here.

use std::io::{self, Cursor, Read as _, Write};
use std::time::Duration;

use fc_runtime::{RequestBody, Response};

use super::failure::Failure;
use super::invocation::{InvocationBody, InvocationReply};
use super::limited_body::LimitedBody;
use crate::instance::client::{BodySource, Upload, readable};
use crate::instance::headers;

/// Bodies up to this are sent to the function in one piece, and to the caller too.
pub const SMALL: u64 = 64 * 1024;

/// What one read takes.
const PIECE: usize = 16 * 1024;

const RESET_CONTENT: u16 = 205;

/// The function's reply as the caller of `request` gets it. `request_left` is what may still come of its body.
pub fn response(
    mut reply: InvocationReply,
    request: &RequestBody<'_>,
    request_left: u64,
) -> Result<Response, Failure> {
    let length = reply.body.length();
    // A caller that takes its time takes the function's, for as long as the function is not done.
    request.end_waits_in(reply.body.deadline().left().unwrap_or(Duration::ZERO));
    let response = match (reply.upload.take(), length) {
        // It may be framed like any other, and has no content all the same (RFC 9110 section 15.3.6).
        _ if reply.status == RESET_CONTENT => {
            reply.body.discard()?;
            without_body(None)
        }
        (None, Some(0)) => without_body(reply.headers.content_length()),
        (None, Some(length)) if length <= SMALL => {
            // Failing here still becomes a response of its own, which a cut connection would not be.
            let body = reply.body.read_all(SMALL)?;
            request.end_waits_in(Duration::MAX);
            Response::bytes(body)
        }
        (None, Some(length)) => {
            let beginning = Cursor::new(reply.body.read_beginning(SMALL)?);
            Response::reader(beginning.chain(reply.body), Some(length))
        }
        (None, None) => Response::stream(move |request, out| stream(reply.body, request, out)),
        (Some(upload), _) => Response::stream(move |body, out| {
            both_ways(upload, &mut LimitedBody::new(body, request_left), reply.body, out)
        }),
    };
    Ok(headers::passed_on(&reply.headers)
        .fold(response.with_status(reply.status), |response, (name, value)| {
            response.with_header(name, value)
        }))
}

/// A reply that has no body: an empty one, or one to HEAD, whose length is that of a GET, or of a status that has none.
fn without_body(length: Option<u64>) -> Response {
    match length {
        Some(length) => Response::reader(io::empty(), Some(length)),
        None => Response::stream(|_, _| Ok(())),
    }
}

/// Piece by piece, each sent as soon as the function has nothing more to add to it.
fn stream(mut reply: InvocationBody, request: &RequestBody<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut piece = vec![0; PIECE];
    let deadline = reply.deadline();
    loop {
        // What is left may have grown: time stands still while a debugger holds the function.
        request.end_waits_in(deadline.left().unwrap_or(Duration::ZERO));
        if reply.would_wait() {
            out.flush()?;
        }
        if pass_on(&mut reply, &mut piece, out)? == 0 {
            return Ok(());
        }
    }
}

/// Passes on one piece; 0 is the end. The caller of a reply that breaks off gets what the function said
/// before, and then a connection that is cut.
fn pass_on(reply: &mut InvocationBody, piece: &mut [u8], out: &mut dyn Write) -> anyhow::Result<usize> {
    match reply.read(piece) {
        Ok(count) => {
            out.write_all(piece.get(..count).unwrap_or_default())?;
            Ok(count)
        }
        Err(error) => {
            out.flush()?;
            Err(error.into())
        }
    }
}

/// What a relay in both directions does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Passes on a piece of the reply, or waits for one.
    Reply,
    /// Sends what was read of the request.
    Upload,
    /// Reads more of the request, unless the reply comes first.
    Request,
}

/// The reply goes first: a function that waits for its reader takes nothing of the request meanwhile.
fn step(reply_is_here: bool, request_is_over: bool, all_is_sent: bool) -> Step {
    match (reply_is_here, request_is_over, all_is_sent) {
        (true, _, _) | (false, true, true) => Step::Reply,
        (false, _, false) => Step::Upload,
        (false, false, true) => Step::Request,
    }
}

/// A reply that began before its request was sent: both go on together, on one thread, so that neither fills
/// up while the other is waited for.
fn both_ways(
    mut upload: Upload,
    request: &mut dyn BodySource,
    mut reply: InvocationBody,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut request_is_over = false;
    let deadline = reply.deadline();
    loop {
        reply.time_left()?;
        request.end_waits_in(deadline.left().unwrap_or(Duration::ZERO));
        let step = step(!reply.would_wait(), request_is_over, upload.is_empty());
        if step != Step::Reply {
            out.flush()?;
        }
        match step {
            Step::Reply => {
                if pass_on(&mut reply, &mut piece, out)? == 0 {
                    return Ok(());
                }
            }
            Step::Upload => match upload.send(&deadline) {
                Ok(true) => {}
                Ok(false) => reply.wait_for(&upload)?,
                // The function wants no more of it; its reply is what counts.
                Err(_) => {
                    request_is_over = true;
                    upload.cancel();
                }
            },
            Step::Request => {
                if comes_first(request, &mut reply)? {
                    let count = request.read(&mut piece)?;
                    upload.feed(piece.get(..count).unwrap_or_default());
                    request_is_over = count == 0;
                }
            }
        }
    }
}

/// Waits for more of the request or of the reply; whether it was the request.
fn comes_first(request: &mut dyn BodySource, reply: &mut InvocationBody) -> io::Result<bool> {
    let deadline = reply.deadline();
    while let (Some(caller), Some(function)) = (request.waits_for(), reply.stream()) {
        let readable = readable(caller, function, &deadline);
        if let (_, true) = reply.waited(readable)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_is_here_goes_first_then_what_was_read_then_more_of_the_request() {
        for (reply_is_here, request_is_over, all_is_sent, wanted) in [
            (true, false, false, Step::Reply),
            (true, false, true, Step::Reply),
            (true, true, false, Step::Reply),
            (true, true, true, Step::Reply),
            (false, false, false, Step::Upload),
            (false, true, false, Step::Upload),
            (false, false, true, Step::Request),
            (false, true, true, Step::Reply),
        ] {
            let found = step(reply_is_here, request_is_over, all_is_sent);
            assert_eq!(found, wanted, "{reply_is_here} {request_is_over} {all_is_sent}");
        }
    }
}
