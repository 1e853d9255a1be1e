//! A request to the function: its head, and a body that travels beside it. How it is sent is not known here.

use std::io::Read;
use std::os::fd::BorrowedFd;
use std::time::Duration;

pub struct RequestHead {
    pub method: String,
    /// Request line and header section without framing headers and without the empty line.
    pub bytes: Vec<u8>,
    /// Whether the function is asked before a body is sent that has to be waited for.
    pub expects_continue: bool,
}

pub enum RequestBody<'a> {
    Bytes(&'a [u8]),
    /// Sent as it is read; `None` is a length that nobody knows yet.
    Stream(&'a mut dyn BodySource, Option<u64>),
}

/// A request body that may have to be waited for.
pub trait BodySource: Read {
    /// What a read would wait for; `None` when it returns at once.
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>>;

    /// Lets every read that waits all the same end in this time, with [`ErrorKind::WouldBlock`].
    ///
    /// [`ErrorKind::WouldBlock`]: std::io::ErrorKind::WouldBlock
    fn end_waits_in(&mut self, time: Duration);
}

impl BodySource for &[u8] {
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn end_waits_in(&mut self, _: Duration) {}
}

impl RequestHead {
    /// Whether the method is a safe one (RFC 9110 section 9.2.1), which is also one that the platform
    /// retries.
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }
}
