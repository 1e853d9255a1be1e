//! What a peer can do wrong on the wire, and how it is told. Every one of these ends the connection: after a
//! request that was not understood nothing that follows can be trusted to be a request.

use std::fmt;

/// A request that is refused: its status and a line of explanation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reject {
    BareLineFeed,
    RequestLine,
    Target,
    TargetTooLong,
    HeaderField,
    HeadTooLarge,
    Version,
    Host,
    Method,
    ContentLength,
    BothLengths,
    TransferEncoding,
    TransferEncodingInHttp10,
    TransferCoding,
    Expectation,
    BodyTooLarge,
    ChunkSize,
    ChunkEnd,
    Trailers,
    BodyEnd,
    HeadTimeout,
    BodyTimeout,
}

impl Reject {
    /// The status of the answer.
    pub(crate) fn status(self) -> u16 {
        match self {
            Reject::HeadTimeout | Reject::BodyTimeout => 408,
            Reject::BodyTooLarge => 413,
            Reject::TargetTooLong => 414,
            Reject::Expectation => 417,
            Reject::HeadTooLarge => 431,
            Reject::Method | Reject::TransferCoding => 501,
            Reject::Version => 505,
            _ => 400,
        }
    }

    /// The one line the peer is shown.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Reject::BareLineFeed => "bare line feed (RFC 9112 section 2.2)",
            Reject::RequestLine => "malformed request line (RFC 9112 section 3)",
            Reject::Target => "malformed request target (RFC 9112 section 3.2)",
            Reject::TargetTooLong => "request target over 8192 bytes",
            Reject::HeaderField => "malformed header field (RFC 9112 section 5)",
            Reject::HeadTooLarge => "header section over 32768 bytes",
            Reject::Version => "only HTTP/1 is served",
            Reject::Host => "missing, repeated or malformed Host (RFC 9112 section 3.2)",
            Reject::Method => "this method is not served",
            Reject::ContentLength => "malformed or repeated Content-Length (RFC 9112 section 6.3)",
            Reject::BothLengths => "both Transfer-Encoding and Content-Length (RFC 9112 section 6.3)",
            Reject::TransferEncoding => "malformed Transfer-Encoding (RFC 9112 section 6.1)",
            Reject::TransferEncodingInHttp10 => "Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)",
            Reject::TransferCoding => "only the transfer coding chunked is served",
            Reject::Expectation => "only the expectation 100-continue is served",
            Reject::BodyTooLarge => "request body over the limit",
            Reject::ChunkSize => "malformed chunk line (RFC 9112 section 7.1)",
            Reject::ChunkEnd => "chunk without its line end (RFC 9112 section 7.1)",
            Reject::Trailers => "malformed trailer section (RFC 9112 section 7.1.2)",
            Reject::BodyEnd => "request body ended early (RFC 9112 section 8)",
            Reject::HeadTimeout => "request head not complete in time",
            Reject::BodyTimeout => "request body stalled",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// The same: an author who logs an error with its `Debug` reads the reason, and the names of the variants are not in
/// the binary.
impl fmt::Debug for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Reject {}
