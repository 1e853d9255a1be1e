//! For tests of a function without a socket: a call is built, handed to `invoke`, and its response
//! is collected as a client would get it.
//!
//! ```
//! use fc_runtime::testing::Call;
//! use fc_runtime::{Context, Function, Request, Response};
//!
//! struct Greeter { greeting: String }
//!
//! impl Function for Greeter {
//!     fn initialize(_: &Context) -> anyhow::Result<Self> {
//!         Ok(Greeter { greeting: "Hello".into() })
//!     }
//!     fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
//!         Ok(Response::text(format!("{}, {}!", self.greeting, request.text()?)))
//!     }
//! }
//!
//! let greeter = Greeter::initialize(&Call::hook().context())?;
//! let response = Call::event("World").invoke(&greeter)?;
//! assert_eq!((response.status, response.text()), (200, "Hello, World!"));
//! # anyhow::Ok(())
//! ```

use crate::api::request::BodySource;
use crate::api::response::Body;
use crate::api::{BodyWriter, CallKind, Context, Function, Request, RequestBody, Response};
use crate::http1::{Head, Parsed, Progress};
use anyhow::anyhow;
use std::io::{self, Read};

/// A call to a function, as the platform would make it.
#[derive(Clone, Debug)]
pub struct Call {
    kind: CallKind,
    head: String,
    has_host: bool,
    body: Vec<u8>,
}

impl Call {
    /// An event invocation.
    pub fn event(event: impl Into<Vec<u8>>) -> Call {
        Call::new(CallKind::Event, "POST", "/invoke").body(event)
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
        Call { kind, head: format!("{method} {target} HTTP/1.1\r\n"), has_host: false, body: Vec::new() }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &str, value: &str) -> Call {
        self.has_host |= name.eq_ignore_ascii_case("host");
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// The same with this body.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Call {
        Call { body: body.into(), ..self }
    }

    /// The context the function is given.
    ///
    /// # Panics
    /// When the call could not come over the wire: an invalid method, target or header.
    pub fn context(&self) -> Context {
        let host = if self.has_host { "" } else { "host: localhost\r\n" };
        let wire = format!("{}{host}\r\n", self.head);
        let mut head = Head::default();
        match head.parse(wire.as_bytes(), &mut Progress::default()) {
            Ok(Parsed::Complete(_)) => {}
            Ok(Parsed::Partial | Parsed::Nothing(_)) => panic!("not a request: {wire:?}"),
            Err(reject) => panic!("not a request: {reject}: {wire:?}"),
        }
        let mut context = Context::new(None, true);
        context.begin(head, self.kind);
        context
    }

    /// Calls `function.invoke` and collects the response.
    ///
    /// # Errors
    /// The function's own, also when its body fails; and what the runtime would answer with a 500:
    /// an invalid header or status.
    pub fn invoke<F: Function>(&self, function: &F) -> anyhow::Result<Collected> {
        self.invoke_fn(|context, request| function.invoke(context, request))
    }

    /// As [`invoke`](Call::invoke), for a function that is a closure.
    ///
    /// # Errors
    /// As [`invoke`](Call::invoke).
    pub fn invoke_fn(
        &self,
        invoke: impl FnOnce(&Context, Request<'_>) -> anyhow::Result<Response>,
    ) -> anyhow::Result<Collected> {
        let context = self.context();
        let mut source = Bytes { body: &self.body, length: self.body.len() as u64 };
        let request = Request { head: context.head(), body: RequestBody { source: &mut source } };
        let response = invoke(&context, request)?;
        if let Some(fault) = response.fault() {
            return Err(anyhow!(fault));
        }
        let headers = response.headers().map(|(name, value)| (name.to_owned(), value.to_vec()));
        let (status, headers) = (response.status, headers.collect());
        Ok(Collected { status, headers, body: collect(response.body, &mut source)? })
    }
}

fn collect(body: Body, source: &mut Bytes<'_>) -> anyhow::Result<Vec<u8>> {
    let mut collected = Vec::new();
    match body {
        Body::Bytes(bytes) => collected.extend_from_slice(&bytes),
        Body::Reader { mut reader, length: None } => {
            reader.read_to_end(&mut collected)?;
        }
        Body::Reader { reader, length: Some(length) } => {
            let count = reader.take(length).read_to_end(&mut collected)?;
            if (count as u64) < length {
                return Err(anyhow!("the body's reader ended after {count} of {length} bytes"));
            }
        }
        Body::Stream(produce) => {
            produce(&mut RequestBody { source }, &mut BodyWriter { sink: &mut collected })?;
        }
    }
    Ok(collected)
}

/// A response with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// The status.
    pub status: u16,
    /// The headers the function set, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Collected {
    /// The first value of a header, in any case, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as text; empty when it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

struct Bytes<'a> {
    body: &'a [u8],
    length: u64,
}

impl BodySource for Bytes<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.body, buf)
    }

    fn content_length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn peer_closed(&self) -> bool {
        false
    }

    fn waits_for(&mut self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}
