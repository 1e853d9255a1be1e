//! Which headers does the platform add to requests and take from replies? What a request is for is not known
//! here.

use std::net::IpAddr;

use anyhow::{Result, bail};

use super::client::{Headers, RequestHead, is_listed};
use crate::function::Function;
use crate::function::account::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, ACCOUNT_ID, SECURITY_TOKEN};

/// The platform's limit for names and values together, in both directions.
pub const MAX_SIZE: usize = 8 * 1024;

/// Request headers that belong to one connection, or are written anew.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
];

/// Reply headers that do not reach an HTTP caller, beside the platform's own.
const NOT_PASSED_ON: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
    "trailer",
    "upgrade",
];

/// Whom a request comes from, each hop appended by the next. The platform's pages do not list it: it is what its load
/// balancers set, and where the vendor's templates look for a client's address.
const FORWARDED_FOR: &str = "X-Forwarded-For";

/// The common headers, which are the same for every request to one function.
pub fn common(function: &Function) -> Vec<u8> {
    let memory = function.memory_mb.to_string();
    let timeout = function.timeout.as_secs().to_string();
    let values: [(&str, &str); 13] = [
        ("access-key-id", ACCESS_KEY_ID),
        ("access-key-secret", ACCESS_KEY_SECRET),
        ("security-token", SECURITY_TOKEN),
        ("function-name", &function.name),
        ("function-handler", &function.handler),
        ("function-memory", &memory),
        ("function-timeout", &timeout),
        ("region", &function.region),
        ("account-id", ACCOUNT_ID),
        ("qualifier", "LATEST"),
        ("version-id", "LATEST"),
        ("service-logproject", &function.log_project),
        ("service-logstore", &function.log_store),
    ];
    let mut bytes = Vec::new();
    for (name, value) in values {
        append(&mut bytes, &format!("x-fc-{name}"), value.as_bytes());
    }
    bytes
}

/// A request of the platform's own: hooks, events, health checks.
pub fn request(
    method: &str,
    path: &str,
    control_path: Option<&str>,
    request_id: &str,
    common: &[u8],
) -> RequestHead {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n").into_bytes();
    if control_path == Some("/invoke") {
        bytes.extend_from_slice(b"content-type: application/octet-stream\r\n");
    }
    finish(&mut bytes, control_path, request_id, common);
    RequestHead { method: method.to_owned(), bytes, expects_continue: false }
}

/// A client's request as the function sees it, from `client` if that is known.
pub fn forwarded<'h>(
    method: &str,
    target: &str,
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    client: Option<IpAddr>,
    request_id: &str,
    common: &[u8],
) -> RequestHead {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    let fields: Vec<_> = headers.collect();
    let connection = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let connection: Vec<&[u8]> = connection.map(|(_, value)| *value).collect();
    let mut forwarded_for: Vec<&[u8]> = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| !is_hop_by_hop(name, &connection)) {
        if name.eq_ignore_ascii_case(FORWARDED_FOR) {
            forwarded_for.push(value);
        } else {
            append(&mut bytes, name, value);
        }
    }
    let client = client.map(|client| client.to_string());
    forwarded_for.extend(client.iter().map(String::as_bytes));
    if !forwarded_for.is_empty() {
        append(&mut bytes, FORWARDED_FOR, &forwarded_for.join(&b", "[..]));
    }
    if let Some(client) = &client {
        append(&mut bytes, "x-fc-client-ip", client.as_bytes());
    }
    finish(&mut bytes, Some("/http-invoke"), request_id, common);
    RequestHead { method: method.to_owned(), bytes, expects_continue: false }
}

/// A client's own request, which is for one of fc-local's addresses. Its `Host` is `authority` unless it names one.
pub fn of_a_client(
    method: &str,
    target: &str,
    authority: &str,
    fields: &[(&str, &[u8])],
) -> Result<RequestHead> {
    let is_token = |text: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.bytes().all(is_part)
    };
    if !is_token(method) {
        bail!("{method:?} is not a method");
    }
    if let Some((name, _)) = fields.iter().find(|(name, _)| !is_token(name)) {
        bail!("{name:?} is not the name of a header");
    }
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        append(&mut bytes, "Host", authority.as_bytes());
    }
    for (name, value) in fields.iter().filter(|(name, _)| !is_hop_by_hop(name, &[])) {
        append(&mut bytes, name, value);
    }
    Ok(RequestHead { method: method.to_owned(), bytes, expects_continue: false })
}

fn finish(bytes: &mut Vec<u8>, control_path: Option<&str>, request_id: &str, common: &[u8]) {
    bytes.extend_from_slice(common);
    if let Some(path) = control_path {
        append(bytes, "x-fc-control-path", path.as_bytes());
    }
    append(bytes, "x-fc-request-id", request_id.as_bytes());
}

/// The one place that writes a header. What a value may be is checked where it comes from; what would end its
/// line is a space here all the same (RFC 9110 section 5.5).
pub fn append(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    // Nothing that a client need not send either: what it may send fits into the function's own limit.
    bytes.extend_from_slice(if value.is_empty() { b":" } else { b": " });
    bytes.extend(value.iter().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { *byte }));
    bytes.extend_from_slice(b"\r\n");
}

/// Whether a request's field stays behind: one of its connection's, or one that its `Connection` fields name (RFC 9110
/// section 7.6.1). A client cannot take Host away, without which it is no request.
fn is_hop_by_hop(name: &str, connection: &[&[u8]]) -> bool {
    HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop))
        || (connection.iter().any(|value| is_listed(name, value)) && !name.eq_ignore_ascii_case("host"))
}

/// Whether only the platform may set a header of this name.
pub fn is_reserved(name: &str) -> bool {
    name.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-fc-"))
}

/// The fields of a reply that reach an HTTP caller: those that are neither the platform's own nor the connection's.
pub fn passed_on(reply: &Headers) -> impl Iterator<Item = (&str, &[u8])> {
    let connection: Vec<&[u8]> = reply.all("connection").collect();
    reply
        .iter()
        .filter(move |(name, _)| is_passed_on(name) && !connection.iter().any(|value| is_listed(name, value)))
}

/// Whether a reply's header may reach an HTTP caller; `name` is in lower case.
pub fn is_passed_on(name: &str) -> bool {
    !is_reserved(name) && !NOT_PASSED_ON.contains(&name)
}

/// What the function says of a failed invocation: `x-fc-status`, when it is not 200.
pub fn failure_status(reply: &Headers) -> Option<&[u8]> {
    reply.iter().find(|(name, value)| *name == "x-fc-status" && *value != b"200").map(|(_, value)| value)
}

/// Names and values together, as the platform counts them.
pub fn size<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> usize {
    headers.map(|(name, value)| name.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn text(head: &RequestHead) -> String {
        String::from_utf8_lossy(&head.bytes).into_owned()
    }

    #[test]
    fn a_forwarded_request_loses_what_belongs_to_its_hop_and_gets_the_platforms_headers() {
        let headers: [(&str, &[u8]); 6] = [
            ("Host", b"h"),
            ("Connection", b"close, x-mine ,HOST"),
            ("X-Mine", b"2"),
            ("X-A", b"1"),
            ("TE", b"trailers"),
            ("X-Empty", b""),
        ];
        let head = forwarded("PUT", "/a?b", headers.into_iter(), None, "1-2-3-4", b"x-fc-region: r\r\n");
        assert_eq!(head.method, "PUT");
        assert_eq!(
            text(&head),
            "PUT /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-Empty:\r\nx-fc-region: r\r\n\
             x-fc-control-path: /http-invoke\r\nx-fc-request-id: 1-2-3-4\r\n"
        );
    }

    #[test]
    fn a_clients_own_request_has_a_host_and_no_line_that_is_none_of_its_own() {
        let fields: [(&str, &[u8]); 3] =
            [("a", b"1\r\nb: 2"), ("content-length", b"9"), ("x-fc-log-type", b"Tail")];
        let head = of_a_client("POST", "/a?b", "127.0.0.1:80", &fields).expect("a request");
        assert_eq!(
            text(&head),
            "POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:80\r\na: 1  b: 2\r\nx-fc-log-type: Tail\r\n"
        );
        let named = of_a_client("GET", "/", "127.0.0.1:80", &[("host", b"shop.example")]).expect("a request");
        assert_eq!(text(&named), "GET / HTTP/1.1\r\nhost: shop.example\r\n");
        for (method, name) in
            [("", "a"), ("GET /x", "a"), ("GET\r\n", "a"), ("GET", ""), ("GET", "a b"), ("GET", "a:")]
        {
            assert!(of_a_client(method, "/", "h", &[(name, b"")]).is_err(), "{method:?} {name:?}");
        }
    }

    #[test]
    fn a_client_is_named_behind_whom_it_names_itself() {
        let client = Some(Ipv4Addr::new(192, 0, 2, 7).into());
        for (fields, wanted) in [
            (&[][..], "192.0.2.7"),
            (&[("x-forwarded-for", &b"10.0.0.1, 10.0.0.2"[..])], "10.0.0.1, 10.0.0.2, 192.0.2.7"),
            (&[("X-Forwarded-For", b"10.0.0.1"), ("X-FORWARDED-FOR", b"::1")], "10.0.0.1, ::1, 192.0.2.7"),
            (&[("X-Forwarded-For", b"10.0.0.1"), ("Connection", b"x-forwarded-for")], "192.0.2.7"),
        ] {
            let text = text(&forwarded("GET", "/", fields.iter().copied(), client, "1", b""));
            let named: Vec<&str> =
                text.lines().filter_map(|line| line.strip_prefix("X-Forwarded-For: ")).collect();
            assert_eq!(named, [wanted], "{text}");
            assert!(text.contains("x-fc-client-ip: 192.0.2.7\r\n"), "{text}");
        }
    }

    #[test]
    fn no_value_of_a_configuration_becomes_a_header_of_its_own() {
        let hostile = || "a\r\nx-fc-injected: b\n\nc\0".to_owned();
        let function = Function {
            name: hostile(),
            region: hostile(),
            handler: hostile(),
            log_project: hostile(),
            log_store: hostile(),
            ..Function::example()
        };
        let common = String::from_utf8(common(&function)).expect("text");
        assert_eq!(common.matches("\r\n").count(), 13, "{common:?}");
        assert!(common.split("\r\n").all(|line| !line.contains(['\r', '\n', '\0'])), "{common:?}");
        assert!(!common.contains("\nx-fc-injected"), "{common:?}");
    }

    #[test]
    fn only_an_event_has_a_content_type_and_only_a_health_check_no_control_path() {
        let event = text(&request("POST", "/invoke", Some("/invoke"), "id", b""));
        assert!(event.contains("content-type: application/octet-stream\r\n"), "{event}");
        let hook = text(&request("GET", "/pre-stop", Some("/pre-stop"), "id", b""));
        assert!(!hook.contains("content-type") && hook.contains("x-fc-control-path: /pre-stop"), "{hook}");
        assert!(!text(&request("GET", "/health", None, "id", b"")).contains("control-path"));
    }

    #[test]
    fn what_the_platform_sets_is_reserved_in_any_spelling() {
        assert!(["x-fc-status", "X-Fc-", "X-FC-CONTROL-PATH"].iter().all(|name| is_reserved(name)));
        assert!(["x-fc", "x-fcx", "fc-x", "é-x-fc-"].iter().all(|name| !is_reserved(name)));
    }

    #[test]
    fn the_platforms_own_and_the_connections_headers_are_not_passed_on() {
        for name in ["x-fc-status", "connection", "content-length", "date", "server"] {
            assert!(!is_passed_on(name), "{name}");
        }
        assert!(is_passed_on("content-type") && is_passed_on("set-cookie"));
    }
}
