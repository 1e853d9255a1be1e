//! What does the console say of one invocation? What was sent both ways, and how it is sent once more. Who asks is not known
//! here.

use std::borrow::Cow;

use fc_runtime::Trace;
use serde::Serialize;

use crate::function::variables;
use crate::instance::headers;
use crate::record::{Details, Invocation, Part};

/// What is shown of a body, in bytes.
const MAX_SHOWN: usize = 64 * 1024;

/// What stands for a value that is a secret.
const HIDDEN: &str = "(hidden)";

#[derive(Serialize)]
pub struct Detail {
    #[serde(flatten)]
    pub invocation: Invocation,
    /// Absent when it was too long ago, or no instance was asked.
    pub request: Option<Message>,
    pub response: Option<Message>,
    /// Of the caller's `traceparent`.
    pub trace: Option<TraceIds>,
    /// Whether it can be sent once more.
    pub repeatable: bool,
    /// Where the time went, of one that waited for its instance.
    pub cold_start: Vec<Part>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Message {
    /// Request line or status line.
    pub line: String,
    pub headers: Vec<(String, String)>,
    /// As text, where it was kept.
    pub body: Option<String>,
    pub body_bytes: Option<usize>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct TraceIds {
    pub trace_id: String,
    /// The caller's span.
    pub parent_id: String,
    pub is_sampled: bool,
}

/// A request to be sent once more: fields and all as they came.
#[derive(Debug, PartialEq)]
pub struct Again<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub fields: Vec<(&'a str, &'a [u8])>,
    pub body: &'a [u8],
}

impl Detail {
    pub fn of(invocation: Invocation, details: Option<&Details>, cold_start: Vec<Part>) -> Detail {
        let request = details.map(|details| message(&details.request_head, details.request_body.as_deref()));
        let has_response = details.filter(|details| !details.response_head.is_empty());
        let response = has_response.map(|details| message(&details.response_head, None));
        let repeatable = details.is_some_and(|details| details.request_body.is_some());
        let trace = details.and_then(trace);
        Detail { request, response, trace, repeatable, cold_start, invocation }
    }
}

/// The request that a client had sent; `None` when it was not kept.
pub fn again(details: &Details) -> Option<Again<'_>> {
    let body = details.request_body.as_deref()?;
    let mut lines = lines(&details.request_head);
    let mut words = std::str::from_utf8(lines.next()?).ok()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let is_the_clients =
        |name: &str| !headers::is_reserved(name) && !name.eq_ignore_ascii_case("x-forwarded-for");
    let fields = lines.filter_map(field).filter(|(name, _)| is_the_clients(name)).collect();
    Some(Again { method, target, fields, body })
}

/// The trace that a request belongs to, by W3C Trace Context.
pub fn trace(details: &Details) -> Option<TraceIds> {
    let is_parent =
        |(name, value): (&str, &[u8])| name.eq_ignore_ascii_case("traceparent").then(|| value.to_owned());
    let mut parents = lines(&details.request_head).filter_map(field).filter_map(is_parent);
    // With two of them nobody knows whose is the caller's.
    let (parent, None) = (parents.next()?, parents.next()) else { return None };
    let trace: Trace = std::str::from_utf8(&parent).ok()?.parse().ok()?;
    Some(TraceIds {
        trace_id: trace.trace_id().to_owned(),
        parent_id: trace.parent_id().to_owned(),
        is_sampled: trace.is_sampled(),
    })
}

fn message(head: &[u8], body: Option<&[u8]>) -> Message {
    let mut lines = lines(head);
    let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let shown = |(name, value): (&str, &[u8])| {
        let value =
            if is_secret(name, value) { Cow::Borrowed(HIDDEN) } else { String::from_utf8_lossy(value) };
        (name.to_owned(), value.into_owned())
    };
    let text = |body: &[u8]| String::from_utf8_lossy(body.get(..MAX_SHOWN).unwrap_or(body)).into_owned();
    Message {
        line,
        headers: lines.filter_map(field).map(shown).collect(),
        body: body.map(text),
        body_bytes: body.map(<[u8]>::len),
    }
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
}

fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((std::str::from_utf8(name).ok()?, value.get(1..)?.trim_ascii()))
}

/// Whether somebody who sees the value could act as somebody else, as its name says.
fn is_secret(name: &str, value: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "cookie" | "set-cookie" => true,
        "www-authenticate" | "proxy-authenticate" | "x-fc-access-key-id" => false,
        name => variables::is_secret(&name.replace('-', "_"), &String::from_utf8_lossy(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details() -> Details {
        let head = b"PUT /a?b HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nX-Empty:\r\nX-Forwarded-For: ::1\r\nx-fc-request-id: 1\r\n";
        Details {
            request_head: head.to_vec(),
            request_body: Some(b"body\xff".to_vec()),
            response_head: Vec::new(),
        }
    }

    #[test]
    fn secrets_in_headers_are_known_by_their_names_as_those_in_variables() {
        for name in
            ["X-Api-Key", "apikey", "X-Access-Key", "X-Auth-Token", "password", "Cookie", "Set-Cookie"]
        {
            assert!(is_secret(name, b"x"), "{name}");
        }
        for name in ["x-fc-access-key-id", "WWW-Authenticate", "Accept", "Content-Type", "traceparent"] {
            assert!(!is_secret(name, b"x"), "{name}");
        }
        assert!(is_secret("X-Database", b"mysql://u:p@host/db"));
    }

    #[test]
    fn what_was_sent_is_shown_without_secrets() {
        let shown = message(&details().request_head, Some(b"body\xff"));
        assert_eq!(
            (shown.line.as_str(), shown.body.as_deref(), shown.body_bytes),
            ("PUT /a?b HTTP/1.1", Some("body\u{fffd}"), Some(5))
        );
        let shown: Vec<_> =
            shown.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(shown[..3], [("Host", "h"), ("Authorization", "(hidden)"), ("X-Empty", "")]);
    }

    #[test]
    fn a_trace_is_the_callers_own_or_none() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let found = |fields: &[&str]| {
            let fields: String = fields.iter().map(|value| format!("TraceParent: {value}\n")).collect();
            let request_head = format!("GET / HTTP/1.1\n{fields}Host: h\n").into_bytes();
            trace(&Details { request_head, ..Details::default() })
        };
        let trace = found(&[parent]).expect("a trace");
        assert_eq!(
            (trace.trace_id.as_str(), trace.parent_id.as_str(), trace.is_sampled),
            ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true)
        );
        for none in [&[][..], &["00-1-2-3"], &[parent, parent]] {
            assert_eq!(found(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_is_sent_once_more_is_what_the_client_had_sent() {
        let details = details();
        let again = again(&details).expect("it was kept");
        assert_eq!((again.method, again.target, again.body), ("PUT", "/a?b", &b"body\xff"[..]));
        assert_eq!(again.fields, [("Host", &b"h"[..]), ("Authorization", b"Bearer x"), ("X-Empty", b"")]);
        assert_eq!(super::again(&Details { request_body: None, ..details }), None);
        assert_eq!(super::again(&Details { request_body: Some(Vec::new()), ..Details::default() }), None);
    }
}
