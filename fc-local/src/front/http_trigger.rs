//! One HTTP call, as the platform takes it: its limits, and the request that the function sees. What becomes
//! of the reply is in `relay.rs`.

use std::iter;

use fc_runtime::{Request, Response};

use super::failure::{CallKind, Failure};
use super::invocation::{self, Invocation};
use super::limited_body::{self, LimitedBody, MAX_BODY, content_length};
use super::relay::{self, SMALL};
use crate::instance::client::RequestBody;
use crate::instance::{Instance, headers};
use crate::scaling::{Scaler, WhenFull};

/// The platform's limit for a path with its query.
const MAX_TARGET: usize = 4 * 1024;

/// Calls the function with a client's request. A small body of known length is read first, so that a caller
/// who goes away is noticed while the function works; any other is sent on as it comes.
pub fn invoke(scaler: &Scaler, request: &mut Request<'_>, request_id: &str) -> Result<Response, Failure> {
    let length = content_length(request);
    let (method, target, fields) = (request.method(), target(request), fields(request));
    check_limits(&target, &fields, length)?;
    let title = format!("{method} {}", request.path());
    let head = |instance: &Instance| {
        headers::forwarded(method, &target, fields.iter().copied(), request_id, &instance.common_headers)
    };
    let invocation = |title, body, caller_gone| Invocation {
        kind: CallKind::Http,
        request_id,
        title,
        head: &head,
        body,
        caller_gone,
    };
    let is_chunked = length.is_none() && request.header("transfer-encoding").is_some();
    if is_chunked || length.unwrap_or(0) > SMALL {
        let ticket = scaler.acquire(WhenFull::Refuse, &|| request.peer_closed())?;
        let mut body = LimitedBody::new(request.body(), MAX_BODY);
        let stream = RequestBody::Stream(&mut body, length);
        let reply = invocation::invoke(ticket, invocation(title, stream, &|| false))?;
        let left = body.left();
        return relay::response(reply, request.body(), left);
    }
    let body = limited_body::read_whole(request, SMALL, scaler.function().timeout)?;
    let caller_gone = || request.peer_closed();
    let ticket = scaler.acquire(WhenFull::Refuse, &caller_gone)?;
    let reply = invocation::invoke(ticket, invocation(title, RequestBody::Bytes(&body), &caller_gone))?;
    relay::response(reply, request.body(), MAX_BODY)
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
fn fields<'a>(request: &Request<'a>) -> Vec<(&'a str, &'a [u8])> {
    let host = request.header("host").unwrap_or("127.0.0.1");
    let others = request.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
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
