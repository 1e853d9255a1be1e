//! InvokeFunction as the vendor's SDK clients call it.

use base64::Engine as _;

use crate::harness::{Said as _, start};
use support::Reply;

fn log_of(response: &Reply) -> Option<String> {
    let log = base64::engine::general_purpose::STANDARD
        .decode(response.header("x-fc-log-result")?)
        .expect("base64");
    Some(String::from_utf8(log).expect("text"))
}

#[test]
fn an_event_is_a_post_to_invoke_with_the_platforms_headers() {
    let fc = start(&["--memory", "256", "--timeout", "7s"]);
    let signed = "authorization: ACS3-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=y\r\nx-acs-action: InvokeFunction\r\n";
    let response = fc.invoke_with(signed, "an event");
    assert_eq!((response.status, response.error_type()), (200, None));
    let seen = response.json();
    assert_eq!((seen["method"].as_str(), seen["target"].as_str()), (Some("POST"), Some("/invoke")));
    assert_eq!(seen["body"], base64::engine::general_purpose::STANDARD.encode("an event"));
    let headers = &seen["headers"];
    for (name, value) in [
        ("x-fc-control-path", "/invoke"),
        ("content-type", "application/octet-stream"),
        ("x-fc-function-name", "local"),
        ("x-fc-function-memory", "256"),
        ("x-fc-function-timeout", "7"),
        ("x-fc-region", "cn-hangzhou"),
        ("x-fc-version-id", "LATEST"),
        ("x-fc-qualifier", "LATEST"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    for name in ["access-key-id", "access-key-secret", "security-token", "account-id", "function-handler"] {
        assert!(headers[format!("x-fc-{name}")].as_str().is_some_and(|value| !value.is_empty()), "{name}");
    }
    assert_eq!(headers["x-fc-request-id"].as_str(), response.header("x-fc-request-id"));
    assert!(headers.get("authorization").is_none(), "the signature is the platform's");
}

#[test]
fn the_answer_carries_what_the_platform_measured_and_nothing_of_the_functions_head() {
    let fc = start(&[]);
    let response = fc.invoke(r#"{"path":"/status","code":"503"}"#);
    assert_eq!((response.status, response.text()), (200, "as asked"));
    assert!(
        response
            .header("x-fc-invocation-duration")
            .is_some_and(|ms| ms.parse::<u64>().is_ok_and(|ms| ms > 0))
    );
    assert!(
        response.header("x-fc-max-memory-usage").is_some_and(|mb| mb.parse::<f64>().is_ok_and(|mb| mb > 1.0))
    );
    assert!(response.header("x-fc-instance-id").is_some_and(|id| id.starts_with("c-")));
    let response = fc.invoke("{}");
    assert_eq!((response.header("x-custom"), response.header("x-fc-secret")), (None, None));
}

#[test]
fn the_log_tail_is_what_this_invocation_printed() {
    let fc = start(&[]);
    let tail = "x-fc-log-type: Tail\r\n";
    fc.invoke(r#"{"path":"/say","text":"before"}"#);
    let response = fc.invoke_with(tail, r#"{"path":"/say","text":"mine"}"#);
    assert_eq!(log_of(&response).as_deref(), Some("mine\n"));
    assert_eq!(log_of(&fc.invoke_with("x-fc-log-type: None\r\n", "{}")), None);
    let long = "y".repeat(6000);
    let response = fc.invoke_with(tail, &format!(r#"{{"path":"/say","text":"{long}"}}"#));
    assert_eq!(log_of(&response).map(|log| log.len()), Some(4096), "the last 4 KB");
}

#[test]
fn there_is_no_log_tail_with_concurrency() {
    let fc = start(&["--concurrency", "2"]);
    assert_eq!(log_of(&fc.invoke_with("x-fc-log-type: Tail\r\n", "{}")), None);
}

#[test]
fn an_unknown_invocation_or_log_type_is_refused() {
    let fc = start(&[]);
    for header in ["x-fc-invocation-type: Later\r\n", "x-fc-log-type: Head\r\n"] {
        let (status, code, _) = fc.invoke_with(header, "").system_error();
        assert_eq!((status, code.as_str()), (400, "InvalidArgument"));
    }
}

#[test]
fn an_event_over_the_limit_is_entity_too_large() {
    let fc = start(&[]);
    let event = "x".repeat(128 * 1024 + 1);
    let (status, code, _) = fc.invoke_with("x-fc-invocation-type: Async\r\n", &event).system_error();
    assert_eq!((status, code.as_str()), (400, "EntityTooLarge"));
    assert_eq!(fc.invoke(&event).status, 200, "a synchronous one may be larger");
    let event = "x".repeat(32 * 1024 * 1024 + 1);
    let (status, code, _) = fc.invoke(&event).system_error();
    assert_eq!((status, code.as_str()), (400, "EntityTooLarge"));
}

#[test]
fn other_methods_and_paths_are_the_http_triggers() {
    let fc = start(&[]);
    let response = fc.get("/2023-03-30/functions/local/invocations");
    assert_eq!(response.json()["headers"]["x-fc-control-path"], "/http-invoke");
}
