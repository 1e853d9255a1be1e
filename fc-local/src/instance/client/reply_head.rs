//! What does the head of a reply say? Status, headers, how long its body is, whether the connection lives on.
//! Bytes come in, no socket is known here.

use super::error::Error;

/// How many fields are tried first. The platform limits their bytes and not their number: beyond, the table is as long
/// as what arrived has lines.
const USUAL_FIELDS: usize = 64;

/// Header fields: names in lower case, values as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

#[derive(Debug, PartialEq, Eq)]
pub struct ReplyHead {
    pub status: u16,
    pub headers: Headers,
    pub keep_alive: bool,
}

/// How much of a body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    /// Bytes left of the current chunk; `None` before its size line, which follows the CRLF of a chunk before
    /// it when one `has_begun`.
    Chunked {
        left: Option<u64>,
        has_begun: bool,
    },
    UntilClose,
}

impl Headers {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The values of `name`, which is in lower case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }

    /// What `Content-Length` says, also where there is no body.
    pub fn content_length(&self) -> Option<u64> {
        self.all("content-length").next().and_then(decimal)
    }

    /// Whether a `Connection` header has this option.
    fn connection_says(&self, option: &str) -> bool {
        self.all("connection").any(|value| is_listed(option, value))
    }
}

impl ReplyHead {
    /// A whole head at the start of `bytes` with its length, or `None` when more is needed.
    pub fn parse(bytes: &[u8]) -> Result<Option<(usize, ReplyHead)>, Error> {
        let parsed = match ReplyHead::parse_into(bytes, &mut [httparse::EMPTY_HEADER; USUAL_FIELDS]) {
            Err(httparse::Error::TooManyHeaders) => {
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                ReplyHead::parse_into(bytes, &mut vec![httparse::EMPTY_HEADER; lines])
            }
            parsed => parsed,
        };
        parsed.map_err(|error| Error::BadReply(format!("not an HTTP response: {error}")))
    }

    fn parse_into<'b>(
        bytes: &'b [u8],
        table: &mut [httparse::Header<'b>],
    ) -> Result<Option<(usize, ReplyHead)>, httparse::Error> {
        let mut parsed = httparse::Response::new(table);
        let mut config = httparse::ParserConfig::default();
        // RFC 9112 section 5.1: a proxy removes it.
        config.allow_spaces_after_header_name_in_responses(true);
        let length = match config.parse_response(&mut parsed, bytes)? {
            httparse::Status::Partial => return Ok(None),
            httparse::Status::Complete(length) => length,
        };
        let fields = parsed.headers.iter();
        let headers =
            Headers(fields.map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec())).collect());
        let keep_alive = match parsed.version {
            Some(1) => !headers.connection_says("close"),
            _ => headers.connection_says("keep-alive"),
        };
        let head = ReplyHead { status: parsed.code.unwrap_or(0), headers, keep_alive };
        Ok(Some((length, head)))
    }

    /// RFC 9112 section 6.3, as a client reads it.
    pub fn framing(&self, method: &str) -> Result<Framing, Error> {
        if method == "HEAD" || matches!(self.status, 204 | 304) {
            return Ok(Framing::Length(0));
        }
        let codings: Vec<&[u8]> = self.headers.all("transfer-encoding").collect();
        match codings.as_slice() {
            [] => {}
            [coding] if coding.eq_ignore_ascii_case(b"chunked") => {
                return Ok(Framing::Chunked { left: None, has_begun: false });
            }
            _ => return Err(Error::BadReply("a transfer coding other than chunked".to_owned())),
        }
        let lengths: Vec<&[u8]> = self.headers.all("content-length").collect();
        match lengths.as_slice() {
            [] => Ok(Framing::UntilClose),
            [first, rest @ ..] if rest.iter().all(|value| value == first) => decimal(first)
                .map(Framing::Length)
                .ok_or_else(|| Error::BadReply("a malformed Content-Length".to_owned())),
            _ => Err(Error::BadReply("several Content-Lengths".to_owned())),
        }
    }
}

/// Whether `option` is in the list that a field's value is.
pub fn is_listed(option: &str, value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

/// Digits alone: `parse` would take a leading plus sign too.
fn decimal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ReplyHead {
        let (length, head) = ReplyHead::parse(text.as_bytes()).expect("HTTP").expect("a whole head");
        assert_eq!(length, text.len());
        head
    }

    #[test]
    fn a_head_is_whole_only_with_its_empty_line() {
        let text = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(ReplyHead::parse(&text[..end]).expect("a beginning"), None, "{end} bytes");
        }
        let (length, head) = ReplyHead::parse(&[text, &b"body"[..]].concat()).expect("HTTP").expect("whole");
        assert_eq!((length, head.status, head.headers.all("a").next()), (text.len(), 200, Some(&b"b"[..])));
    }

    #[test]
    fn a_head_has_as_many_fields_as_there_are_bytes_for() {
        for count in [USUAL_FIELDS, USUAL_FIELDS + 1, 128, 129, 8192] {
            let text = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:\r\n".repeat(count));
            assert_eq!(parsed(&text).headers.iter().count(), count);
            assert_eq!(ReplyHead::parse(&text.as_bytes()[..text.len() - 1]).expect("a beginning"), None);
        }
    }

    #[test]
    fn space_before_a_colon_is_removed_as_a_proxy_does() {
        let head = parsed("HTTP/1.1 200 OK\r\nA : b\r\nContent-Length \t: 5\r\n\r\n");
        assert_eq!(head.headers.iter().collect::<Vec<_>>(), [("a", &b"b"[..]), ("content-length", b"5")]);
        assert_eq!(head.framing("GET").expect("a framing"), Framing::Length(5));
        for malformed in ["A b: c", " A: b", ": b"] {
            assert!(ReplyHead::parse(format!("HTTP/1.1 200 OK\r\n{malformed}\r\n\r\n").as_bytes()).is_err());
        }
    }

    #[test]
    fn a_connection_lives_on_as_its_version_and_header_say() {
        for (version, header, keep_alive) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: x, CLOSE\r\n", false),
            ("1.0", "", false),
            ("1.0", "connection: Keep-Alive\r\n", true),
        ] {
            let head = parsed(&format!("HTTP/{version} 200 OK\r\n{header}\r\n"));
            assert_eq!(head.keep_alive, keep_alive, "HTTP/{version} {header:?}");
        }
    }

    #[test]
    fn the_framing_is_what_the_head_and_the_method_say() {
        let chunked = Framing::Chunked { left: None, has_begun: false };
        for (method, status, headers, framing) in [
            ("GET", 200, "content-length: 7\r\n", Framing::Length(7)),
            ("GET", 200, "content-length: 7\r\ncontent-length: 7\r\n", Framing::Length(7)),
            ("GET", 200, "transfer-encoding: Chunked\r\n", chunked),
            ("GET", 200, "transfer-encoding: chunked\r\ncontent-length: 7\r\n", chunked),
            ("GET", 200, "", Framing::UntilClose),
            ("HEAD", 200, "content-length: 7\r\n", Framing::Length(0)),
            ("GET", 204, "transfer-encoding: chunked\r\n", Framing::Length(0)),
            ("GET", 304, "content-length: 7\r\n", Framing::Length(0)),
        ] {
            let head = parsed(&format!("HTTP/1.1 {status} x\r\n{headers}\r\n"));
            assert_eq!(head.framing(method).expect("a framing"), framing, "{method} {status} {headers:?}");
        }
    }

    #[test]
    fn a_framing_that_can_be_read_in_two_ways_is_refused() {
        for headers in [
            "content-length: 1\r\ncontent-length: 2\r\n",
            "content-length: +1\r\n",
            "content-length: \r\n",
            "content-length: 99999999999999999999\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        ] {
            let head = parsed(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n"));
            assert!(matches!(head.framing("GET"), Err(Error::BadReply(_))), "{headers:?}");
        }
    }
}
