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
    let (status, code, message) = fc.invoke_with("x-fc-invocation-type: Async\r\n", &event).system_error();
    assert_eq!((status, code.as_str()), (400, "EntityTooLarge"));
    assert_eq!(message, "payload size exceeds maximum allowed size (131072 bytes)");
    assert_eq!(fc.invoke(&event).status, 200, "a synchronous one may be larger");
    let event = "x".repeat(32 * 1024 * 1024 + 1);
    let (status, code, _) = fc.invoke(&event).system_error();
    assert_eq!((status, code.as_str()), (400, "EntityTooLarge"));
}

#[test]
fn what_else_an_sdk_client_asks_for_is_answered_in_the_apis_words_and_never_by_the_function() {
    let fc = start(&[]);
    let prefix = "/2023-03-30/functions";
    for (method, target, fields, status, code) in [
        ("DELETE", format!("{prefix}/local"), "", 400, "PathNotSupported"),
        ("PUT", format!("{prefix}/local"), "", 400, "PathNotSupported"),
        ("GET", format!("{prefix}/local/invocations"), "", 400, "PathNotSupported"),
        ("GET", format!("{prefix}/local/async-tasks/t"), "", 404, "AsyncTaskNotFound"),
        ("POST", format!("/{prefix}/local/invocations"), "", 400, "PathNotSupported"),
        ("POST", format!("{prefix}/../functions/local/invocations"), "", 400, "PathNotSupported"),
        ("POST", format!("{prefix}/lo%zzcal/invocations"), "", 400, "InvalidArgument"),
        ("POST", format!("{prefix}/other/invocations"), "", 404, "FunctionNotFound"),
        ("POST", format!("{prefix}/local/invocations?qualifier=prod"), "", 404, "AliasNotFound"),
        ("POST", format!("{prefix}/local/invocations?qualifier=%37"), "", 404, "VersionNotFound"),
        ("GET", format!("{prefix}/other"), "", 404, "FunctionNotFound"),
        ("GET", format!("{prefix}/local/triggers/t"), "", 404, "TriggerNotFound"),
        ("GET", format!("{prefix}?limit=0"), "", 400, "InvalidArgument"),
        ("GET", "/".to_owned(), "x-acs-action: ListRegions\r\n", 400, "PathNotSupported"),
        ("DELETE", "/2016-08-15/services/s/functions/local".to_owned(), "", 400, "PathNotSupported"),
    ] {
        let (found, code_found, message) = fc.request(method, &target, fields, b"").system_error();
        assert_eq!((found, code_found.as_str()), (status, code), "{method} {target}: {message}");
    }
    assert_eq!(fc.trace(), Vec::<String>::new(), "no process was started");
}

#[test]
fn the_function_is_described_as_the_sdks_read_it() {
    let fc = start(&["--memory", "256", "--env", "COLOUR=blue"]);
    let function = fc.get("/2023-03-30/functions/local").json();
    assert_eq!(
        (function["functionName"].as_str(), function["memorySize"].as_u64()),
        (Some("local"), Some(256))
    );
    assert_eq!(function["environmentVariables"]["COLOUR"], "blue");
    assert_eq!(fc.get("/2023-03-30/functions").json()["functions"][0], function);
    assert_eq!(fc.get("/2023-03-30/functions?prefix=x").json()["functions"], serde_json::json!([]));
    assert_eq!(fc.get("/2023-03-30/functions/local/triggers").json()["triggers"], serde_json::json!([]));
}

#[test]
fn names_are_read_as_the_sdks_write_them() {
    let fc = start(&[]);
    for name in ["local", "%6Cocal", "acs%3Afc%3Acn-hangzhou%3A123%3Afunctions%2Flocal"] {
        let reply = fc.request("POST", &format!("/2023-03-30/functions/{name}/invocations"), "", b"{}");
        assert_eq!(reply.json()["target"], "/invoke", "{name}");
    }
}

#[test]
fn the_sdks_of_fc_2_reach_the_function_and_read_their_errors() {
    let fc = start(&[]);
    let fields =
        "x-fc-account-id: 123\r\nauthorization: FC key:signature\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
    for target in [
        "/2016-08-15/services/svc/functions/local/invocations",
        "/2016-08-15/services/svc.LATEST/functions/local/invocations",
        "/2021-04-06/services/svc/functions/local/invocations",
    ] {
        assert_eq!(fc.request("POST", target, fields, b"{}").json()["target"], "/invoke", "{target}");
    }
    let proxied = fc.request("PUT", "/2016-08-15/proxy/svc/local/a?b=1", fields, b"x").json();
    assert_eq!(proxied["target"], "/2016-08-15/proxy/svc/local/a?b=1", "as FC 2.0 passes it on");
    assert_eq!(proxied["headers"]["x-fc-control-path"], "/http-invoke");
    let reply =
        fc.request("POST", "/2016-08-15/services/svc.prod/functions/local/invocations", fields, b"{}");
    let error = reply.json();
    assert_eq!((reply.status, error["ErrorCode"].as_str()), (404, Some("AliasNotFound")));
    assert_eq!(error["ErrorMessage"], "alias 'prod' does not exist.");
}
