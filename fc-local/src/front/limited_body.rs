//! A request body that keeps the platform's limit, also when nobody knows its length. Where it goes is not
//! known here.

use std::io::{self, ErrorKind, Read};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use fc_runtime::{Request, RequestBody};

use super::failure::Failure;
use crate::instance::client::BodySource;

/// The platform's limit for the body of an HTTP call.
pub const MAX_BODY: u64 = 32 * 1024 * 1024;

/// The length that the client announced, which the server has found to be one.
pub fn content_length(request: &Request<'_>) -> Option<u64> {
    request.header("content-length")?.parse().ok()
}

/// The whole body, at most `limit` bytes, before the call begins. It has as much time as the function has for the call:
/// a caller that sends a byte now and then holds a worker no longer.
pub fn read_whole(request: &mut Request<'_>, limit: u64, time: Duration) -> Result<Vec<u8>, Failure> {
    // The vendor's words ("Error codes").
    let too_large =
        || Failure::EntityTooLarge(format!("payload size exceeds maximum allowed size ({limit} bytes)"));
    if content_length(request).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    request.body().end_waits_in(time);
    let read = request.body().take(limit + 1).read_to_end(&mut whole);
    request.body().end_waits_in(Duration::MAX);
    match read {
        Ok(_) if whole.len() as u64 > limit => Err(too_large()),
        Ok(_) => Ok(whole),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Failure::InvalidArgument(format!(
            "the request body did not arrive within {} s, the function's timeout",
            time.as_secs()
        ))),
        Err(_) => Err(Failure::ClientClosed),
    }
}

/// A body that fails with [`ErrorKind::FileTooLarge`] beyond its limit.
pub struct LimitedBody<B> {
    body: B,
    left: u64,
}

impl<B: Read> LimitedBody<B> {
    /// A body of which `left` bytes may still come.
    pub fn new(body: B, left: u64) -> LimitedBody<B> {
        LimitedBody { body, left }
    }

    /// How many bytes may still come.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl<B: Read> Read for LimitedBody<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let text = format!("the request body is over {MAX_BODY} bytes");
                return Err(io::Error::new(ErrorKind::FileTooLarge, text));
            }
        }
        Ok(count)
    }
}

impl BodySource for LimitedBody<&mut RequestBody<'_>> {
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        self.body.waits_for()
    }

    fn end_waits_in(&mut self, time: Duration) {
        self.body.end_waits_in(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_within_its_limit_is_read_as_it_is() {
        let mut body = LimitedBody::new(&b"0123456789"[..], 10);
        let mut all = String::new();
        body.read_to_string(&mut all).expect("within the limit");
        assert_eq!((all.as_str(), body.left()), ("0123456789", 0));
    }

    #[test]
    fn a_body_over_its_limit_fails_where_it_exceeds_it() {
        let mut body = LimitedBody::new(&b"0123456789"[..], 9);
        assert_eq!(body.read(&mut [0; 8]).expect("within the limit"), 8);
        let error = body.read(&mut [0; 8]).expect_err("one byte too many");
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert_eq!(body.left(), 1);
    }
}
