//! A request as the author's code sees it. How its body arrives is the connection's business.

use crate::api::StatusError;
use crate::http1::Head;
use std::borrow::Cow;
use std::io::{self, Read};
#[cfg(feature = "internals")]
use std::os::fd::BorrowedFd;

/// How much of an announced length is reserved at once: the rest has to arrive first.
const MAX_RESERVE: u64 = 64 * 1024;

/// A request: method, target, headers, and the body.
///
/// The body is read once: as a whole by [`bytes`](Request::bytes), [`text`](Request::text) or, with the feature
/// `json`, `json`; piece by piece through [`body`](Request::body), or by a
/// [`Response::stream`](crate::Response::stream), which is handed what is left of it.
///
/// ```
/// # use fc_runtime::{Context, Request, Response, StatusError};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let count = match request.query_value("count") {
///         Some(count) => count.parse().map_err(|_| StatusError::new(400, "count: expected a number"))?,
///         None => 1,
///     };
///     Ok(Response::text(request.text()?.repeat(count)))
/// }
/// # use fc_runtime::testing::Call;
/// # let response = Call::http("PUT", "/a?x=1&count=%33").with_body("ab").send(&invoke);
/// # assert_eq!(response.text(), "ababab");
/// ```
pub struct Request<'a> {
    pub(crate) head: &'a Head,
    pub(crate) body: RequestBody<'a>,
}

impl<'a> Request<'a> {
    /// The method, as sent: `GET`, `POST`, or any other. A `HEAD` can be answered as a `GET` is: the body of
    /// the response stays here.
    pub fn method(&self) -> &'a str {
        self.head.method()
    }

    /// The path, as sent: not decoded, and at least `/`.
    pub fn path(&self) -> &'a str {
        self.head.path()
    }

    /// What follows the `?`, as sent.
    pub fn query(&self) -> Option<&'a str> {
        self.head.query()
    }

    /// The first value of `name` in the query, decoded as forms are encoded (WHATWG URL, section 5.1): `+` is a
    /// space, `%41` an `A`. A name without `=` has an empty value.
    pub fn query_value(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_urlencoded::parse(self.query()?.as_bytes());
        pairs.find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// The first value of a header, in whatever case its name is written, when it is text. `host` is the
    /// target's own where that names one (RFC 9112 section 3.2.2). With [`hooks`](crate::ServerConfig::hooks) off an
    /// `x-fc-` header is the client's, like any other.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        if name.eq_ignore_ascii_case("host") {
            return self.head.authority();
        }
        str::from_utf8(self.head.field(name)?).ok()
    }

    /// Names and values of all headers, in the order they came.
    pub fn headers(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&'a str, &'a [u8])> + ExactSizeIterator + use<'a> {
        self.head.fields()
    }

    /// The value of a cookie, as sent (RFC 6265 section 4.2). One is set by the header `set-cookie` of a
    /// response.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let lines = self.headers().filter(|(other, _)| other.eq_ignore_ascii_case("cookie"));
        let pairs = lines.flat_map(|(_, line)| line.split(|&b| b == b';'));
        let mut pairs = pairs.filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('='));
        pairs.find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// The whole body.
    ///
    /// # Errors
    /// When there is no memory for it, which an HTTP client is told with 503; when the client breaks off, stalls for longer than
    /// [`body_timeout`](crate::ServerConfig::body_timeout), breaks the framing, or goes over
    /// [`max_body`](crate::ServerConfig::max_body). Return it: the client is then told what it did wrong.
    pub fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let announced = self.body.source.content_length().unwrap_or(0).min(MAX_RESERVE);
        let mut body = Vec::new();
        body.try_reserve_exact(announced as usize)?;
        self.body.read_to_end(&mut body)?;
        Ok(body)
    }

    /// The whole body as UTF-8.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and a [`StatusError`](crate::StatusError) with 400 for a body that is not
    /// UTF-8.
    pub fn text(&mut self) -> anyhow::Result<String> {
        let text = String::from_utf8(self.bytes()?);
        text.map_err(|error| {
            StatusError::new(400, format!("the body is no text: {}", error.utf8_error())).into()
        })
    }

    /// The body as a reader, for what is too large to have as a whole.
    pub fn body(&mut self) -> &mut RequestBody<'a> {
        &mut self.body
    }

    /// Whether the client has gone away, so that an answer would reach nobody. A client that only
    /// ended its sending counts as gone. Does not block.
    pub fn peer_closed(&self) -> bool {
        self.body.source.peer_closed()
    }

    /// The client's socket, for relays that want to know more of its end; `None` in tests.
    #[cfg(feature = "internals")]
    #[doc(hidden)]
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.body.source.socket()
    }
}

/// Where body bytes come from: a connection, or a test.
pub(crate) trait BodySource {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;
    fn content_length(&self) -> Option<u64>;
    fn peer_closed(&self) -> bool;
    #[cfg(feature = "internals")]
    fn end_waits_in(&self, time: std::time::Duration);
    #[cfg(feature = "internals")]
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>>;
    #[cfg(feature = "internals")]
    fn socket(&self) -> Option<BorrowedFd<'_>>;
}

/// The body of a request, read as it arrives: by [`Request::body`], or by a
/// [`Response::stream`](crate::Response::stream) that answers while it reads. A read waits for the client, for
/// [`body_timeout`](crate::ServerConfig::body_timeout) at the most; its errors are those of [`Request::bytes`].
pub struct RequestBody<'a> {
    pub(crate) source: &'a mut dyn BodySource,
}

impl RequestBody<'_> {
    /// Ends every wait for the client in this request in `time` from now, also one in which it makes progress: to
    /// read its body, which then fails with [`io::ErrorKind::WouldBlock`], and to write the response.
    #[cfg(feature = "internals")]
    #[doc(hidden)]
    pub fn end_waits_in(&self, time: std::time::Duration) {
        self.source.end_waits_in(time);
    }

    /// The client's socket, when a read would have to wait for it: for relays, which wait for another
    /// peer at the same time. `None` when a read returns at once, with bytes, the end or an error.
    #[cfg(feature = "internals")]
    #[doc(hidden)]
    pub fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        self.source.waits_for()
    }
}

impl Read for RequestBody<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.source.read(buf)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, Collected};
    use crate::{Context, Request, Response};

    /// What a function finds in a request.
    fn found(
        call: Call,
        look: impl Fn(&mut Request<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Collected {
        call.send(&move |_: &Context, mut request: Request<'_>| {
            Ok(Response::text(look(&mut request).unwrap_or("nothing".into())))
        })
    }

    #[test]
    fn a_query_value_is_the_first_of_its_name_decoded() {
        for (query, value) in [
            ("?a=1&count=3", "3"),
            ("?count=3&count=4", "3"),
            ("?count=a+b%26c", "a b&c"),
            ("?%63ount=x", "x"),
            ("?count", ""),
            ("?count=&a", ""),
            ("?count=%ff", "\u{fffd}"),
            ("?discount=3", "nothing"),
            ("?", "nothing"),
            ("", "nothing"),
        ] {
            let look = |request: &mut Request<'_>| request.query_value("count").map(String::from);
            assert_eq!(found(Call::http("GET", &format!("/{query}")), look).text(), value, "{query}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_in_any_line() {
        let call =
            Call::http("GET", "/").with_header("Cookie", "a=1; xid=2;id=a=b").with_header("cookie", "c=4");
        for (name, value) in [("a", "1"), ("id", "a=b"), ("c", "4"), ("d", "nothing"), ("A", "nothing")] {
            let look = move |request: &mut Request<'_>| request.cookie(name).map(str::to_owned);
            assert_eq!(found(call.clone(), look).text(), value, "{name}");
        }
    }

    #[test]
    fn the_host_is_that_of_the_target_where_it_names_one() {
        for (target, host) in [("http://b:1/x", "b:1"), ("/x", "a")] {
            let call = Call::http("GET", target).with_header("host", "a");
            let look = |request: &mut Request<'_>| request.header("Host").map(str::to_owned);
            assert_eq!(found(call, look).text(), host, "{target}");
        }
    }

    #[test]
    fn a_body_that_is_no_text_is_the_clients_mistake() {
        let call = Call::http("POST", "/").with_body([b'a', 0xff]);
        let response = call.send(&|_: &Context, mut request: Request<'_>| Ok(request.text()?.into()));
        assert_eq!(response.status(), 400);
        assert!(response.text().contains("the body is no text: invalid utf-8"), "{}", response.text());
    }
}
