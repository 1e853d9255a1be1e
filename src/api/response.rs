//! A response as the author's code makes it. The headers that frame it, and all that goes on the
//! wire, are the connection's.

use crate::api::RequestBody;
use crate::contain::Contained;
use crate::http1::{is_field_value, is_token};
use anyhow::anyhow;
use std::borrow::Cow;
use std::io::{self, Read, Write};

/// The runtime writes these itself: a second one could split a response or break its framing.
const RESERVED: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-fc-status",
];

const CONTENT_TYPE: &str = "content-type";

/// Of a body that is written piece by piece, so much is collected before it is sent.
pub(crate) const PIECE: usize = 32 * 1024;

/// A response: status, headers, and a body of bytes, of a reader, or written piece by piece.
///
/// ```
/// # use fc_runtime::Response;
/// let created = Response::text("order 7").with_status(201).with_header("location", "/orders/7");
/// let elsewhere = Response::new(303).with_header("location", "/login");
/// ```
///
/// A `HEAD` is answered with the same response as a `GET`: its body stays here. So does that of a 204 or 304.
pub struct Response {
    pub(crate) status: u16,
    /// The author's headers as they go on the wire.
    pub(crate) lines: Cow<'static, [u8]>,
    pub(crate) body: Body,
    /// What is wrong with the first header that is.
    pub(crate) fault: Option<String>,
}

type Producer = dyn FnOnce(&mut RequestBody<'_>, &mut BodyWriter<'_>) -> anyhow::Result<()> + Send;

pub(crate) enum Body {
    Bytes(Cow<'static, [u8]>),
    Reader { reader: Contained<Box<dyn Read + Send>>, length: Option<u64> },
    Stream(Contained<Box<Producer>>),
}

impl Body {
    /// How many bytes it has, where that is known before they are written.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Reader { length, .. } => *length,
            Body::Stream(_) => None,
        }
    }

    /// Writes it, once: the author's code, which the caller contains.
    pub(crate) fn write(
        &mut self,
        request: &mut RequestBody<'_>,
        out: &mut BodyWriter<'_>,
    ) -> anyhow::Result<()> {
        match self {
            Body::Bytes(bytes) => Ok(out.write_all(bytes)?),
            Body::Reader { reader, length } => match reader.get_mut() {
                Some(reader) => copy(reader, *length, out),
                None => Ok(()),
            },
            Body::Stream(produce) => match produce.take() {
                Some(produce) => produce(request, out),
                None => Ok(()),
            },
        }
    }
}

impl Response {
    /// A response without a body.
    pub fn new(status: u16) -> Response {
        Response { status, lines: Cow::Borrowed(b""), body: Body::Bytes(Cow::Borrowed(b"")), fault: None }
    }

    /// 200 with text, as `text/plain; charset=utf-8`.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Response {
        let body = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Response::typed(b"content-type: text/plain; charset=utf-8\r\n", body)
    }

    /// 200 with bytes, without a content type.
    pub fn bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Response {
        Response::typed(b"", bytes.into())
    }

    /// 200 with what `reader` gives: exactly `length` bytes, or as many as there are, chunked. When it fails or ends
    /// early before 32 KiB, that is the failure of the invocation; afterwards the connection is closed, so that the
    /// client notices.
    pub fn reader(reader: impl Read + Send + 'static, length: Option<u64>) -> Response {
        Response {
            body: Body::Reader { reader: Contained::new(Box::new(reader)), length },
            ..Response::new(200)
        }
    }

    /// 200 with what `produce` writes, chunked. It is handed what is left of the request's body, so
    /// that it can answer while it reads, and runs on the invocation's thread after `invoke` has
    /// returned. What it writes is sent when there are 32 KiB of it, on `flush`, and before it
    /// waits for more of the request. A client that has gone away is an error from `write` or `flush`.
    ///
    /// An error of its own before anything is sent becomes the response that it would be in `invoke`;
    /// afterwards the connection is closed, so that the client notices.
    ///
    /// ```
    /// # use fc_runtime::Response;
    /// # use std::io::Write;
    /// let events = Response::stream(|_, out| {
    ///     for number in 0..3 {
    ///         write!(out, "data: {number}\n\n")?;
    ///         out.flush()?;
    ///     }
    ///     Ok(())
    /// })
    /// .with_header("content-type", "text/event-stream");
    /// ```
    pub fn stream<F>(produce: F) -> Response
    where
        F: FnOnce(&mut RequestBody<'_>, &mut BodyWriter<'_>) -> anyhow::Result<()> + Send + 'static,
    {
        Response { body: Body::Stream(Contained::new(Box::new(produce))), ..Response::new(200) }
    }

    /// The same with another status, from 200 to 599; any other makes the response a 500 and a log line.
    pub fn with_status(self, status: u16) -> Response {
        Response { status, ..self }
    }

    /// The same with one more header; a content type takes the place of the one that is there. An invalid name or
    /// value, or a name that frames the response (Content-Length, Connection, Date and so on), makes the
    /// response a 500 and a log line.
    pub fn with_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Response {
        let value = value.as_ref().trim_ascii();
        if let Some(fault) = fault_of(name, value) {
            self.fault.get_or_insert(fault);
            return self;
        }
        if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            self.remove_header(CONTENT_TYPE);
        }
        let lines = self.lines.to_mut();
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            lines.extend_from_slice(part);
        }
        self
    }

    fn remove_header(&mut self, name: &str) {
        let is_other = |line: &&[u8]| !field(line).is_some_and(|(other, _)| other.eq_ignore_ascii_case(name));
        if !self.lines.is_empty() {
            let others: Vec<_> = self.lines.split_inclusive(|&b| b == b'\n').filter(is_other).collect();
            self.lines = Cow::Owned(others.concat());
        }
    }

    /// What the author did wrong, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let status_fault = || format!("status {} is not from 200 to 599", self.status);
        self.fault.clone().or_else(|| (!(200..600).contains(&self.status)).then(status_fault))
    }

    pub(super) fn typed(line: &'static [u8], body: Cow<'static, [u8]>) -> Response {
        Response { lines: Cow::Borrowed(line), body: Body::Bytes(body), ..Response::new(200) }
    }
}

/// Name and value of a line.
fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|&b| b == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((std::str::from_utf8(name).ok()?, value.get(1..)?.trim_ascii()))
}

/// The fields of a head's lines.
pub(crate) fn fields(lines: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    lines.split(|&b| b == b'\n').filter_map(field)
}

impl From<&'static str> for Response {
    fn from(text: &'static str) -> Response {
        Response::text(text)
    }
}

impl From<String> for Response {
    fn from(text: String) -> Response {
        Response::text(text)
    }
}

impl From<Vec<u8>> for Response {
    fn from(bytes: Vec<u8>) -> Response {
        Response::bytes(bytes)
    }
}

fn fault_of(name: &str, value: &[u8]) -> Option<String> {
    if !is_token(name.as_bytes()) {
        return Some(format!("invalid header name {name:?}"));
    }
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Some(format!("header {name} is written by the runtime"));
    }
    (!is_field_value(value)).then(|| format!("invalid value of header {name}"))
}

/// Writes exactly `length` bytes of `reader`, or all there are.
fn copy(reader: &mut dyn Read, length: Option<u64>, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(length) = length else {
        io::copy(reader, out)?;
        return Ok(());
    };
    let copied = io::copy(&mut reader.take(length), out)?;
    if copied < length {
        return Err(anyhow!("the body's reader ended after {copied} of {length} bytes"));
    }
    Ok(())
}

/// Takes a response's body piece by piece, see [`Response::stream`]. What is written is sent at a `flush`, and when
/// there are 32 KiB of it; an error is that of a client which has gone away, or takes nothing for
/// [`write_timeout`](crate::ServerConfig::write_timeout).
pub struct BodyWriter<'a> {
    pub(crate) sink: &'a mut dyn Write,
}

impl Write for BodyWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.sink.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, value: &str) -> Option<String> {
        Response::new(200).with_header(name, value).fault()
    }

    #[test]
    fn no_header_can_split_a_response() {
        for (name, value) in [
            ("a\r\nb", "c"),
            ("a b", "c"),
            ("", "c"),
            ("a:", "c"),
            ("a", "b\r\nc: d"),
            ("a", "b\nc"),
            ("a", "b\0"),
            ("Content-Length", "3"),
            ("transfer-encoding", "chunked"),
            ("CONNECTION", "close"),
            ("x-fc-status", "200"),
        ] {
            assert!(fault(name, value).is_some(), "{name:?}: {value:?}");
        }
        assert_eq!(fault("a", " b\tc "), None);
        assert_eq!(fault("a", "\u{e9}"), None);
    }

    #[test]
    fn a_status_outside_of_200_to_599_is_a_fault() {
        for status in [0, 100, 101, 199, 600, 999] {
            assert!(Response::new(status).fault().is_some(), "{status}");
        }
        assert!(Response::new(299).fault().is_none());
    }

    #[test]
    fn headers_are_kept_in_order() {
        let response = Response::text("x").with_header("a", "1").with_header("b", "").with_header("a", "2");
        let headers: Vec<_> = fields(&response.lines).skip(1).collect();
        assert_eq!(headers, [("a", &b"1"[..]), ("b", b""), ("a", b"2")]);
    }

    #[test]
    fn a_response_has_one_content_type() {
        let response = Response::text("<p>").with_header("a", "1").with_header("Content-Type", "text/html");
        let headers: Vec<_> = fields(&response.lines).collect();
        assert_eq!(headers, [("a", &b"1"[..]), ("Content-Type", b"text/html")]);
    }

    #[test]
    fn a_reader_gives_what_was_announced_and_no_more() {
        let copied = |text: &str, length| {
            let mut out = Vec::new();
            copy(&mut text.as_bytes(), length, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(copied("0123456789", None).unwrap(), "0123456789");
        assert_eq!(copied("0123456789", Some(4)).unwrap(), "0123");
        let error = copied("012", Some(4)).unwrap_err();
        assert_eq!(error.to_string(), "the body's reader ended after 3 of 4 bytes");
    }
}
