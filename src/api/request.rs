//! A request as the author's code sees it. How its body arrives is the connection's business.

use crate::http1::Head;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;

/// How much of an announced length is reserved at once: the rest has to arrive first.
const MAX_RESERVE: u64 = 64 * 1024;

/// A request: method, target, headers, and the body as a reader.
///
/// ```
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let event = request.text()?;
///     Ok(Response::text(format!("{} bytes for {}", event.len(), request.path())))
/// }
/// # let response = fc_runtime::testing::Call::http("PUT", "/a?b").body("123").invoke_fn(invoke).unwrap();
/// # assert_eq!(response.text(), "3 bytes for /a");
/// ```
pub struct Request<'a> {
    pub(crate) head: &'a Head,
    pub(crate) body: RequestBody<'a>,
}

impl<'a> Request<'a> {
    /// The method, as sent: `GET`, `POST`, or any other.
    pub fn method(&self) -> &'a str {
        self.head.method()
    }

    /// The request target as sent (RFC 9112 section 3.2).
    pub fn target(&self) -> &'a str {
        self.head.target()
    }

    /// The target's path, not decoded; at least `/`.
    pub fn path(&self) -> &'a str {
        self.head.path()
    }

    /// What follows the `?`, not decoded.
    pub fn query(&self) -> Option<&'a str> {
        self.head.query()
    }

    /// The host and port asked for: the target's, else those of the Host header.
    pub fn host(&self) -> Option<&'a str> {
        self.head.authority()
    }

    /// All headers in the order they came.
    pub fn headers(&self) -> Headers<'a> {
        Headers { head: self.head }
    }

    /// The first value of a header, in whatever case its name is written, when it is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers().get(name)
    }

    /// The length the client announced; `None` for a chunked body or none.
    pub fn content_length(&self) -> Option<u64> {
        self.body.content_length()
    }

    /// The body as a reader of its own.
    pub fn body(&mut self) -> &mut RequestBody<'a> {
        &mut self.body
    }

    /// The whole body.
    ///
    /// # Errors
    /// When the client breaks off, stalls for longer than
    /// [`body_timeout`](crate::ServerConfig::body_timeout), breaks the framing, or goes over
    /// [`max_body`](crate::ServerConfig::max_body). Return it: the client is then told what it did wrong.
    pub fn read_to_vec(&mut self) -> io::Result<Vec<u8>> {
        self.body.read_to_vec()
    }

    /// The whole body as UTF-8.
    ///
    /// # Errors
    /// As [`read_to_vec`](Self::read_to_vec), and `InvalidData` for a body that is not UTF-8.
    pub fn text(&mut self) -> io::Result<String> {
        String::from_utf8(self.read_to_vec()?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
    }

    /// Whether the client has gone away, so that an answer would reach nobody. A client that only
    /// ended its sending counts as gone. Does not block.
    pub fn peer_closed(&self) -> bool {
        self.body.source.peer_closed()
    }
}

impl Read for Request<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.body.read(buf)
    }
}

/// The headers of a request.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    head: &'a Head,
}

impl<'a> Headers<'a> {
    /// The first value of `name` in any case, when it is text.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.head.field(name)?).ok()
    }

    /// All values of `name` in any case, in the order they came.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values in the order they came.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&'a str, &'a [u8])> + ExactSizeIterator {
        self.head.fields()
    }
}

/// Where body bytes come from: a connection, or a test.
pub(crate) trait BodySource {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;
    fn content_length(&self) -> Option<u64>;
    fn peer_closed(&self) -> bool;
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>>;
}

/// The body of a request, read as it arrives.
pub struct RequestBody<'a> {
    pub(crate) source: &'a mut dyn BodySource,
}

impl RequestBody<'_> {
    /// The length the client announced; `None` for a chunked body or none.
    pub fn content_length(&self) -> Option<u64> {
        self.source.content_length()
    }

    /// The client's socket, when a read would have to wait for it: for relays, which wait for another
    /// peer at the same time. `None` when a read returns at once, with bytes, the end or an error.
    pub fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        self.source.waits_for()
    }

    /// What is left of the body, as [`Request::read_to_vec`].
    ///
    /// # Errors
    /// As [`Request::read_to_vec`].
    pub fn read_to_vec(&mut self) -> io::Result<Vec<u8>> {
        let announced = self.content_length().unwrap_or(0).min(MAX_RESERVE);
        let mut body = Vec::with_capacity(announced as usize);
        self.read_to_end(&mut body)?;
        Ok(body)
    }
}

impl Read for RequestBody<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.source.read(buf)
    }
}
