//! For tests of a function without a socket: a call is built and sent to the function, and its response is
//! what a client of the server would see.
//!
//! ```
//! use fc_runtime::testing::Call;
//! use fc_runtime::{Context, Function, Request, Response, StatusError};
//!
//! struct Greeter { greeting: String }
//!
//! impl Function for Greeter {
//!     fn initialize(_: &Context) -> anyhow::Result<Self> {
//!         Ok(Greeter { greeting: "Hello".into() })
//!     }
//!     fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
//!         match request.text()?.as_str() {
//!             "" => Err(StatusError::new(404, "nobody is here").into()),
//!             name => Ok(format!("{}, {name}!", self.greeting).into()),
//!         }
//!     }
//! }
//!
//! let greeter = Greeter::initialize(&Call::hook().context())?;
//! let response = Call::event("World").send(&greeter);
//! assert_eq!((response.status(), response.text()), (200, "Hello, World!"));
//!
//! let response = Call::http("GET", "/").send(&greeter);
//! assert_eq!(response.status(), 404);
//! assert_eq!(response.text(), r#"{"errorMessage":"nobody is here","errorType":"FunctionError"}"#);
//! # anyhow::Ok(())
//! ```

use crate::api::{
    BodySource, BodyWriter, CallKind, Context, Function, PIECE, Request, RequestBody, Response, fields,
};
use crate::contain::report;
use crate::date::Date;
use crate::http1::{Announcement, Head, Parsed, Progress, ResponseFraming, begin_head, end_head, has_body};
use crate::log::RequestScope;
use crate::platform::{Caller, FC_STATUS_OK, Failure, JSON, contain};
use std::fmt;
use std::io::{self, Read, Write};
#[cfg(feature = "internals")]
use std::os::fd::BorrowedFd;

/// A call to a function, as the platform would make it.
#[derive(Clone, Debug)]
pub struct Call {
    kind: CallKind,
    head: String,
    has_host: bool,
    has_length: bool,
    body: Vec<u8>,
}

impl Call {
    /// An event invocation.
    pub fn event(event: impl Into<Vec<u8>>) -> Call {
        Call::new(CallKind::Event, "POST", "/invoke").with_body(event)
    }

    /// An HTTP invocation. `target` is a path with or without a query.
    pub fn http(method: &str, target: &str) -> Call {
        Call::new(CallKind::Http, method, target)
    }

    /// A call of a hook: its [`context`](Call::context) is for `initialize` and `pre_stop`.
    pub fn hook() -> Call {
        Call::new(CallKind::Hook, "POST", "/initialize")
    }

    fn new(kind: CallKind, method: &str, target: &str) -> Call {
        let head = format!("{method} {target} HTTP/1.1\r\n");
        Call { kind, head, has_host: false, has_length: false, body: Vec::new() }
    }

    /// The same with one more header. `host` and `content-length` need not be given.
    ///
    /// # Panics
    /// When it would be more than one.
    #[track_caller]
    pub fn with_header(mut self, name: &str, value: &str) -> Call {
        assert!(!format!("{name}{value}").contains(['\r', '\n']), "not one header: {name:?}: {value:?}");
        self.has_host |= name.eq_ignore_ascii_case("host");
        self.has_length |= name.eq_ignore_ascii_case("content-length");
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// The same with this body.
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Call {
        Call { body: body.into(), ..self }
    }

    /// The same with `value` as its body, in JSON.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    #[cfg(feature = "json")]
    #[track_caller]
    pub fn with_json<T: serde::Serialize + ?Sized>(self, value: &T) -> Call {
        match serde_json::to_vec(value) {
            Ok(json) => self.with_body(json),
            Err(error) => panic!("cannot write JSON: {error}"),
        }
    }

    /// The context that the function is given, as on the platform: headers are trusted, and the environment is not
    /// asked.
    ///
    /// # Panics
    /// When the call could not come over the wire: an invalid method, target or header, a length that is not the
    /// body's.
    #[track_caller]
    pub fn context(&self) -> Context {
        let mut wire = self.head.clone();
        if !self.has_host {
            wire.push_str("host: localhost\r\n");
        }
        if !self.has_length && !self.body.is_empty() {
            wire.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        wire.push_str("\r\n");
        let mut head = Head::default();
        match head.parse(wire.as_bytes(), &mut Progress::default()) {
            Ok(Parsed::Complete(length)) if length == wire.len() => {}
            Ok(_) => panic!("not a request: {wire:?}"),
            Err(reject) => panic!("not a request: {reject}: {wire:?}"),
        }
        let length = self.body.len().to_string();
        let is_as_announced = head.field("content-length").is_none_or(|value| value == length.as_bytes());
        assert!(is_as_announced, "the body is not as announced: {wire:?}");
        let mut context = Context::new(None, true);
        context.begin(head, self.kind);
        context
    }

    /// Sends the call to `function` and collects what a client of the server would see: an error, a panic or an
    /// invalid response is the response that the runtime makes of it. Only what needs a server is not there: the
    /// options of a [`ServerConfig`](crate::ServerConfig), its limits and `hooks(false)` among them, and what a
    /// client does wrong on the wire.
    ///
    /// A closure has to name the types of its parameters:
    ///
    /// ```
    /// # use fc_runtime::{Context, Request, testing::Call};
    /// let response = Call::http("GET", "/").send(&|_: &Context, _: Request<'_>| Ok("fine".into()));
    /// assert_eq!(response.text(), "fine");
    /// ```
    ///
    /// # Panics
    /// As [`context`](Call::context); for a call of a hook, which has no response; and for a body that fails when
    /// some of it is sent already, which a client sees as a broken connection.
    #[track_caller]
    pub fn send<F: Function>(&self, function: &F) -> Collected {
        let caller = match self.kind {
            CallKind::Event => Caller::Event,
            CallKind::Http => Caller::HttpClient,
            CallKind::Hook => {
                panic!("a hook has no response: call `initialize` or `pre_stop` with its context")
            }
        };
        let context = self.context();
        let _scope = RequestScope::enter(context.request_id(), || context.trace_id());
        let mut source = Bytes(&self.body);
        let request = Request { head: context.head(), body: RequestBody { source: &mut source } };
        let outcome = contain(|| function.invoke(&context, request));
        outcome
            .and_then(|response| collect(response, &context, &mut source))
            .unwrap_or_else(|failure| failed(&failure, caller, &context))
    }
}

/// The response with its whole body; a failure before anything of it is sent.
fn collect(mut response: Response, context: &Context, source: &mut Bytes<'_>) -> Result<Collected, Failure> {
    if let Some(fault) = response.fault() {
        return Err(Failure::invalid_response(fault));
    }
    let framing = response.body.length().map_or(ResponseFraming::Chunked, ResponseFraming::Length);
    let mut sink = Sink { sent: Vec::new(), is_begun: false };
    if has_body(response.status, context.head()) {
        let written =
            contain(|| response.body.write(&mut RequestBody { source }, &mut BodyWriter { sink: &mut sink }));
        match written {
            Err(failure) if sink.is_begun => {
                panic!("the response breaks off after {} bytes: {}", sink.sent.len(), failure.message)
            }
            written => written?,
        }
    }
    Ok(Collected::new(response.status, framing, [&response.lines, FC_STATUS_OK], sink.sent, context))
}

fn failed(failure: &Failure, caller: Caller, context: &Context) -> Collected {
    let body = failure.body_for(caller, context.request_id()).into_bytes();
    let (status, framing) = (failure.status_for(caller), ResponseFraming::Length(body.len() as u64));
    let body = if has_body(status, context.head()) { body } else { Vec::new() };
    let response = Collected::new(status, framing, [JSON, failure.fc_status_for(caller)], body, context);
    let (level, outcome) = failure.log_line(caller);
    report!(level, "{outcome}{}", failure.message);
    let is_failure = !failure.is_answer(caller);
    Collected { failure: is_failure.then(|| failure.message.clone()), ..response }
}

/// What a client would have received of a body that is written piece by piece.
struct Sink {
    sent: Vec<u8>,
    is_begun: bool,
}

impl Write for Sink {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.sent.extend_from_slice(piece);
        self.is_begun |= self.sent.len() >= PIECE;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_begun = true;
        Ok(())
    }
}

/// A response with its whole body, as a client sees it. `Debug` also shows what the log has of a failure.
#[derive(Clone)]
pub struct Collected {
    status: u16,
    /// The lines of its fields, as they go on the wire.
    lines: Vec<u8>,
    body: Vec<u8>,
    /// Why the function failed, which a client is not always told.
    failure: Option<String>,
}

impl Collected {
    fn new(
        status: u16,
        framing: ResponseFraming,
        lines: [&[u8]; 2],
        body: Vec<u8>,
        context: &Context,
    ) -> Collected {
        let (framing, mut head) = (framing.for_response(status, context.head()), Vec::new());
        begin_head(&mut head, status, framing, Date::new().now(), lines);
        end_head(&mut head, Announcement::Implied);
        let status_line = head.iter().position(|&b| b == b'\n').map_or(0, |end| end + 1);
        Collected { status, lines: head.split_off(status_line), body, failure: None }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first value of a header, in whatever case its name is written, when it is text. Those that the runtime
    /// adds are among them, `x-fc-status` too. `Debug` shows all of them.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = fields(&self.lines).find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        str::from_utf8(value).ok()
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        match str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(error) => panic!("the body is no text: {error}"),
        }
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is no JSON or not a `T`: the message names the path, and what was expected there.
    #[cfg(feature = "json")]
    #[track_caller]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        match crate::api::parse(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}, in the response {self:?}"),
        }
    }
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in fields(&self.lines) {
            writeln!(f, "{name}: {}", value.escape_ascii())?;
        }
        match str::from_utf8(&self.body) {
            Ok(text) => write!(f, "\n{text}")?,
            Err(_) => write!(f, "\n{}", self.body.escape_ascii())?,
        }
        match &self.failure {
            Some(failure) => write!(f, "\n(the function failed: {failure})"),
            None => Ok(()),
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl BodySource for Bytes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.0, buf)
    }

    fn content_length(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    fn peer_closed(&self) -> bool {
        false
    }

    #[cfg(feature = "internals")]
    fn end_waits_in(&self, _: std::time::Duration) {}

    #[cfg(feature = "internals")]
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        None
    }

    #[cfg(feature = "internals")]
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    type Outcome = anyhow::Result<Response>;

    fn sent(call: Call, outcome: impl Fn() -> Outcome + Send + Sync + 'static) -> Collected {
        call.send(&move |_: &Context, _: Request<'_>| outcome())
    }

    #[test]
    fn a_head_is_that_of_the_wire() {
        let get = sent(Call::http("GET", "/"), || Ok(Response::text("hello").with_header("a", "b")));
        let names: Vec<_> = fields(&get.lines).map(|(name, _)| name).collect();
        assert_eq!(names, ["date", "content-length", "content-type", "a", "x-fc-status"]);
        assert_eq!((get.header("Content-Length"), get.header("x-fc-status")), (Some("5"), Some("200")));
        assert!(format!("{get:?}").ends_with("x-fc-status: 200\n\nhello"), "{get:?}");
        let head = sent(Call::http("HEAD", "/"), || Ok(Response::text("hello").with_header("a", "b")));
        assert_eq!((head.bytes(), head.header("content-length")), (&b""[..], Some("5")));
        let none = sent(Call::http("GET", "/"), || Ok(Response::text("hello").with_status(204)));
        assert_eq!((none.bytes(), none.header("content-length")), (&b""[..], None));
    }

    #[test]
    fn failures_are_rendered_as_on_the_wire() {
        let event = sent(Call::event("x"), || Err(anyhow!("row 7").context("database")));
        assert_eq!((event.status(), event.header("x-fc-status")), (404, Some("404")));
        assert_eq!(event.text(), r#"{"errorMessage":"database: row 7","errorType":"FunctionError"}"#);
        let id = Call::http("GET", "/").with_header("x-fc-request-id", "id-1");
        for (outcome, error_type) in [
            ((|| Err(anyhow!("secret"))) as fn() -> Outcome, "FunctionError"),
            (|| panic!("secret"), "FunctionPanic"),
            (|| Ok(Response::new(99)), "InvalidResponse"),
            (|| Ok(Response::text("").with_header("date", "")), "InvalidResponse"),
            (|| Ok(Response::reader(io::empty(), Some(1))), "FunctionError"),
            (|| Ok(Response::stream(|_, _| Err(anyhow!("secret")))), "FunctionError"),
            (
                || Ok(Response::stream(|_, out| Ok(out.write_all(b"some")?).and(Err(anyhow!("secret"))))),
                "FunctionError",
            ),
        ] {
            let response = sent(id.clone(), outcome);
            let body = format!(
                r#"{{"errorMessage":"the function failed, see the log of request id-1","errorType":"{error_type}"}}"#
            );
            assert_eq!((response.status(), response.text()), (500, body.as_str()));
            assert_eq!(response.header("x-fc-status"), Some("404"));
            assert!(
                !format!("{response:?}").ends_with('}'),
                "the reason is for whoever debugs: {response:?}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "the response breaks off after 4 bytes: no more")]
    fn a_body_that_fails_when_some_of_it_is_sent_is_no_response() {
        sent(Call::http("GET", "/"), || {
            Ok(Response::stream(|_, out| {
                out.write_all(b"some")?;
                out.flush()?;
                Err(anyhow!("no more"))
            }))
        });
    }

    #[test]
    fn a_stream_is_handed_what_is_left_of_the_request() {
        let call = Call::http("POST", "/").with_body("0123456789");
        let response = call.send(&|_: &Context, mut request: Request<'_>| {
            request.body().read_exact(&mut [0; 4])?;
            Ok(Response::stream(|body, out| Ok(io::copy(body, out).map(drop)?)))
        });
        assert_eq!((response.text(), response.header("transfer-encoding")), ("456789", Some("chunked")));
    }

    #[test]
    fn a_call_has_the_length_of_its_body_and_its_headers_are_its_own() {
        let call = Call::http("POST", "/").with_body("abc");
        assert_eq!(call.context().header("content-length"), Some("3"));
        assert_eq!(Call::http("GET", "/").context().header("content-length"), None);
        for wrong in [
            || call_with("content-length", "9").context(),
            || call_with("a", "b\r\nc: d").context(),
            || Call::http("GET", "/ HTTP/1.1\r\n\r\n").context(),
        ] {
            assert!(std::panic::catch_unwind(wrong).is_err());
        }
    }

    fn call_with(name: &str, value: &str) -> Call {
        Call::http("POST", "/").with_body("abc").with_header(name, value)
    }

    #[test]
    #[should_panic(expected = "a hook has no response")]
    fn a_hook_has_no_response() {
        sent(Call::hook(), || Ok("".into()));
    }
}
