//! What an author's code is told of the call it serves: a typed view over the `x-fc-` headers, with
//! the environment as fallback.

use crate::api::request_id::{RequestIds, is_request_id};
use crate::api::trace::{Trace, trace_id};
use crate::environment::PlatformVariables;
use crate::http1::Head;
use crate::sync::{Arc, OnceLock};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Which kind of call it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallKind {
    /// An event: the body is the event, and the caller is given the response's body alone. It arrives as
    /// `POST /invoke`, whatever it is about.
    Event,
    /// An HTTP call: method, path, query, headers and body are the client's own, and so is the whole
    /// response.
    #[default]
    Http,
    /// One of the platform's hooks.
    Hook,
}

/// The call that is served: its id, the function it is for, how long it may take.
///
/// A header that is missing, empty or malformed gives `None`, never a panic.
pub struct Context {
    head: Head,
    kind: CallKind,
    request_id: String,
    arrived: Instant,
    environment: Option<Arc<LazyVariables>>,
    ids: RequestIds,
    trust_headers: bool,
}

/// The platform's variables, read when the first request lacks a header.
#[derive(Default)]
pub(crate) struct LazyVariables(OnceLock<PlatformVariables>);

impl Context {
    pub(crate) fn new(environment: Option<Arc<LazyVariables>>, trust_headers: bool) -> Context {
        Context {
            head: Head::default(),
            kind: CallKind::default(),
            request_id: String::new(),
            arrived: Instant::now(),
            environment,
            ids: RequestIds::new(),
            trust_headers,
        }
    }

    /// Makes this the context of a request that has just arrived.
    pub(crate) fn begin(&mut self, head: Head, kind: CallKind) {
        self.head = head;
        self.kind = kind;
        self.arrived = Instant::now();
        self.request_id.clear();
        let given = if self.trust_headers { self.head.field("x-fc-request-id") } else { None };
        match given.and_then(|id| std::str::from_utf8(id).ok()) {
            Some(id) if is_request_id(id) => self.request_id.push_str(id),
            _ => self.ids.make(&mut self.request_id),
        }
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// The request is over: its head's memory is for the next one.
    pub(crate) fn end(&mut self) -> Head {
        std::mem::take(&mut self.head)
    }

    /// The id of this call, which the platform shows its caller; made up in the platform's format
    /// when the request has none.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Which kind of call this is.
    pub fn kind(&self) -> CallKind {
        self.kind
    }

    /// Which function this is, and where it runs: from the request's headers, or else from the environment.
    pub fn function(&self) -> FunctionInfo<'_> {
        FunctionInfo {
            name: self.known("x-fc-function-name", |platform| &platform.function_name),
            version: self.known("x-fc-version-id", |platform| &platform.version_id),
            qualifier: self.header("x-fc-qualifier"),
            memory_mb: self
                .known("x-fc-function-memory", |platform| &platform.function_memory)
                .and_then(parse),
            region: self.known("x-fc-region", |platform| &platform.region),
            account_id: self.known("x-fc-account-id", |platform| &platform.account_id),
        }
    }

    /// The credentials of the function's role, from the request or else the environment. They
    /// expire: take them anew for each call.
    pub fn credentials(&self) -> Option<Credentials<'_>> {
        Some(Credentials {
            access_key_id: self.known("x-fc-access-key-id", |platform| &platform.access_key_id)?,
            access_key_secret: self
                .known("x-fc-access-key-secret", |platform| &platform.access_key_secret)?,
            security_token: self.known("x-fc-security-token", |platform| &platform.security_token),
        })
    }

    /// How much time is left until the platform gives this call up, counted from the arrival of the request's
    /// head; zero when it has passed, `None` when the platform does not say how much it allows.
    pub fn time_left(&self) -> Option<Duration> {
        let name = match self.kind {
            CallKind::Hook => "x-fc-initialization-timeout",
            CallKind::Event | CallKind::Http => "x-fc-function-timeout",
        };
        let timeout = self.header(name).and_then(parse).map(Duration::from_secs)?;
        Some(timeout.saturating_sub(self.arrived.elapsed()))
    }

    /// The distributed trace that this call belongs to, by its headers `traceparent` and `tracestate` (W3C Trace Context)
    /// or, where the first of them is missing or invalid, by the platform's older
    /// `x-fc-tracing-opentracing-span-context`; `None` when neither names one. The platform sends them when the
    /// function's tracing is on, and passes on those of its caller.
    pub fn trace(&self) -> Option<Trace> {
        Trace::of(&self.head, self.trust_headers)
    }

    /// The trace's id alone, for log lines.
    pub(crate) fn trace_id(&self) -> Option<[u8; 32]> {
        trace_id(&self.head, self.trust_headers)
    }

    /// The first value of any header of the call, when it is text and not empty: in a hook there is no
    /// request to ask. With [`hooks`](crate::ServerConfig::hooks) off there is no platform, and `x-fc-` headers
    /// are `None`.
    pub fn header(&self, name: &str) -> Option<&str> {
        let from_platform = name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("x-fc-"));
        if from_platform && !self.trust_headers { None } else { self.text(name) }
    }

    fn text(&self, name: &str) -> Option<&str> {
        let value = std::str::from_utf8(self.head.field(name)?).ok()?;
        (!value.is_empty()).then_some(value)
    }

    fn known(&self, header: &str, variable: fn(&PlatformVariables) -> &Option<String>) -> Option<&str> {
        self.header(header).or_else(|| {
            let platform = self.environment.as_ref()?.0.get_or_init(PlatformVariables::read);
            variable(platform).as_deref()
        })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("request_id", &self.request_id)
            .field("kind", &self.kind)
            .field("function", &self.function())
            .field("time_left", &self.time_left())
            .finish_non_exhaustive()
    }
}

/// A function as the platform knows it. What neither the request nor the environment says is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionInfo<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// The version that runs.
    pub version: Option<&'a str>,
    /// The version or alias that the caller asked for.
    pub qualifier: Option<&'a str>,
    /// The instance's memory in MB.
    pub memory_mb: Option<u32>,
    /// The region, such as `cn-hangzhou`.
    pub region: Option<&'a str>,
    /// The account that owns the function.
    pub account_id: Option<&'a str>,
}

/// Temporary credentials. `Debug` shows the key's id and hides the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The key's id.
    pub access_key_id: &'a str,
    /// The key's secret.
    pub access_key_secret: &'a str,
    /// The token that goes with a temporary key.
    pub security_token: Option<&'a str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("access_key_secret", &"(redacted)")
            .field("security_token", &self.security_token.map(|_| "(redacted)"))
            .finish()
    }
}

fn parse<T: FromStr>(value: &str) -> Option<T> {
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Call;

    #[test]
    fn headers_become_typed_values() {
        let context = Call::event("")
            .with_header("X-Fc-Request-Id", "1-67a59f35-150c1267-f381ba1c085c")
            .with_header("x-fc-function-name", "orders")
            .with_header("x-fc-function-memory", "512")
            .with_header("x-fc-region", "cn-hangzhou")
            .with_header("x-fc-account-id", "123")
            .with_header("x-fc-qualifier", "LATEST")
            .with_header("x-fc-version-id", "7")
            .with_header("x-fc-function-timeout", "60")
            .with_header("traceparent", "00-a-b-01")
            .context();
        assert_eq!(context.request_id(), "1-67a59f35-150c1267-f381ba1c085c");
        assert_eq!(context.kind(), CallKind::Event);
        let function = FunctionInfo {
            name: Some("orders"),
            version: Some("7"),
            qualifier: Some("LATEST"),
            memory_mb: Some(512),
            region: Some("cn-hangzhou"),
            account_id: Some("123"),
        };
        assert_eq!(context.function(), function);
        assert_eq!(context.header("traceparent"), Some("00-a-b-01"));
        let left = context.time_left().unwrap();
        assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(30), "{left:?}");
    }

    #[test]
    fn odd_and_empty_headers_count_as_absent() {
        let context = Call::event("")
            .with_header("x-fc-function-name", "")
            .with_header("x-fc-function-memory", "lots")
            .with_header("x-fc-function-timeout", "-3")
            .with_header("x-fc-request-id", "\u{e9}")
            .with_header("x-fc-access-key-id", "only the id")
            .context();
        assert_eq!(context.function(), FunctionInfo::default());
        assert_eq!(context.time_left(), None);
        assert_eq!(context.credentials(), None);
        assert!(context.request_id().starts_with("1-"), "{}", context.request_id());
    }

    #[test]
    fn credentials_are_hidden_in_debug_output() {
        let context = Call::event("")
            .with_header("x-fc-access-key-id", "LTAI")
            .with_header("x-fc-access-key-secret", "s3cret")
            .with_header("x-fc-security-token", "t0ken")
            .context();
        let credentials = context.credentials().unwrap();
        assert_eq!(credentials.access_key_secret, "s3cret");
        for shown in [format!("{credentials:?}"), format!("{context:?}")] {
            assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
        }
    }
}
