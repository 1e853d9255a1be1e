//! How does the console send a call? As any caller does, to the addresses that callers use, so that what comes back is what
//! they would get. What the platform makes of it is not known here.

use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use fc_runtime::{Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answers::not_kept;
use super::detail;
use super::functions::invocations_path;
use super::refusal::{Refusal, json};
use super::served::{Served, on_this_machine};
use crate::front::Caller;
use crate::function::header_text;
use crate::instance::client::{Deadline, Error, Patience, Pool, Reply, RequestBody};
use crate::instance::headers;
use crate::sample::{self, SAMPLES};

/// What of an answer's body is shown, in bytes.
const MAX_SHOWN: u64 = 1024 * 1024;

/// Longer than any call takes: the platform ends it.
const LONGEST: Duration = Duration::from_secs(90_000);

/// A call to be sent.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Call {
    Event {
        function: String,
        #[serde(default)]
        payload: String,
        /// The sample that the payload was made of, which goes out in CBOR if it is a table's.
        sample: Option<String>,
        /// Answered before it has run.
        #[serde(default)]
        is_async: bool,
    },
    Http {
        function: String,
        method: String,
        path: String,
        #[serde(default)]
        headers: Vec<(String, String)>,
        #[serde(default)]
        body: String,
    },
}

/// What came back.
#[derive(Serialize)]
struct Answer {
    request_id: Option<String>,
    status: u16,
    headers: Vec<(String, String)>,
    /// Where it is text.
    body: Option<String>,
    /// Where it is not.
    body_base64: Option<String>,
    body_bytes: u64,
    /// Why not all of it is here.
    incomplete: Option<String>,
    duration_ms: f64,
}

/// A request as it goes out.
struct Outgoing<'a> {
    address: SocketAddr,
    method: &'a str,
    target: &'a str,
    fields: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

/// What triggers send, to begin with.
pub fn event_samples() -> Response {
    let sample = |sample: &sample::Sample| serde_json::json!({ "name": sample.name, "what": sample.what, "event": sample.json.trim_end() });
    let samples: Vec<Value> = SAMPLES.iter().map(sample).collect();
    json(&serde_json::json!({ "samples": samples }))
}

pub fn send(served: &Served, request: &mut Request<'_>) -> Result<Response, Refusal> {
    let caller = Caller::of(request);
    let body = request.bytes().map_err(|error| Refusal::new(400, format!("the request's body: {error}")))?;
    let call: Call = serde_json::from_slice(&body)
        .map_err(|error| Refusal::new(400, format!("not a call to be sent: {error}")))?;
    match &call {
        Call::Event { function, payload, sample, is_async } => {
            find(served, function)?;
            let sample = sample.as_deref().map(sample::named).transpose();
            let sample = sample.map_err(|error| Refusal::new(400, error.to_string()))?;
            let payload =
                sample.map_or_else(|| payload.clone().into_bytes(), |sample| sample.as_sent(payload));
            event(served, function, &payload, *is_async, caller)
        }
        Call::Http { function, method, path, headers, body } => {
            let address = find(served, function)?;
            header_text::check_path("the path", path)
                .map_err(|error| Refusal::new(400, error.to_string()))?;
            for (name, value) in headers {
                header_text::check_value(name, &value.replace('\t', " "))
                    .map_err(|error| Refusal::new(400, error.to_string()))?;
            }
            let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            exchange(Outgoing { address, method, target: path, fields, body: body.as_bytes() }, caller)
        }
    }
}

/// Sends an invocation once more.
pub fn repeat(served: &Served, key: u64, request: &Request<'_>) -> Result<Response, Refusal> {
    let caller = Caller::of(request);
    let (invocation, details) = served.recorder.invocation(key).ok_or_else(|| not_kept(key))?;
    let kept = details.as_ref().and_then(detail::again);
    let Some(again) = kept else {
        let text =
            "what was sent is not kept: it was long, came piece by piece, or has made room for newer calls";
        return Err(Refusal::new(409, text));
    };
    let address = find(served, &invocation.function)?;
    if invocation.trigger != "http" {
        return event(served, &invocation.function, again.body, false, caller);
    }
    let detail::Again { method, target, fields, body } = again;
    exchange(Outgoing { address, method, target, fields, body }, caller)
}

/// Where a function's HTTP trigger is.
fn find(served: &Served, name: &str) -> Result<SocketAddr, Refusal> {
    let found = served.find(name).map(|one| on_this_machine(one.address));
    found.ok_or_else(|| Refusal::new(404, format!("there is no function '{name}' here")))
}

fn event(
    served: &Served,
    function: &str,
    payload: &[u8],
    is_async: bool,
    caller: Caller,
) -> Result<Response, Refusal> {
    let kind: &[u8] = if is_async { b"Async" } else { b"Sync" };
    let fields = vec![("content-type", &b"application/octet-stream"[..]), ("x-fc-invocation-type", kind)];
    let target = &invocations_path(function);
    let address = on_this_machine(served.main);
    exchange(Outgoing { address, method: "POST", target, fields, body: payload }, caller)
}

fn exchange(out: Outgoing<'_>, caller: Caller) -> Result<Response, Refusal> {
    let Outgoing { address, method, target, fields, body } = out;
    let head = headers::of_a_client(method, target, &address.to_string(), &fields)
        .map_err(|error| Refusal::new(400, error.to_string()))?;
    let began = Instant::now();
    // One that closes the page has gone as any caller has.
    let patience = Patience { deadline: Deadline::after(LONGEST), recipient: Arc::new(caller) };
    let pool = Pool::new(address.ip(), address.port());
    let sent = pool.send(&head, RequestBody::Bytes(body), &patience);
    let mut reply = sent.map_err(|error| Refusal::new(502, failure(&error)))?;
    let headers = shown(&reply);
    let request_id =
        headers.iter().find(|(name, _)| name == "x-fc-request-id").map(|(_, value)| value.clone());
    let (body, body_bytes, incomplete) = read(&mut reply);
    let (text, bytes) = match String::from_utf8(body) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(base64::engine::general_purpose::STANDARD.encode(error.as_bytes()))),
    };
    Ok(json(&Answer {
        request_id,
        status: reply.status,
        headers,
        body: text,
        body_base64: bytes,
        body_bytes,
        incomplete,
        duration_ms: began.elapsed().as_secs_f64() * 1000.0,
    }))
}

fn shown(reply: &Reply) -> Vec<(String, String)> {
    let fields = reply.headers.iter();
    fields.map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned())).collect()
}

/// The beginning of the body, how long all of it was, and why some of it is missing. All is read: a caller that goes away in
/// the middle would cost the function its instance.
fn read(reply: &mut Reply) -> (Vec<u8>, u64, Option<String>) {
    let mut shown = Vec::new();
    let first = (&mut reply.body).take(MAX_SHOWN).read_to_end(&mut shown);
    let rest = first.and_then(|_| std::io::copy(&mut reply.body, &mut std::io::sink()));
    let whole = shown.len() as u64 + rest.as_ref().copied().unwrap_or(0);
    let incomplete = match rest {
        Ok(0) => None,
        Ok(_) => Some(format!("the first {MAX_SHOWN} bytes are shown")),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some("the connection was cut".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if incomplete.is_some() && std::str::from_utf8(&shown).is_err_and(|error| error.error_len().is_none()) {
        // A character that is cut makes no bytes of a text.
        while std::str::from_utf8(&shown).is_err() && shown.pop().is_some() {}
    }
    (shown, whole, incomplete)
}

fn failure(error: &Error) -> String {
    match error {
        Error::TimedOut => "no answer came in time".to_owned(),
        Error::CallerGone => "whoever asked has gone".to_owned(),
        Error::Dropped(error) | Error::BrokenOff(error) | Error::Source(error) => {
            format!("the connection to fc-local's own address failed: {error}")
        }
        Error::BadReply(what) => what.clone(),
    }
}
