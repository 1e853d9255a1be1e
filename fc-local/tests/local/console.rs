//! The console's API, as programs use it, and the commands that ask it.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{Client, Program, Reply, Scratch, WATCHDOG, eventually, reserved_port, run_to_end};

use crate::harness::{Fc, Said as _, example, fc_local, listener, python, start, start_with};
use crate::several::{resource, template};

const API: &str = "/api/v1/";

/// Where the console of `fc` is.
pub fn console(fc: &Fc) -> SocketAddr {
    fc.find_in_log("the console's address", |said| {
        said.split("is shown on http://").nth(1)?.split('/').next()?.parse().ok()
    })
}

fn request(address: SocketAddr, head: &str, body: &str) -> Reply {
    let mut client = Client::connect(address);
    client.send(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    client.reply()
}

pub fn get(address: SocketAddr, path: &str) -> Value {
    let reply = request(address, &format!("GET {API}{path} HTTP/1.1\r\nhost: {address}"), "");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply:?}");
    let value = reply.json();
    let path = path.split('?').next().expect("a path");
    conforms(&value, &schema_of(&template_of(path), "get"), path);
    value
}

fn post(address: SocketAddr, path: &str, body: &Value) -> Reply {
    let head = format!("POST {API}{path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json");
    request(address, &head, &body.to_string())
}

fn sent(address: SocketAddr, path: &str, body: &Value) -> Value {
    let reply = post(address, path, body);
    assert_eq!(reply.status, 200, "{reply:?}");
    conforms(&reply.json(), &schema_of(&template_of(path), "post"), path);
    reply.json()
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"].as_str().expect("why").to_owned())
}

/// A path as the description has it.
fn template_of(path: &str) -> String {
    let is_key = |segment: &str| segment.bytes().all(|byte| byte.is_ascii_digit());
    let segments: Vec<_> =
        path.split('/').map(|segment| if is_key(segment) { "{key}" } else { segment }).collect();
    format!("{API}{}", segments.join("/"))
}

fn description() -> Value {
    serde_json::from_str(include_str!("../../src/console/openapi.json")).expect("JSON")
}

fn schema_of(path: &str, method: &str) -> Value {
    schema_of_answer(path, method, 200)
}

fn schema_of_answer(path: &str, method: &str, status: u16) -> Value {
    let description = description();
    let mut answer = &description["paths"][path][method]["responses"][status.to_string()];
    if let Some(name) = answer["$ref"].as_str() {
        answer = description.pointer(name.trim_start_matches('#')).expect("what is referred to");
    }
    let schema = &answer["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {path} {status} is not described");
    schema.clone()
}

/// Panics where a value is not as the description says: as much of JSON Schema as that uses.
fn conforms(value: &Value, schema: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().expect("a name");
        return conforms(value, &description()["components"]["schemas"][name], place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices.iter().find(|choice| value.is_null() == (choice["type"] == "null"));
        return conforms(value, choice.expect("one of them"), place);
    }
    let names = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => panic!("{place} has a schema without a type: {schema}"),
    };
    let is = |name: &&str| match *name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    };
    assert!(names.iter().any(is), "{place} is {value}, not {names:?}");
    if let Some(known) = schema["enum"].as_array() {
        assert!(known.contains(value), "{place} is {value}");
    }
    if let Some(items) = value.as_array() {
        items.iter().for_each(|item| conforms(item, &schema["items"], place));
    }
    if let Some(object) = value.as_object() {
        let known = schema["properties"].as_object().expect("properties");
        let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
        let mut wanted = keys(known);
        wanted.sort();
        let mut found = keys(object);
        found.sort();
        assert_eq!(found, wanted, "{place}");
        object.iter().for_each(|(name, value)| conforms(value, &known[name], &format!("{place}.{name}")));
    }
}

/// Server-sent events of a console.
struct Events {
    client: Client,
    /// What has come, and is not read.
    received: Vec<u8>,
    has_ended: bool,
}

impl Events {
    fn follow(address: SocketAddr, query: &str) -> Events {
        let mut client = Client::connect(address);
        client.send(format!("GET {API}events?{query} HTTP/1.1\r\nhost: {address}\r\n\r\n"));
        let head = client.reply_head();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
        Events { client, received: Vec::new(), has_ended: false }
    }

    /// The data of the next event for which `is_wanted`; `None` at the stream's end.
    fn next(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        while let Some(line) = self.line() {
            let Some(data) = line.strip_prefix("data: ") else { continue };
            match serde_json::from_str::<Value>(data) {
                Ok(update) if is_wanted(&update) => {
                    conforms(&update, &json!({"$ref": "#/components/schemas/Update"}), "update");
                    return Some(update);
                }
                Ok(_) => {}
                Err(_) => {
                    assert_eq!(data, "fc-local stops");
                    self.has_ended = true;
                }
            }
        }
        None
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line = self.received.drain(..=end).collect();
                return Some(String::from_utf8(line).expect("text").trim_end().to_owned());
            }
            match self.client.chunk() {
                chunk if chunk.is_empty() => return None,
                chunk => self.received.extend(chunk),
            }
        }
    }
}

/// The one invocation of a path.
fn invocation(console: SocketAddr, path: &str) -> Value {
    eventually("it has ended", || {
        let all = get(console, "invocations?limit=10000")["invocations"].clone();
        all.as_array()?.iter().find(|one| one["path"] == path && one["stage"] == "ended").cloned()
    })
}

fn phases(instance: &Value) -> Vec<&str> {
    instance["phases"]
        .as_array()
        .expect("phases")
        .iter()
        .filter_map(|phase| phase["phase"].as_str())
        .collect()
}

#[test]
fn a_cold_start_a_freeze_a_failure_and_an_end_are_on_the_console() {
    let fc = start(&["--initializer", "--env", "COLOUR=red", "--env", "DB_PASSWORD=swordfish"]);
    let console = console(&fc);
    let request_id = fc.get("/first?a=b").header("x-fc-request-id").expect("an id").to_owned();
    let first = invocation(console, "/first?a=b");
    assert_eq!(
        (&first["request_id"], &first["cold"], &first["status"]),
        (&json!(request_id), &json!(true), &json!(200))
    );
    assert!(first["queue_ms"].as_f64() > Some(0.0) && first["memory_mb"].as_f64() > Some(1.0), "{first}");
    assert_eq!((&first["trigger"], &first["function"]), (&json!("http"), &json!("local")));

    let key = first["key"].as_u64().expect("a key");
    let detail = get(console, &format!("invocations/{key}"));
    assert_eq!(detail["request"]["line"], "GET /first?a=b HTTP/1.1");
    let header = |message: &str, name: &str| {
        let headers = detail[message]["headers"].as_array().expect("headers");
        headers.iter().find(|header| header[0] == name).map(|header| header[1].clone())
    };
    assert_eq!(header("request", "x-fc-request-id"), Some(json!(request_id)));
    assert_eq!(header("request", "x-fc-security-token"), Some(json!("(hidden)")));
    assert_eq!(header("response", "x-custom"), Some(json!("yes")));
    let parts: Vec<_> =
        detail["cold_start"].as_array().expect("parts").iter().map(|part| part["part"].clone()).collect();
    assert_eq!(parts, ["process", "port", "initializer", "first byte"]);

    fc.invoke(r#"{"path":"/fail"}"#);
    fc.get("/exit?code=3");
    let failed = invocation(console, "/exit?code=3");
    assert_eq!((&failed["status"], &failed["error_type"]), (&json!(502), &json!("UnhandledInvocationError")));
    assert!(failed["error"].as_str().expect("why").starts_with("Process exited unexpectedly"), "{failed}");
    assert_eq!(failed["cold"], false);
    let all = get(console, "invocations?failed=true");
    assert_eq!(all["invocations"].as_array().map(Vec::len), Some(2), "{all}");
    assert_eq!(all["invocations"][1]["trigger"], "api");

    fc.get("/again");
    let instances = eventually("the instance that has gone is known to have", || {
        let all = get(console, "instances")["instances"].clone();
        (all[0]["end"] == "process exited with 3" && all.as_array()?.len() == 2).then_some(all)
    });
    let names = phases(&instances[0]);
    assert_eq!(names[..3], ["starting", "initializing", "ready"], "{names:?}");
    assert_eq!((&instances[0]["phase"], &instances[0]["invocations"]), (&Value::Null, &json!(3)));
    eventually("an instance without a call is frozen", || {
        let one = get(console, "instances?living=true")["instances"][0].clone();
        (one["phase"] == "frozen").then_some(())
    });

    let functions = get(console, "functions").to_string();
    assert!(functions.contains(r#""value":"red""#) && !functions.contains("swordfish"), "{functions}");
    let samples = get(console, "samples")["samples"].clone();
    let sum = |name: &str| {
        samples.as_array().expect("samples").iter().filter_map(|one| one[name].as_u64()).sum::<u64>()
    };
    assert_eq!((sum("ended"), sum("failed")), (4, 2));
    assert_eq!(get(console, "status")["record"]["running"], 0);
}

#[test]
fn calls_that_no_instance_was_asked_for_are_on_the_console_once() {
    let fc = start(&["--max-instances", "1"]);
    let console = console(&fc);
    let gate = fc.scratch.gate("gate");
    let wait = format!("/wait?fifo={}", gate.path);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fc.get(&wait));
        fc.wait_for_trace("waiting", 1);
        assert_eq!(get(console, "status")["record"]["running"], 1);
        assert_eq!(fc.get("/full").status, 429);
        gate.let_pass(1);
        assert_eq!(waiting.join().expect("a reply").status, 200);
    });
    fc.request("GET", "/reserved", "X-Fc-A: b\r\n", b"");
    let (full, reserved) = (invocation(console, "/full"), invocation(console, "/reserved"));
    assert_eq!((&full["status"], &full["error_type"]), (&json!(429), &json!("ResourceExhausted")));
    assert_eq!((&reserved["status"], &reserved["instance"]), (&json!(400), &Value::Null));
    let record = get(console, "status")["record"].clone();
    assert_eq!((&record["invocations"]["kept"], &record["waiting"]), (&json!(3), &json!(0)));
}

#[test]
fn log_lines_are_found_by_request_instance_level_and_text() {
    let fc = start(&[]);
    let console = console(&fc);
    let say = |text: &str| {
        let reply = fc.invoke(&json!({"path": "/say", "text": text}).to_string());
        reply.header("x-fc-request-id").expect("an id").to_owned()
    };
    say("warm");
    let hostile = "<script>alert(1)</script>\u{1b}[31mred";
    let (one, two) = (say(hostile), say("[WARN] low on É"));
    invocation(console, "/invoke");
    let texts = |query: &str| {
        let lines = get(console, &format!("logs?{query}"))["lines"].clone();
        lines
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| line["text"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&format!("request_id={one}")), [hostile]);
    assert_eq!(texts(&format!("request_id={two}&level=warn")), ["[WARN] low on É"]);
    assert_eq!(texts("text=LOW%20on%20%C3%A9"), ["[WARN] low on É"]);
    assert_eq!(texts("level=error"), [""; 0]);
    assert_eq!(texts("text=function+is+up&limit=1"), ["function is up"]);
    let instance = get(console, "instances")["instances"][0]["id"].as_str().expect("an id").to_owned();
    let short = &instance.rsplit('-').next().expect("parts")[..6];
    assert_eq!(texts(&format!("instance={short}")), texts(&format!("instance={instance}")));
    let all = get(console, "logs")["lines"].clone();
    let seq = |place: usize| all[place]["seq"].as_u64().expect("a number");
    assert_eq!(texts(&format!("before={}&limit=1", seq(2))), [all[1]["text"].as_str().expect("text")]);
    for (query, wanted) in [
        ("level=loud", "level 'loud' is none of"),
        ("limit=0", "limit 0 is not from"),
        ("before=x", "before 'x' is not a number"),
        ("limit=", "limit '' is not a number"),
        ("level=", "level '' is none of"),
    ] {
        let reply = request(console, &format!("GET {API}logs?{query} HTTP/1.1\r\nhost: {console}"), "");
        let (status, why) = refusal(&reply);
        assert!(status == 400 && why.starts_with(wanted), "{why}");
    }
}

#[test]
fn whoever_follows_is_told_what_happens_and_that_it_ends() {
    let mut fc = start(&["--pre-stop"]);
    let console = console(&fc);
    let mut events = Events::follow(console, "since=0");
    let mut lines = Events::follow(console, "only_lines=true&text=said");
    fc.get("/a");
    let has = |update: &Value, kind: &str, is_it: &dyn Fn(&Value) -> bool| {
        update[kind].as_array().is_some_and(|all| all.iter().any(is_it))
    };
    let ended = events
        .next(|update| has(update, "invocations", &|one| one["path"] == "/a" && one["stage"] == "ended"));
    let seq = ended.expect("it is told")["seq"].as_u64().expect("a number");
    fc.invoke(r#"{"path":"/say"}"#);
    let said = lines.next(|_| true).expect("it is told");
    assert_eq!((said["lines"].as_array().map(Vec::len), &said["invocations"]), (Some(1), &json!([])));
    let again =
        Events::follow(console, &format!("since={seq}")).next(|update| has(update, "invocations", &|_| true));
    let again = again.expect("what came after it");
    assert!(has(&again, "invocations", &|one| one["path"] == "/invoke"), "{again}");
    for query in ["since=18446744073709551615", "since=0"] {
        let update = Events::follow(console, query).next(|_| true).expect("all of it");
        assert!(
            has(&update, "invocations", &|one| one["path"] == "/a"),
            "{query} is of another run: {update}"
        );
    }
    assert!(fc.stop().success());
    let stopped =
        events.next(|update| has(update, "instances", &|one| one["end"] == "stopped: the platform stops"));
    assert!(stopped.is_some(), "the end of the instances is told too");
    assert_eq!((events.next(|_| false), events.has_ended), (None, true), "and then the stream ends");
    assert_eq!((lines.next(|_| false), lines.has_ended), (None, true));
}

#[test]
fn whoever_takes_nothing_holds_up_nobody_and_is_told_what_it_missed() {
    let fc = start_with(Scratch::new(), &["--concurrency", "20"], &example("hello"));
    let console = console(&fc);
    fc.get("/");
    let _takes_nothing = Events::follow(console, "since=0");
    let mut client = fc.client();
    for _ in 0..500 {
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
        assert_eq!(client.reply().status, 200);
    }
    let mut events = Events::follow(console, "since=0");
    let missed = events.next(|update| update["missed"]["invocations"].as_u64() > Some(0));
    let missed = missed.expect("it is told");
    assert_eq!(missed["invocations"].as_array().map(Vec::len), Some(200), "the newest");
}

#[test]
fn a_call_is_sent_as_any_caller_sends_it_and_once_more() {
    let fc = start(&[]);
    let console = console(&fc);
    let event = json!({"kind": "event", "function": "local", "payload": r#"{"path":"/raw","x":"é"}"#});
    let answer = sent(console, "send", &event);
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &event["payload"]));
    let http = json!({
        "kind": "http", "function": "local", "method": "PUT", "path": "/echo?a=b",
        "headers": [["X-Mine", "1"], ["Content-Length", "99"], ["Authorization", "Bearer x"]], "body": "order",
    });
    let answer = sent(console, "send", &http);
    let seen: Value =
        serde_json::from_str(answer["body"].as_str().expect("text")).expect("what the function saw");
    assert_eq!((&seen["method"], &seen["target"]), (&json!("PUT"), &json!("/echo?a=b")));
    assert_eq!((&seen["headers"]["x-mine"], &seen["headers"]["content-length"]), (&json!("1"), &json!("5")));
    let first = invocation(console, "/echo?a=b");
    assert_eq!(answer["request_id"], first["request_id"]);
    let again = sent(console, &format!("invocations/{}/repeat", first["key"]), &json!({}));
    let seen_again: Value = serde_json::from_str(again["body"].as_str().expect("text")).expect("the same");
    assert_eq!(
        (&seen_again["body"], &seen_again["headers"]["authorization"]),
        (&seen["body"], &json!("Bearer x"))
    );
    assert_ne!(again["request_id"], first["request_id"]);
    let event = invocation(console, "/invoke");
    let again = sent(console, &format!("invocations/{}/repeat", event["key"]), &json!({}));
    assert_eq!(again["body"], event_sent());
    let answer = sent(console, "send", &json!({"kind": "event", "function": "local", "is_async": true}));
    assert_eq!(answer["status"], 202);
}

#[test]
fn a_sample_is_sent_as_its_trigger_sends_it() {
    let fc = start(&[]);
    let console = console(&fc);
    let samples = get(console, "event-samples")["samples"].clone();
    let sample = |name: &str| {
        let found = samples.as_array().expect("a list").iter().find(|sample| sample["name"] == name);
        found.unwrap_or_else(|| panic!("no sample {name}"))["event"].clone()
    };
    // What the function got.
    let send = |payload: &Value, name: &str| {
        let event = json!({"kind": "event", "function": "local", "payload": payload, "sample": name});
        let answer = sent(console, "send", &event);
        let seen: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("what it saw");
        STANDARD.decode(seen["body"].as_str().expect("its body")).expect("base64")
    };
    assert_eq!(send(&sample("timer"), "timer"), sample("timer").as_str().expect("text").as_bytes());
    let table = send(&sample("tablestore"), "tablestore");
    assert!(table[0] >= 0xa0, "in CBOR: {}", table.escape_ascii());
    assert_eq!(send(&json!("no table {"), "tablestore"), b"no table {");
    let event = json!({"kind": "event", "function": "local", "sample": "os"});
    let (status, why) = refusal(&post(console, "send", &event));
    assert!(status == 400 && why.contains("did you mean 'oss'?"), "{why}");
}

#[test]
fn calls_of_a_trace_are_found_together() {
    let fc = start(&[]);
    let console = console(&fc);
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let call = |path: &str, span: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\ntraceparent: 00-{id}-{span}-01");
        assert_eq!(request(fc.address, &head, "").status, 200);
    };
    call("/raw?first", "00f067aa0ba902b7");
    assert_eq!(fc.get("/raw?of-none").status, 200);
    call("/raw?second", "00f067aa0ba902b8");
    let second = invocation(console, "/raw?second");
    let detail = get(console, &format!("invocations/{}", second["key"]));
    assert_eq!(detail["trace"], json!({"trace_id": id, "parent_id": "00f067aa0ba902b8", "is_sampled": true}));
    let found = get(console, &format!("invocations?trace_id={id}"))["invocations"].clone();
    let paths: Vec<_> = found.as_array().expect("a list").iter().map(|one| one["path"].clone()).collect();
    assert_eq!(paths, ["/raw?second", "/raw?first"]);
    assert_eq!(get(console, "invocations?trace_id=0")["invocations"], json!([]));
    let other = invocation(console, "/raw?of-none");
    assert!(get(console, &format!("invocations/{}", other["key"]))["trace"].is_null());
}

fn event_sent() -> Value {
    json!(r#"{"path":"/raw","x":"é"}"#)
}

#[test]
fn what_cannot_be_sent_is_refused_with_why() {
    let fc = start(&[]);
    let console = console(&fc);
    let http = |method: &str, path: &str, name: &str| json!({"kind": "http", "function": "local", "method": method, "path": path, "headers": [[name, "x"]]});
    let with_value = |value: &str| json!({"kind": "http", "function": "local", "method": "GET", "path": "/", "headers": [["a", value]]});
    for (body, status, wanted) in [
        (json!({}), 400, "not a call to be sent: "),
        (
            json!({"kind": "event", "function": "local", "pay": 1}),
            400,
            "not a call to be sent: unknown field",
        ),
        (json!({"kind": "event", "function": "nobody"}), 404, "there is no function 'nobody' here"),
        (http("GET /x", "/", "a"), 400, "\"GET /x\" is not a method"),
        (http("GET", "a", "a"), 400, "the path must start with '/'"),
        (http("GET", "/ HTTP/1.1", "a"), 400, "the path \"/ HTTP/1.1\" has a character"),
        (http("GET", "/", "a b"), 400, "\"a b\" is not the name of a header"),
        (with_value("a\r\nb: c"), 400, "a \"a\\r\\nb: c\" has a control character"),
        (with_value("a\0"), 400, "a \"a\\0\" has a control character"),
    ] {
        let (found, why) = refusal(&post(console, "send", &body));
        assert!(found == status && why.starts_with(wanted), "{found} {why}");
    }
    assert_eq!(refusal(&post(console, "invocations/99/repeat", &json!({}))).0, 404);
    let mut client = fc.client();
    client.send("POST /raw HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    assert_eq!(client.reply().status, 200);
    let key = invocation(console, "/raw")["key"].clone();
    assert_eq!(get(console, &format!("invocations/{key}"))["repeatable"], false);
    let (status, why) = refusal(&post(console, &format!("invocations/{key}/repeat"), &json!({})));
    assert!(status == 409 && why.starts_with("what was sent is not kept"), "{why}");
}

#[test]
fn pages_of_others_get_nothing_and_nothing_changes_by_a_get() {
    let fc = start(&[]);
    let console = console(&fc);
    let own = format!("host: {console}");
    let send = r#"{"kind":"event","function":"local"}"#;
    for (head, body, status) in [
        (format!("GET {API}status HTTP/1.1\r\nhost: evil.example"), "", 403),
        (format!("GET / HTTP/1.1\r\nhost: evil.example:{}", console.port()), "", 403),
        (format!("GET {API}status HTTP/1.1\r\nhost: localhost:1"), "", 403),
        (format!("GET http://evil.example/ HTTP/1.1\r\n{own}"), "", 403),
        (format!("GET {API}status HTTP/1.1\r\n{own}\r\norigin: https://evil.example"), "", 403),
        (format!("GET {API}events HTTP/1.1\r\n{own}\r\nsec-fetch-site: cross-site"), "", 403),
        (format!("GET / HTTP/1.1\r\n{own}\r\nsec-fetch-site: same-site"), "", 403),
        (
            format!(
                "POST {API}send HTTP/1.1\r\n{own}\r\ncontent-type: application/json\r\norigin: http://{}",
                fc.address
            ),
            send,
            403,
        ),
        (format!("POST {API}send HTTP/1.1\r\n{own}\r\ncontent-type: text/plain"), send, 415),
        (format!("POST {API}send HTTP/1.1\r\n{own}"), send, 415),
        (format!("GET {API}send HTTP/1.1\r\n{own}"), "", 405),
        (format!("GET {API}invocations/1/repeat HTTP/1.1\r\n{own}"), "", 405),
        (format!("DELETE {API}invocations HTTP/1.1\r\n{own}"), "", 405),
        (format!("OPTIONS {API}send HTTP/1.1\r\n{own}\r\norigin: https://evil.example"), "", 403),
        (format!("GET {API}nothing HTTP/1.1\r\n{own}"), "", 404),
        (format!("GET /../main.js HTTP/1.1\r\n{own}"), "", 404),
    ] {
        let reply = request(console, &head, body);
        assert_eq!(reply.status, status, "{head}\n{reply:?}");
        assert!(reply.header("access-control-allow-origin").is_none(), "{reply:?}");
    }
    for (line, methods) in [
        ("GET /api/v1/send", "POST"),
        ("OPTIONS /api/v1/send", "POST"),
        ("GET /api/v1/invocations/1/repeat", "POST"),
        ("POST /api/v1/status", "GET, HEAD"),
        ("DELETE /api/v1/events", "GET, HEAD"),
        ("POST /main.js", "GET, HEAD"),
    ] {
        let reply = request(console, &format!("{line} HTTP/1.1\r\n{own}"), "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some(methods)), "{line}\n{reply:?}");
    }
    for origin in [format!("http://{console}"), format!("http://localhost:{}", console.port())] {
        let reply = request(console, &format!("GET {API}status HTTP/1.1\r\n{own}\r\norigin: {origin}"), "");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(get(console, "status")["record"]["invocations"]["kept"], 0, "nothing was sent");
    for path in ["/", "/main.js", "/openapi.json", "/api/v1/status", "/nothing"] {
        let reply = request(console, &format!("GET {path} HTTP/1.1\r\n{own}"), "");
        let policy = reply.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(
            (reply.header("x-content-type-options"), reply.header("x-frame-options")),
            (Some("nosniff"), Some("DENY"))
        );
    }
}

fn asked(console: SocketAddr, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = fc_local();
    command.args(arguments).args(["--console", &console.to_string()]);
    let output = run_to_end(&mut command, WATCHDOG);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn status_and_logs_are_asked_of_the_console() {
    let mut fc = start(&[]);
    let console = console(&fc);
    fc.get("/");
    let id =
        fc.invoke(r#"{"path":"/say","text":"one"}"#).header("x-fc-request-id").expect("an id").to_owned();
    invocation(console, "/invoke");
    let (code, said, _) = asked(console, &["status"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("function local is on http://") && said.contains(&id), "{said}");
    let (_, said, _) = asked(console, &["status", "--json"]);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(report["invocations"][0]["request_id"], json!(id));
    let (_, said, _) = asked(console, &["logs", "--request", &id]);
    assert!(said.lines().count() == 1 && said.trim_end().ends_with(" | one"), "{said}");
    let (_, said, _) = asked(console, &["logs", "--text", "ONE", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&said).expect("one object")["text"], "one");
    let (code, _, error) = asked(console, &["logs", "--level", "loud"]);
    assert!(code == Some(2) && error.contains("the console says: level 'loud' is none of"), "{error}");

    for arguments in [&["logs", "--follow"][..], &["status"]] {
        let mut command = fc_local();
        command.args(arguments).args(["--console", &console.to_string()]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("it runs");
        assert_eq!(
            (output.status.code(), &*output.stderr),
            (Some(0), &b""[..]),
            "its reader has seen enough"
        );
    }

    let mut command = fc_local();
    let following =
        Program::start(command.args(["logs", "--follow", "--text", "t", "--console", &console.to_string()]));
    following.said.wait_for("started on port", 1);
    fc.invoke(r#"{"path":"/say","text":"two"}"#);
    following.said.wait_for(" | two", 1);
    assert!(fc.stop().success());
    following.said.wait_for("fc-local has stopped", 1);
    following.said.wait_for_end(WATCHDOG);
    let (code, _, error) = asked(console, &["status"]);
    assert!(
        code == Some(2) && error.contains("nothing answers at") && error.contains("--console"),
        "{error}"
    );
}

#[test]
fn what_is_no_console_is_named_so() {
    for (status, body) in [
        ("200 OK", "hello"),
        ("200 OK", r#"{"pid":7}"#),
        ("404 Not Found", r#"{"Code":"NotFound"}"#),
        ("404 Not Found", ""),
    ] {
        let (taken, port) = listener();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = taken.accept().expect("a client");
            let reply = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            std::io::Write::write_all(&mut stream, reply.as_bytes()).expect("a client");
            let _ = stream.read(&mut [0; 1024]);
        });
        let other = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
        let (code, _, error) = asked(other, &["status"]);
        assert!(code == Some(2) && error.contains("is no console of fc-local"), "{status} {body}: {error}");
        answering.join().expect("an answer");
    }
}

#[test]
fn what_a_program_reads_is_json_whatever_is_in_it() {
    let odd = "\u{202e}\u{7f}\u{9b}31m\"<b>";
    let fc = start(&["--env", &format!("ODD={odd}")]);
    let console = console(&fc);
    let (_, said, _) = asked(console, &["status", "--json"]);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let variables = report["functions"][0]["variables"].as_array().expect("variables");
    assert!(variables.iter().any(|one| one["value"] == odd), "{variables:?}");
    let scratch = Scratch::new();
    let variables = r#"environmentVariables: {ODD: "\u202e\u007f\u009b31m\"<b>"}"#;
    let template = scratch.write("s.yaml", &template(&[resource("odd", variables)]));
    let output = run_to_end(fc_local().args(["config", "--json", "-t", &template]), WATCHDOG);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(report.to_string().contains(&json!(odd).to_string()), "{report}");
}

/// Every answer there is, errors included, is one that the description has for its path and method.
#[test]
fn every_answer_is_described() {
    let fc = start(&[]);
    let console = console(&fc);
    fc.get("/");
    let key = invocation(console, "/")["key"].clone();
    let repeat = format!("invocations/{key}/repeat");
    for (line, headers, body, status) in [
        ("GET status", "", "", 200),
        ("GET status", "origin: null\r\n", "", 403),
        ("GET functions", "", "", 200),
        ("GET instances?living=x", "", "", 400),
        ("GET instances?living=", "", "", 400),
        ("GET invocations?limit=0", "", "", 400),
        ("GET invocations/99", "", "", 404),
        ("GET logs?level=loud", "", "", 400),
        ("GET samples?from=-1", "", "", 400),
        ("GET events?since=x", "", "", 400),
        ("POST send", "content-type: application/json\r\n", "{", 400),
        ("POST send", "content-type: text/plain\r\n", "{}", 415),
        ("POST send", "content-type: application/json\r\n", r#"{"kind":"event","function":"no"}"#, 404),
        ("POST invocations/99/repeat", "content-type: application/json\r\n", "{}", 404),
        (&format!("POST {repeat}"), "", "", 415),
        (
            &format!("POST {repeat}"),
            "content-type: application/json\r\nsec-fetch-site: cross-site\r\n",
            "",
            403,
        ),
        (&format!("POST {repeat}"), "content-type: application/json\r\n", "", 200),
    ] {
        let (method, target) = line.split_once(' ').expect("two");
        let head = format!("{method} {API}{target} HTTP/1.1\r\nhost: {console}\r\n{headers}");
        let reply = request(console, head.trim_end(), body);
        assert_eq!(reply.status, status, "{line}: {reply:?}");
        let path = template_of(target.split('?').next().expect("a path"));
        conforms(&reply.json(), &schema_of_answer(&path, &method.to_lowercase(), status), line);
    }
}

#[test]
fn the_console_is_where_it_is_asked_to_be_on_loopback_or_nowhere() {
    let start = |arguments: &[&str]| {
        let mut command = fc_local();
        command
            .args(["start", "--listen", "127.0.0.1:0", "--port", &reserved_port().to_string()])
            .args(arguments);
        command.arg("--").args(python());
        command
    };
    let refused = |command: &mut Command| {
        let output = run_to_end(command, WATCHDOG);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let error = refused(&mut start(&["--console", "0.0.0.0:0"]));
    assert!(error.contains("it is on loopback alone") && error.contains("ssh -L"), "{error}");
    let (_taken, port) = listener();
    let error = refused(&mut start(&["--console", &port]));
    assert_eq!(error.matches("os error 98").count(), 1, "{error}");
    assert!(error.contains("choose another address with --console"), "{error}");
    let mut without = crate::harness::start(&["--no-console"]);
    assert_eq!(without.get("/").status, 200);
    assert!(without.stop().success());
    assert!(!without.log().contains("the console"), "{}", without.log());
}

#[test]
fn there_is_a_limit_to_those_who_follow() {
    let fc = start(&[]);
    let console = console(&fc);
    let following: Vec<Events> = (0..16).map(|_| Events::follow(console, "since=0")).collect();
    let reply = request(console, &format!("GET {API}events HTTP/1.1\r\nhost: {console}"), "");
    let (status, why) = refusal(&reply);
    assert!(status == 503 && why.contains("16 streams"), "{why}");
    assert_eq!(get(console, "status")["record"]["running"], 0, "everything else is answered");
    drop(following);
    eventually("there is room again, though nothing happens that they would be told", || {
        let mut client = Client::connect(console);
        client.send(format!("GET {API}events HTTP/1.1\r\nhost: {console}\r\n\r\n"));
        (client.reply_head().status == 200).then_some(())
    });
}
