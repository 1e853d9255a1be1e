//! One HTTP call, as the platform takes it: its limits, and the request that the function sees. What becomes
//! of the reply is in `relay.rs`.

use std::iter;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use fc_runtime::{Request, Response};

use super::api::path::{self, Dialect};
use super::async_queue::{AsyncQueue, New};
use super::caller::Caller;
use super::event::{LateCall, MAX_ASYNC};
use super::failure::{CallKind, Failure};
use super::invocation::{self, Invocation};
use super::later::{self, Later};
use super::limited_body::{self, LimitedBody, MAX_BODY, content_length};
use super::relay::{self, SMALL};
use super::trigger_rules::{self, Claim};
use crate::function::HttpTrigger;
use crate::instance::client::{Recipient, RequestBody, RequestHead, Stays, is_listed};
use crate::instance::{Instance, headers};
use crate::record::NewCall;
use crate::scaling::Scaler;

/// The platform's limit for a path with its query.
const MAX_TARGET: usize = 4 * 1024;

/// What the SDKs of FC 2.0 send with a call to an HTTP trigger.
const FC2_FIELDS: [&str; 2] = ["x-fc-account-id", "x-fc-security-token"];

/// What the function is asked for.
pub struct HttpCall<'r> {
    method: &'r str,
    target: String,
    fields: Vec<(&'r str, &'r [u8])>,
    /// Where it comes from, as far as that is known.
    client: Option<IpAddr>,
    /// Who waits for the response.
    pub caller: Arc<dyn Recipient>,
    /// Whether the client wants to be asked for its body.
    expects_continue: bool,
}

impl<'r> HttpCall<'r> {
    /// What a client asks for: path and query, whatever host its target names, and the header fields.
    pub fn of(request: &Request<'r>) -> HttpCall<'r> {
        // Only a request with a body asks; the server has seen to it.
        let expectation = request.header("expect").unwrap_or_default();
        let caller = Caller::of(request);
        HttpCall {
            method: request.method(),
            target: target(request),
            fields: fields(request),
            client: caller.address(),
            caller: Arc::new(caller),
            expects_continue: is_listed("100-continue", expectation.as_bytes()),
        }
    }

    /// One of this machine's, which came over no connection.
    pub fn made_here(method: &'r str, target: &str, fields: Vec<(&'r str, &'r [u8])>) -> HttpCall<'r> {
        HttpCall {
            method,
            target: target.to_owned(),
            fields,
            client: Some(Ipv4Addr::LOCALHOST.into()),
            caller: Arc::new(Stays),
            expects_continue: false,
        }
    }

    /// The same, for another path and query when there is one.
    pub fn at(self, target: Option<String>) -> HttpCall<'r> {
        HttpCall { target: target.unwrap_or(self.target), ..self }
    }

    /// Refuses what the function's HTTP trigger does not take, when it has one.
    pub fn check_trigger(&self, trigger: Option<&HttpTrigger>) -> Result<(), Failure> {
        let authorization = self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let authorization = authorization.map(|(_, value)| String::from_utf8_lossy(value));
        let claim = Claim { method: self.method, authorization: authorization.as_deref() };
        trigger.map_or(Ok(()), |trigger| trigger_rules::check(trigger, &claim))
    }

    /// Whether the client would go on in another protocol: `Upgrade` is its connection's, and does not go further.
    pub fn asks_for_websocket(&self) -> bool {
        let is_it = |value: &[u8]| is_listed("websocket", value);
        self.fields.iter().any(|(name, value)| name.eq_ignore_ascii_case("upgrade") && is_it(value))
    }

    /// Refuses what is outside of the platform's limits, with a body of this length if that is known.
    pub fn check_limits(&self, length: Option<u64>) -> Result<(), Failure> {
        check_limits(&self.target, &self.fields, length)
    }

    /// The same for as long as it waits.
    fn kept(&self) -> LateCall {
        let fields = self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        LateCall {
            method: self.method.to_owned(),
            target: self.target.clone(),
            fields: fields.collect(),
            client: self.client,
        }
    }

    /// The request that the function sees.
    pub fn head(&self, instance: &Instance, request_id: &str) -> RequestHead {
        let HttpCall { method, target, client, expects_continue, .. } = self;
        let common = &instance.common_headers;
        let head =
            headers::forwarded(method, target, self.fields.iter().copied(), *client, request_id, common);
        RequestHead { expects_continue: *expects_continue, ..head }
    }
}

/// Calls the function with a client's request. A small body of known length is read first, so that a caller
/// who goes away is noticed while the function works; any other is sent on as it comes, and so is one that the function is
/// to be asked for first.
pub fn invoke(
    scaler: &Scaler,
    call: &HttpCall<'_>,
    request: &mut Request<'_>,
    request_id: &str,
    timeout_status: u16,
) -> Result<Response, Failure> {
    let length = content_length(request);
    call.check_limits(length)?;
    let title = format!("{} {}", call.method, request.path());
    let head = |instance: &Instance| call.head(instance, request_id);
    let has_gone = || call.caller.has_gone();
    let function = &scaler.function().name;
    let acquire = || {
        let (method, path) = (call.method, call.target.as_str());
        let call = NewCall { request_id, function, trigger: "http", method, path, retries: 0 };
        invocation::acquire(scaler, &has_gone, &call, (CallKind::Http, timeout_status))
    };
    let invocation = |title, body, recorded| Invocation {
        kind: CallKind::Http,
        request_id,
        title,
        head: &head,
        body,
        caller: Arc::clone(&call.caller),
        timeout_status,
        gone: Failure::ClientClosed,
        recorded,
    };
    let is_chunked = length.is_none() && request.header("transfer-encoding").is_some();
    let has_body = is_chunked || length.unwrap_or(0) > 0;
    if is_chunked || length.unwrap_or(0) > SMALL || (call.expects_continue && has_body) {
        let (ticket, recorded) = acquire()?;
        let mut body = LimitedBody::new(request.body(), MAX_BODY);
        let stream = RequestBody::Stream(&mut body, length);
        let reply = invocation::invoke(ticket, invocation(title, stream, recorded))?;
        let left = body.left();
        return relay::response(reply, request.body(), left);
    }
    let body = limited_body::read_whole(request, SMALL, scaler.function().timeout)?;
    let (ticket, recorded) = acquire()?;
    let reply = invocation::invoke(ticket, invocation(title, RequestBody::Bytes(&body), recorded))?;
    relay::response(reply, request.body(), MAX_BODY)
}

/// Accepts a client's request that is to be made later.
pub fn invoke_later(
    queue: &Arc<AsyncQueue>,
    call: &HttpCall<'_>,
    Later { id, delay }: Later,
    request: &mut Request<'_>,
    request_id: &str,
    time: Duration,
) -> Result<Response, Failure> {
    call.check_limits(content_length(request))?;
    let payload = limited_body::read_whole(request, MAX_ASYNC, time)?;
    let call = Some(call.kept());
    queue.push(New { id, delay, call, ..New::event(payload, request_id.to_owned()) })?;
    Ok(Response::new(202))
}

/// Path and query: what the function is asked for, whatever host the client's target named.
fn target(request: &Request<'_>) -> String {
    match request.query() {
        Some(query) => format!("{}?{query}", request.path()),
        None => request.path().to_owned(),
    }
}

/// The header fields, with the one host that the function is asked for: that of the target where it names one (RFC 9112
/// section 3.2.2), and one also where HTTP/1.0 named none, since the function is called in HTTP/1.1.
/// What callers ask the platform for is not the function's, nor is what the SDKs of FC 2.0 say.
fn fields<'a>(request: &Request<'a>) -> Vec<(&'a str, &'a [u8])> {
    let host = request.header("host").unwrap_or("127.0.0.1");
    let is_fc2 = path::dialect(request.path()) == Some(Dialect::Fc2);
    let is_sdks = |name: &str| is_fc2 && FC2_FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let is_not_its =
        |name: &str| name.eq_ignore_ascii_case("host") || later::is_asking(name) || is_sdks(name);
    let others = request.headers().filter(|(name, _)| !is_not_its(name));
    iter::once(("Host", host.as_bytes())).chain(others).collect()
}

/// Refuses what is outside of the platform's limits. `Connection` is not refused, although the platform's
/// page lists it: it belongs to the hop, and most clients send it.
fn check_limits(target: &str, fields: &[(&str, &[u8])], length: Option<u64>) -> Result<(), Failure> {
    let refused = |what: String| Err(Failure::InvalidArgument(what));
    if target.len() > MAX_TARGET {
        let length = target.len();
        return refused(format!("the path with its query takes {length} bytes, the limit is {MAX_TARGET}"));
    }
    let size = headers::size(fields.iter().copied());
    if size > headers::MAX_SIZE {
        return refused(format!("request headers take {size} bytes, the limit is {}", headers::MAX_SIZE));
    }
    let is_forbidden = |name: &str| headers::is_reserved(name) || name.eq_ignore_ascii_case("keep-alive");
    if let Some((name, _)) = fields.iter().find(|(name, _)| is_forbidden(name)) {
        return refused(format!("the request header {name} is the platform's own"));
    }
    match length {
        Some(length) if length > MAX_BODY => {
            refused(format!("the request body takes {length} bytes, the limit is {MAX_BODY}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(target: &str, fields: &[(&str, &[u8])], length: Option<u64>) -> Option<String> {
        match check_limits(target, fields, length) {
            Ok(()) => None,
            Err(Failure::InvalidArgument(what)) => Some(what),
            Err(other) => panic!("another kind of failure: {other:?}"),
        }
    }

    #[test]
    fn what_is_just_within_a_limit_passes() {
        let target = format!("/{}", "a".repeat(MAX_TARGET - 1));
        assert_eq!(refused(&target, &[], Some(MAX_BODY)), None);
        let value = vec![b'b'; headers::MAX_SIZE - 1];
        assert_eq!(refused("/", &[("a", &value)], None), None);
        assert_eq!(refused("/", &[("Connection", b"keep-alive")], Some(0)), None);
    }

    #[test]
    fn what_is_over_a_limit_is_refused_with_the_limit() {
        let value = vec![b'b'; headers::MAX_SIZE];
        for (target, fields, length, wanted) in [
            ("a".repeat(MAX_TARGET + 1).as_str(), [].as_slice(), None, "takes 4097 bytes, the limit is 4096"),
            ("/", &[("a", value.as_slice())], None, "request headers take 8193 bytes, the limit is 8192"),
            ("/", &[("X-Fc-A", b"")], None, "the request header X-Fc-A is the platform's own"),
            ("/", &[("Keep-Alive", b"")], None, "the request header Keep-Alive is the platform's own"),
            ("/", &[], Some(MAX_BODY + 1), "the request body takes 33554433 bytes"),
        ] {
            let what = refused(target, fields, length).expect(wanted);
            assert!(what.contains(wanted), "{what}");
        }
    }
}
