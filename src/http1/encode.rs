//! A response's bytes: the status line, the fields that frame it, the author's fields, and chunks.

use super::head::Head;

/// Asks the client for the body it announced (RFC 9110 section 10.1.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The type of a text of ours, as a field.
pub(crate) const TEXT: &[u8] = b"content-type: text/plain; charset=utf-8\r\n";

/// Ends a chunked body without trailers.
pub(crate) const FINAL_CHUNK: &[u8] = b"0\r\n\r\n";

/// How the end of a response's body is known to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseFraming {
    /// 204 and 304 carry neither a body nor a length (RFC 9110 section 8.6).
    Bodiless,
    Length(u64),
    Chunked,
    /// HTTP/1.0 knows no chunks: the end of the connection ends the body.
    UntilClose,
}

/// What the response says of the connection's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// HTTP/1.1's default, which needs no field.
    Implied,
    /// HTTP/1.0's exception, which does.
    KeepAlive,
    Close,
}

impl ResponseFraming {
    /// How a body framed as this is framed in a response with this status to that request (RFC 9112 section
    /// 6.3).
    pub(crate) fn for_response(self, status: u16, request: &Head) -> ResponseFraming {
        match self {
            _ if matches!(status, 204 | 304) => ResponseFraming::Bodiless,
            _ if status == 205 => ResponseFraming::Length(0),
            ResponseFraming::Chunked if request.method() == "HEAD" => ResponseFraming::Bodiless,
            ResponseFraming::Chunked if request.http10 => ResponseFraming::UntilClose,
            framing => framing,
        }
    }
}

/// Whether a response with this status to that request has a body at all.
pub(crate) fn has_body(status: u16, request: &Head) -> bool {
    request.method() != "HEAD" && !matches!(status, 204 | 205 | 304)
}

impl Announcement {
    /// What tells a client of the request's version whether the connection persists.
    pub(crate) fn new(persists: bool, http10: bool) -> Announcement {
        match (persists, http10) {
            (false, _) => Announcement::Close,
            (true, true) => Announcement::KeepAlive,
            (true, false) => Announcement::Implied,
        }
    }
}

/// Appends a response's head to `out`, but for its end. `fields` are further lines, each with its CRLF.
pub(crate) fn begin_head(
    out: &mut Vec<u8>,
    status: u16,
    framing: ResponseFraming,
    date: &[u8],
    fields: [&[u8]; 2],
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason_phrase(status).as_bytes());
    out.extend_from_slice(b"\r\ndate: ");
    out.extend_from_slice(date);
    match framing {
        ResponseFraming::Bodiless | ResponseFraming::UntilClose => {}
        ResponseFraming::Length(length) => {
            out.extend_from_slice(b"\r\ncontent-length: ");
            decimal(out, length);
        }
        ResponseFraming::Chunked => out.extend_from_slice(b"\r\ntransfer-encoding: chunked"),
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(fields[0]);
    out.extend_from_slice(fields[1]);
}

/// Appends what the head says of the connection, and the empty line that ends it.
#[inline(always)]
pub(crate) fn end_head(out: &mut Vec<u8>, announcement: Announcement) {
    match announcement {
        Announcement::Implied => {}
        Announcement::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Announcement::Close => out.extend_from_slice(b"connection: close\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// The line before a chunk of `size` bytes.
pub(crate) fn chunk_size_line(out: &mut Vec<u8>, size: usize) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        if let Some(&digit) = b"0123456789abcdef".get((size >> (digit * 4)) & 15) {
            out.push(digit);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Without the formatting machinery: this runs for every response.
fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut unused = digits.len();
    for digit in digits.iter_mut().rev() {
        unused -= 1;
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(unused..).unwrap_or_default());
}

/// The registered phrase (RFC 9110 section 15); empty for a status without one, which is allowed.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::Progress;

    fn head(status: u16, framing: ResponseFraming, announcement: Announcement, fields: &str) -> String {
        let mut out = Vec::new();
        begin_head(&mut out, status, framing, b"DATE", [fields.as_bytes(), b""]);
        end_head(&mut out, announcement);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_frames_its_body_and_ends_with_an_empty_line() {
        assert_eq!(
            head(200, ResponseFraming::Length(13), Announcement::Implied, "a: b\r\n"),
            "HTTP/1.1 200 OK\r\ndate: DATE\r\ncontent-length: 13\r\na: b\r\n\r\n"
        );
        assert_eq!(
            head(200, ResponseFraming::Chunked, Announcement::Close, ""),
            "HTTP/1.1 200 OK\r\ndate: DATE\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(
            head(204, ResponseFraming::Bodiless, Announcement::KeepAlive, ""),
            "HTTP/1.1 204 No Content\r\ndate: DATE\r\nconnection: keep-alive\r\n\r\n"
        );
    }

    #[test]
    fn a_body_is_framed_as_status_method_and_version_allow() {
        let request = |line: &str| {
            let mut head = Head::default();
            let wire = format!("{line}\r\nHost: h\r\n\r\n");
            head.parse(wire.as_bytes(), &mut Progress::default()).unwrap();
            head
        };
        let [get, head, old] = ["GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0"].map(request);
        for (framing, status, request, expected, body) in [
            (ResponseFraming::Chunked, 200, &get, ResponseFraming::Chunked, true),
            (ResponseFraming::Length(5), 200, &get, ResponseFraming::Length(5), true),
            (ResponseFraming::Length(5), 204, &get, ResponseFraming::Bodiless, false),
            (ResponseFraming::Chunked, 304, &get, ResponseFraming::Bodiless, false),
            (ResponseFraming::Length(5), 205, &get, ResponseFraming::Length(0), false),
            (ResponseFraming::Chunked, 200, &head, ResponseFraming::Bodiless, false),
            (ResponseFraming::Length(5), 200, &head, ResponseFraming::Length(5), false),
            (ResponseFraming::Chunked, 200, &old, ResponseFraming::UntilClose, true),
        ] {
            assert_eq!(framing.for_response(status, request), expected, "{framing:?} {status}");
            assert_eq!(has_body(status, request), body, "{framing:?} {status}");
        }
    }

    #[test]
    fn persistence_is_announced_where_the_version_does_not_imply_it() {
        assert_eq!(Announcement::new(true, false), Announcement::Implied);
        assert_eq!(Announcement::new(true, true), Announcement::KeepAlive);
        assert_eq!([true, false].map(|http10| Announcement::new(false, http10)), [Announcement::Close; 2]);
    }

    #[test]
    fn a_status_without_a_phrase_keeps_the_space_before_it() {
        let head = head(299, ResponseFraming::Length(u64::MAX), Announcement::Implied, "");
        assert!(head.starts_with("HTTP/1.1 299 \r\n"), "{head}");
        assert!(head.contains("content-length: 18446744073709551615\r\n"), "{head}");
    }

    #[test]
    fn chunk_sizes_are_hexadecimal_without_leading_zeros() {
        for (size, line) in [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (0xabc0, "abc0\r\n")] {
            let mut out = Vec::new();
            chunk_size_line(&mut out, size);
            assert_eq!(out, line.as_bytes());
        }
    }
}
