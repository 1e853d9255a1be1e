//! An HTTP trigger's own settings: methods, authentication, a closed address.

use crate::harness::{Fc, Said as _};
use crate::several::{address_of, ask, resource, start};
use support::Reply;

fn trigger(config: &str) -> String {
    format!(
        "triggers:\n  - triggerName: http\n    triggerType: http\n    triggerConfig: {config}\ncustomDomain: {{domainName: own.example, protocol: HTTP, route: {{path: '/*'}}}}"
    )
}

fn with(config: &str) -> Fc {
    start(&[resource("f", &trigger(config))], &[])
}

fn call(fc: &Fc, method: &str, fields: &str) -> Reply {
    ask(fc.address, method, "/", &format!("host: localhost\r\n{fields}"), "")
}

#[test]
fn methods_that_are_not_listed_do_not_reach_the_function() {
    let fc = with("{authType: anonymous, methods: [GET, POST]}");
    for method in ["GET", "POST"] {
        assert_eq!(call(&fc, method, "").json()["method"], method);
    }
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        let reply = call(&fc, method, "");
        assert_eq!(reply.error_type(), Some("FCCommonError"));
        let (status, code, message) = reply.system_error();
        assert_eq!((status, code.as_str()), (403, "FCCommonError"), "{method}");
        assert!(message.contains("GET, POST"), "{message}");
    }
    let head = call(&fc, "HEAD", "");
    assert_eq!((head.status, head.error_type()), (403, Some("FCCommonError")));
    // They are the trigger's: neither the API's nor a custom domain's.
    let event = ask(fc.address, "POST", "/2023-03-30/functions/f/invocations", "host: localhost\r\n", "e");
    assert_eq!(event.json()["body"], "e");
    assert_eq!(ask(fc.address, "PUT", "/", "host: own.example\r\n", "").json()["method"], "PUT");
}

#[test]
fn an_unsigned_call_is_refused_where_a_signature_is_asked_for_and_any_signature_will_do() {
    let fc = with("{authType: function, methods: [GET]}");
    let (status, code, message) = call(&fc, "GET", "").system_error();
    assert_eq!((status, code.as_str()), (400, "MissingRequiredHeader"));
    assert!(message.starts_with("required HTTP header Authorization was not specified"), "{message}");
    fc.wait_for_log("try: curl -H 'Authorization: local' http://");
    let signature = "authorization: ACS3-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=y\r\nx-acs-date: 2026-01-01T00:00:00Z\r\n";
    for fields in ["authorization: local\r\n", signature] {
        assert_eq!(call(&fc, "GET", fields).json()["target"], "/", "{fields}");
    }
    assert_eq!(
        ask(fc.address, "GET", "/", "host: own.example\r\n", "").status,
        200,
        "the domain asks for none"
    );
}

#[test]
fn a_closed_address_leaves_the_custom_domain_and_the_api() {
    let fc = with("{authType: anonymous, methods: [GET], disableURLInternet: true}");
    let (status, code, message) = call(&fc, "GET", "").system_error();
    assert_eq!((status, code.as_str()), (403, "AccessDenied"));
    assert!(message.contains("function internet URL is disable"), "{message}");
    assert_eq!(
        ask(fc.address, "GET", "/", "host: own.example\r\n", "").json()["headers"]["host"],
        "own.example"
    );
    let event = ask(fc.address, "POST", "/2023-03-30/functions/f/invocations", "host: localhost\r\n", "e");
    assert_eq!(event.status, 200);
    assert!(!fc.log().contains("try: curl"), "what would be refused");
    fc.wait_for_log("curl -H 'Host: own.example' http://");
}

#[test]
fn the_api_tells_of_the_trigger_and_where_it_is() {
    let fc = with("{authType: function, methods: [GET]}");
    let get = |target: &str| ask(fc.address, "GET", target, "host: localhost\r\n", "").json();
    let trigger = get("/2023-03-30/functions/f/triggers/http");
    assert_eq!(get("/2023-03-30/functions/f/triggers")["triggers"][0], trigger);
    assert_eq!(
        (trigger["triggerName"].as_str(), trigger["triggerType"].as_str()),
        (Some("http"), Some("http"))
    );
    assert_eq!(trigger["httpTrigger"]["urlInternet"], format!("http://{}", fc.address));
    let config = trigger["triggerConfig"].as_str().expect("a text");
    let config: serde_json::Value = serde_json::from_str(config).expect("JSON");
    assert_eq!((config["authType"].as_str(), config["methods"][0].as_str()), (Some("function"), Some("GET")));
}

#[test]
fn of_several_triggers_that_of_latest_is_served_and_the_api_tells_of_all() {
    let http = |name: &str, fields: &str, method: &str| {
        format!(
            "{{triggerName: {name}, triggerType: http, {fields}triggerConfig: {{authType: anonymous, methods: [{method}]}}}}"
        )
    };
    let (test, own) = (http("t2", "qualifier: test, ", "PUT"), http("t", "", "GET"));
    let fc = start(&[resource("f", &format!("triggers: [{test}, {own}]"))], &[]);
    assert_eq!((call(&fc, "GET", "").status, call(&fc, "PUT", "").status), (200, 403));
    let get = |target: &str| ask(fc.address, "GET", target, "host: localhost\r\n", "").json();
    let all = get("/2023-03-30/functions/f/triggers");
    let told: Vec<_> = all["triggers"].as_array().expect("a list").iter().collect();
    let of = |told: &serde_json::Value| (told["triggerName"].clone(), told["qualifier"].clone());
    assert_eq!(of(told[0]), ("t".into(), "LATEST".into()));
    assert_eq!(of(told[1]), ("t2".into(), "test".into()));
    assert!(told[1]["httpTrigger"].is_null(), "nothing is served for it");
    assert_eq!(&get("/2023-03-30/functions/f/triggers/t2"), told[1]);
    fc.wait_for_log("triggers[0]: it is that of test: what runs here is called as 't' says");
}

#[test]
fn each_of_several_triggers_keeps_its_own_settings() {
    let config = |name: &str, methods: &str| {
        resource(
            name,
            &format!(
                "triggers: [{{triggerName: t, triggerType: http, triggerConfig: {{authType: anonymous, methods: {methods}}}}}]"
            ),
        )
    };
    let fc = start(&[config("reads", "[GET]"), config("writes", "[POST]")], &[]);
    for (name, method, status) in
        [("reads", "GET", 200), ("reads", "POST", 403), ("writes", "GET", 403), ("writes", "POST", 200)]
    {
        let reply = ask(address_of(&fc, name), method, "/", "host: localhost\r\n", "");
        assert_eq!(reply.status, status, "{name} {method}");
    }
    fc.wait_for_log("curl -X POST http://");
}

#[test]
fn a_custom_domain_asks_for_a_signature_of_its_own() {
    let domain = "  domain:
    component: fc3-domain
    props:
      domainName: signed.example
      authConfig: {authType: function}
      routeConfig: {routes: [{path: '/*', functionName: f}]}
";
    let fc = start(&[resource("f", ""), domain.to_owned()], &[]);
    let (status, code, _) = ask(fc.address, "GET", "/", "host: signed.example\r\n", "").system_error();
    assert_eq!((status, code.as_str()), (400, "MissingRequiredHeader"));
    let signed = "host: signed.example\r\nauthorization: local\r\n";
    assert_eq!(ask(fc.address, "GET", "/", signed, "").status, 200);
    assert_eq!(ask(fc.address, "GET", "/", "host: localhost\r\n", "").status, 200, "no trigger, no demand");
    fc.wait_for_log("curl -H 'Authorization: local' -H 'Host: signed.example' http://");
}
