//! The headers the platform adds to requests and takes from responses.

use crate::function::Function;
use crate::function::account::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, ACCOUNT_ID, SECURITY_TOKEN};
use crate::instance::client::{Headers, RequestHead};

/// The common headers that are the same for every request to one function.
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
    values.iter().flat_map(|(name, value)| format!("x-fc-{name}: {value}\r\n").into_bytes()).collect()
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
    RequestHead { method: method.to_owned(), bytes }
}

/// A client's request as the function sees it.
pub fn forwarded<'h>(
    method: &str,
    target: &str,
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    request_id: &str,
    common: &[u8],
) -> RequestHead {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers.filter(|(name, _)| !is_hop(name)) {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    finish(&mut bytes, Some("/http-invoke"), request_id, common);
    RequestHead { method: method.to_owned(), bytes }
}

fn finish(bytes: &mut Vec<u8>, control_path: Option<&str>, request_id: &str, common: &[u8]) {
    bytes.extend_from_slice(common);
    if let Some(path) = control_path {
        bytes.extend_from_slice(format!("x-fc-control-path: {path}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("x-fc-request-id: {request_id}\r\n").as_bytes());
}

/// Belongs to one connection, or is written anew.
fn is_hop(name: &str) -> bool {
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
    ]
    .iter()
    .any(|hop| name.eq_ignore_ascii_case(hop))
}

/// Whether a response header reaches an HTTP caller. `name` is in lower case.
pub fn is_passed_on(name: &str) -> bool {
    !name.starts_with("x-fc-")
        && ![
            "connection",
            "content-length",
            "date",
            "keep-alive",
            "server",
            "transfer-encoding",
            "trailer",
            "upgrade",
        ]
        .contains(&name)
}

/// What the function says of a failed invocation: `x-fc-status`, when it is not 200.
pub fn failure_status(reply: &Headers) -> Option<&[u8]> {
    reply.iter().find(|(name, value)| *name == "x-fc-status" && *value != b"200").map(|(_, value)| value)
}

/// Names and values together, as the platform counts them.
pub fn size<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> usize {
    headers.map(|(name, value)| name.len() + value.len()).sum()
}

/// The platform's limit for that, in both directions.
pub const MAX_SIZE: usize = 8 * 1024;
