//! Public advisories of request smuggling, and of requests that end a server, in servers of the field: the bytes of each,
//! and what a server that is safe says to them. What it is that answers is not known here.

use std::net::SocketAddr;

use crate::client::Client;

/// One advisory.
pub struct Advisory {
    /// Its id, whose it was, and what was wrong.
    pub name: &'static str,
    /// A request, a character for each byte.
    pub wire: &'static str,
    /// The statuses of all responses to it and to another request behind it, `/behind`. Where the last is an error,
    /// the connection ends with it, and nothing behind it is a request.
    pub statuses: &'static [u16],
}

/// The request behind each of them.
pub const BEHIND: &str = "GET /behind HTTP/1.1\r\nHost: h\r\n\r\n";

const BAD: &[u16] = &[400];
const FINE: &[u16] = &[200, 200];

const fn row(name: &'static str, wire: &'static str, statuses: &'static [u16]) -> Advisory {
    Advisory { name, wire, statuses }
}

/// A request with a body: its framing and the body.
macro_rules! post {
    ($rest:expr) => {
        concat!("POST / HTTP/1.1\r\nHost: h\r\n", $rest)
    };
}

/// A request with a chunked body.
macro_rules! chunks {
    ($rest:expr) => {
        concat!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", $rest)
    };
}

#[rustfmt::skip]
pub const ADVISORIES: &[Advisory] = &[
    // Chunk sizes.
    row("CVE-2021-32714 hyper: a chunk size that overflows", chunks!("f0000000000000003\r\nabc\r\n0\r\n\r\n"), BAD),
    row("CVE-2017-7657 Jetty: a chunk size that overflows to 0", chunks!("10000000000000000\r\nabc\r\n0\r\n\r\n"), BAD),
    row("CVE-2022-24761 waitress: a chunk size with a sign", chunks!("+3\r\nabc\r\n0\r\n\r\n"), BAD),
    row("CVE-2022-24801 Twisted: a chunk size with a prefix", chunks!("0x3\r\nabc\r\n0\r\n\r\n"), BAD),
    row("CVE-2023-47627 aiohttp: a chunk size with an underscore", chunks!("0_3\r\nabc\r\n0\r\n\r\n"), BAD),
    row("CVE-2015-3183 Apache httpd: white space for a chunk size", chunks!(" \r\nabc\r\n0\r\n\r\n"), BAD),
    // Chunk lines.
    row("CVE-2025-43859 h11: what ends a chunk is not looked at", chunks!("5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n"), BAD),
    row("CVE-2025-22871 Go: a bare LF ends a chunk size", chunks!("3\nabc\r\n0\r\n\r\n"), BAD),
    row("CVE-2025-58056 Netty: a bare LF ends a chunk extension", chunks!("3;a\nabc\r\n0\r\n\r\n"), BAD),
    row("CVE-2021-22960 Node: a LF in a chunk extension", chunks!("2;\nxx\r\n4c\r\n0\r\n\r\n"), BAD),
    row("CVE-2024-52304 aiohttp: a CR in a chunk extension", chunks!("2;a\rb\r\nxx\r\n0\r\n\r\n"), BAD),
    row("CVE-2024-21647 Puma, CVE-2023-39326 Go: chunk extensions without an end", EXTENSIONS, BAD),
    row("CVE-2021-41136 Puma: a bare LF ends the last chunk", chunks!("3\r\nabc\r\n0\n\n"), BAD),
    // Trailers.
    row("CVE-2025-53643 aiohttp: trailers are read as the next request", chunks!("3\r\nabc\r\n0\r\nGET: x\r\nX-T: v\r\n\r\n"), FINE),
    row("CVE-2023-40175 Puma: a trailer that is no field", chunks!("0\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"), BAD),
    row("CVE-2023-45648 Tomcat: a trailer without a name", chunks!("0\r\n: x\r\n\r\n"), BAD),
    row("CVE-2023-46589 Tomcat: trailers over the limit", TRAILERS, BAD),
    // Content-Length.
    row("CVE-2021-32715 hyper, RUSTSEC-2021-0081 actix-http: a Content-Length with a sign", post!("Content-Length: +3\r\n\r\nabc"), BAD),
    row("CVE-2023-40167 Jetty: the same with a minus", post!("Content-Length: -3\r\n\r\nabc"), BAD),
    row("CVE-2018-7159 Node: white space in a Content-Length", post!("Content-Length: 1 3\r\n\r\nabc"), BAD),
    row("GHSA-qppv-j76h-2rpx Tornado: an underscore in a Content-Length", post!("Content-Length: 0_3\r\n\r\nabc"), BAD),
    row("CVE-2023-40225 HAProxy, CVE-2023-40175 Puma: an empty Content-Length", post!("Content-Length:\r\n\r\n"), BAD),
    row("CVE-2022-42252 Tomcat: a Content-Length that is none", post!("Content-Length: abc\r\n\r\nabc"), BAD),
    row("CVE-2019-16792 waitress, CVE-2017-7658 Jetty: two Content-Lengths", post!("Content-Length: 3\r\nContent-Length: 0\r\n\r\nabc"), BAD),
    row("CVE-2020-10108 Twisted: a Content-Length that is a list", post!("Content-Length: 3, 3\r\n\r\nabc"), BAD),
    row("CVE-2021-40346 HAProxy: a long name that begins as Content-Length", LONG_NAME, FINE),
    row("RUSTSEC-2020-0008 hyper: a body of a GET is read as a request", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", FINE),
    row("CVE-2022-22720 Apache httpd: what is left of a body is read as a request", "POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", FINE),
    // Transfer-Encoding and Content-Length together.
    row("CVE-2015-5741 Go, CVE-2020-10109 Twisted, CVE-2024-47220 WEBrick: both lengths", post!("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2019-20445 Netty: the same in the other order", post!("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2024-6827 gunicorn: an unknown coding falls back to the length", post!("Transfer-Encoding: foo\r\nContent-Length: 3\r\n\r\nabc"), BAD),
    // Transfer-Encoding.
    row("RUSTSEC-2020-0031 tiny_http: a coding that only begins as chunked", post!("Transfer-Encoding: chunkedfoo\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2022-32213 Node: chunked twice in one word", post!("Transfer-Encoding: chunkedchunked\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2020-8287 Node: two Transfer-Encodings", post!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2022-1705 Go: an empty member before chunked", post!("Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2024-1135 gunicorn: chunked is not the last one", post!("Transfer-Encoding: chunked,gzip\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2020-1935 Tomcat: a coding that is none", post!("Transfer-Encoding: x, identity\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2021-33037 Tomcat: identity before chunked", post!("Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2021-33037 Tomcat: chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    row("CVE-2019-16786 waitress: a coding that is not implemented", post!("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), &[501]),
    row("CVE-2019-16789 waitress: a vertical tab before chunked", post!("Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"), BAD),
    row("GHSA-753j-mpmx-qq6g Tornado: white space that is none in HTTP", post!("Transfer-Encoding: chunked\u{a0}\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2020-11076 Puma: a quoted coding", post!("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2022-32215 Node: a Transfer-Encoding of two lines", post!("Transfer-Encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n"), BAD),
    // Field lines.
    row("CVE-2019-16276 Go, CVE-2019-16869 Netty: a space before the colon", post!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2021-22959 Node: the same of a length", post!("Content-Length : 3\r\n\r\nabc"), BAD),
    row("CVE-2024-27982 Node: a space before the first name", "POST / HTTP/1.1\r\n Content-Length: 3\r\nHost: h\r\n\r\nabc", BAD),
    row("CVE-2015-5739 Go: a space in a name", post!("Content Length: 3\r\n\r\nabc"), BAD),
    row("CVE-2022-32214 Node, CVE-2019-16785 waitress: a bare LF ends a field line", post!("X: x\nContent-Length: 3\r\n\r\nabc"), BAD),
    row("CVE-2023-30589 Node: a bare CR ends a field line", post!("X: x\rContent-Length: 3\r\n\r\nabc"), BAD),
    row("CVE-2022-35256 Node: a value that is a bare CR", post!("X:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2020-8201 Node: a CR for a hyphen", post!("Transfer\rEncoding: chunked\r\n\r\n0\r\n\r\n"), BAD),
    row("CVE-2023-25725 HAProxy: a field without a name", post!(": x\r\nContent-Length: 3\r\n\r\nabc"), BAD),
    row("CVE-2019-20444 Netty: a field without a colon", post!("Content-Length\r\n\r\n"), BAD),
    row("CVE-2021-43797 Netty: a control character in a name", post!("Content-Length\x01: 3\r\n\r\nabc"), BAD),
    row("CVE-2024-52530 libsoup: a NUL at the end of a name", post!("Transfer-Encoding\0: chunked\r\n\r\n0\r\n\r\n"), BAD),
    // Request lines.
    row("CVE-2023-25690 Apache httpd: a second version in the target", "GET /a HTTP/1.1 /b HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    row("CVE-2023-49082 aiohttp: a line end in the version", "GET / HTTP/1.1\n\r\nHost: h\r\n\r\n", BAD),
    row("CVE-2017-7656 Jetty: HTTP/0.9", "GET /\r\n\r\n", BAD),
    // More than one request.
    row("CVE-2024-41671 Twisted: pipelined requests are answered out of order", "GET /first HTTP/1.1\r\nHost: h\r\n\r\n", FINE),
];

/// Twenty thousand bytes of extensions in chunks of one byte.
const EXTENSIONS: &str = {
    macro_rules! times_ten {
        ($text:expr) => {
            concat!($text, $text, $text, $text, $text, $text, $text, $text, $text, $text)
        };
    }
    chunks!(concat!(
        times_ten!(times_ten!(concat!("1;", times_ten!("aaaaaaaaaaaaaaaaaaaa"), "\r\nx\r\n"))),
        "0\r\n\r\n"
    ))
};

const TRAILERS: &str = {
    macro_rules! times_ten {
        ($text:expr) => {
            concat!($text, $text, $text, $text, $text, $text, $text, $text, $text, $text)
        };
    }
    chunks!(concat!("0\r\n", times_ten!(times_ten!(times_ten!("X-T: abcd\r\n"))), "\r\n"))
};

/// 270 bytes of a name, whose length is 14 in eight bits.
const LONG_NAME: &str = {
    macro_rules! times_sixteen {
        ($text:expr) => {
            concat!(
                $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text, $text,
                $text, $text, $text
            )
        };
    }
    post!(concat!(
        "Content-Length",
        times_sixteen!(times_sixteen!("0")),
        ": 5\r\nContent-Length: 3\r\n\r\nabc"
    ))
};

impl Advisory {
    /// What a server says to it, all of it. The server is to end by itself what it refuses.
    pub fn said_by(&self, address: SocketAddr) -> Vec<u16> {
        let mut client = Client::connect(address);
        let latin: Vec<u8> = self.wire.chars().map(|c| u8::try_from(c as u32).expect("Latin-1")).collect();
        // It may be refused before its end.
        let sent = client.try_send(&latin).and_then(|()| client.try_send(BEHIND.as_bytes()));
        let is_refused = self.statuses.last().is_none_or(|status| *status >= 400);
        if !is_refused && sent.is_ok() {
            client.end_sending();
        }
        let said = String::from_utf8_lossy(&client.rest()).into_owned();
        said.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
    }

    /// How many of its requests a function may see.
    pub fn requests(&self) -> usize {
        self.statuses.iter().filter(|status| **status == 200).count()
    }
}
