//! The examples, as processes: what they print, how they end, what the environment does.

use std::fs;
use std::path::PathBuf;
use support::reserved_port;
use support::{Process, example_command, get, post};

#[test]
fn hello_greets_whoever_asks_and_ends_at_sigterm() {
    let process = Process::start("hello", &[]);
    let reply = process.request(get("/any?thing"));
    assert_eq!((reply.status, reply.text()), (200, "Hello, World!"));
    assert_eq!(process.request(post("/invoke", "{}")).text(), "Hello, World!");
    process.signal("TERM");
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn sigint_ends_like_sigterm() {
    let process = Process::start("hello", &[]);
    process.signal("INT");
    assert_eq!(process.end().0, Some(0));
}

/// An HTTP call that is answered with 400 has not failed; an event has.
#[test]
fn start_and_end_lines_are_as_the_platform_has_them() {
    let process = Process::start("stateful", &[]);
    let with_id = |method: &str, path: &str, id: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: h\r\nx-fc-request-id: {id}\r\nContent-Length: 0\r\n\r\n")
    };
    process.request(with_id("POST", "/initialize", "id-1"));
    process.request(with_id("POST", "/invoke", "id-2"));
    assert_eq!(process.request(with_id("POST", "/", "id-4")).status, 400);
    process.request(with_id("GET", "/pre-stop", "id-3"));
    process.signal("TERM");
    let (code, out, _) = process.end();
    let lines: Vec<_> = out.lines().filter(|line| line.starts_with("FC ")).collect();
    assert_eq!(
        lines[..8],
        [
            "FC Initialize Start RequestId: id-1",
            "FC Initialize End RequestId: id-1",
            "FC Invoke Start RequestId: id-2",
            "FC Invoke End RequestId: id-2, Error: expected a name in the body",
            "FC Invoke Start RequestId: id-4",
            "FC Invoke End RequestId: id-4",
            "FC PreStop Start RequestId: id-3",
            "FC PreStop End RequestId: id-3",
        ],
        "{out}"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn the_end_line_is_written_before_the_last_byte_of_the_response() {
    let mut process = Process::start("stream", &[]);
    let mut client = process.client();
    client.send("GET /?count=2 HTTP/1.1\r\nHost: h\r\nx-fc-request-id: id-1\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.text(), "id: 1\ndata: tick\n\nid: 2\ndata: tick\n\n");
    // The response is whole: whatever was written before is in the pipe already.
    let mut out = process.child.stdout.take().unwrap();
    rustix_nonblocking(&out);
    let mut text = String::new();
    let _ = std::io::Read::read_to_string(&mut out, &mut text);
    assert!(text.contains("FC Invoke End RequestId: id-1\n"), "{text:?}");
}

fn rustix_nonblocking(out: &std::process::ChildStdout) {
    rustix::io::ioctl_fionbio(out, true).unwrap();
}

#[test]
fn lifecycle_lines_are_off_when_asked() {
    let process = Process::start("hello", &[("FCRT_LIFECYCLE_LINES", "off")]);
    process.request(get("/"));
    process.signal("TERM");
    let (_, out, _) = process.end();
    assert!(!out.contains("FC "), "{out}");
}

#[test]
fn log_lines_carry_time_request_id_and_level() {
    let process = Process::start("stateful", &[]);
    let wire = "POST /initialize HTTP/1.1\r\nHost: h\r\nx-fc-request-id: id-7\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(process.request(wire).status, 200);
    process.signal("TERM");
    let (_, out, _) = process.end();
    let line = out.lines().find(|line| line.ends_with("initialized")).expect("a log line");
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(rest, "id-7 [INFO] initialized");
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
}

#[test]
fn rust_log_decides_what_is_logged() {
    let process = Process::start("stateful", &[("RUST_LOG", "error")]);
    process.request(post("/initialize", ""));
    process.signal("TERM");
    let (_, out, _) = process.end();
    assert!(!out.contains("initialized"), "{out}");
}

#[test]
fn a_closed_standard_output_harms_nobody() {
    let mut process = Process::start("stateful", &[]);
    drop(process.child.stdout.take());
    for name in ["a", "b"] {
        assert_eq!(process.request(post("/", name)).text(), format!("Hello, {name}!"));
    }
}

#[test]
fn stateful_keeps_flushes_and_fails_as_told() {
    let path = flush_path("stateful");
    let variables = [("GREETING", "Hi"), ("FAIL_INIT", "404:2"), ("FLUSH_PATH", path.to_str().unwrap())];
    let process = Process::start("stateful", &variables);
    let statuses: Vec<_> = (0..3).map(|_| process.request(post("/initialize", "")).status).collect();
    assert_eq!(statuses, [404, 404, 200]);
    assert_eq!(process.request(post("/invoke", "Ada")).text(), "Hi, Ada!");
    assert_eq!(process.request(get("/pre-stop")).status, 200);
    assert_eq!(process.request(post("/invoke", "Bob")).text(), "Hi, Bob!");
    process.signal("TERM");
    assert_eq!(process.end().0, Some(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "Ada\nBob\n");
    fs::remove_file(path).unwrap();
}

#[test]
fn stateful_fails_with_500_or_a_panic_as_told() {
    for how in ["500:1", "panic:1"] {
        let process = Process::start("stateful", &[("FAIL_INIT", how)]);
        let statuses: Vec<_> = (0..2).map(|_| process.request(post("/initialize", "")).status).collect();
        assert_eq!(statuses, [500, 200], "{how}");
    }
}

fn flush_path(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fc-runtime-{test}-{}", std::process::id()))
}

#[test]
fn echo_streams_a_body_back_with_its_type() {
    let process = Process::start("echo", &[]);
    let body = "x".repeat(300_000);
    let head =
        format!("PUT /e HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: {}\r\n\r\n", body.len());
    let reply = process.request(head + &body);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("a/b")));
    assert!(reply.text() == body);
}

#[test]
fn embed_calls_and_stops_its_own_server() {
    let output = example_command("embed").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "call 1\ncall 2\ncall 3\nstopped after 3 calls\n");
}

/// What fc-local prints is what the examples take.
#[cfg(feature = "events")]
#[test]
fn the_examples_of_events_take_the_samples() {
    for (example, sample, answer) in [
        ("timer", "timer", "{\"before\":1766718245}"),
        ("object_storage", "oss", "[\"thumbnails/folder/file.txt\"]"),
        ("queue_batch", "kafka", "0 handled, 0 skipped, 1 put aside"),
        ("table_stream", "tablestore", "1 customers"),
    ] {
        let file = format!("{}/fc-local/samples/{sample}.json", env!("CARGO_MANIFEST_DIR"));
        let event = fs::read_to_string(file).unwrap();
        let process = Process::start(example, &[]);
        let reply = process.request(post("/invoke", &event));
        assert!(reply.text().contains(answer), "{example}: {}", reply.text());
    }
}

/// Runs `hello` to its end with these variables; returns code and standard error.
fn fails(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = example_command("hello").envs(variables.iter().copied()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_bad_environment_value_is_one_line_and_code_2() {
    for (name, value) in [
        ("FC_CUSTOM_LISTEN_PORT", "x"),
        ("FC_SERVER_PORT", "+80"),
        ("PORT", "65536"),
        ("PORT", "0"),
        ("FCRT_HOOKS", "maybe"),
        ("FCRT_LIFECYCLE_LINES", "2"),
        ("FCRT_HEALTH_PATH", "health"),
        ("FCRT_DRAIN_TIMEOUT", "-1"),
        ("FCRT_HEAD_TIMEOUT", "1s"),
        ("FCRT_IDLE_TIMEOUT", "0"),
        ("FCRT_MAX_WORKERS", "0"),
    ] {
        let (code, error) = fails(&[(name, value)]);
        assert_eq!(code, Some(2), "{name}={value}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
}

#[test]
fn a_port_in_use_is_one_line_and_code_1() {
    let taken = std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for name in ["PORT", "FC_SERVER_PORT"] {
        let (code, error) = fails(&[(name, &port)]);
        assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.contains(&format!("0.0.0.0:{port}")), "{error}");
        assert!(error.ends_with(&format!("; {name} sets another port\n")), "{error}");
    }
}

#[test]
fn the_ports_variables_have_their_order_and_an_empty_one_counts_as_absent() {
    let (first, second) = (reserved_port().to_string(), reserved_port().to_string());
    for variables in [
        [("FC_CUSTOM_LISTEN_PORT", first.as_str()), ("FC_SERVER_PORT", second.as_str())],
        [("FC_CUSTOM_LISTEN_PORT", ""), ("FC_SERVER_PORT", first.as_str())],
    ] {
        let mut child = example_command("hello").env("PORT", "1").envs(variables).spawn().unwrap();
        let address = format!("127.0.0.1:{first}");
        support::until("it listens", || std::net::TcpStream::connect(&address).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let process = Process::start("stream", &[]);
    let mut client = process.client();
    client.send(get("/?count=1000"));
    client.head();
    process.signal("TERM");
    support::until("the listener is closed", || {
        std::net::TcpStream::connect(("127.0.0.1", process.port)).is_err()
    });
    process.signal("TERM");
    assert_eq!(process.end().0, Some(143));
}

#[test]
fn what_outlasts_the_drain_is_cut_and_ends_with_code_1() {
    let process = Process::start("stream", &[("FCRT_DRAIN_TIMEOUT", "0.2")]);
    let mut client = process.client();
    client.send(get("/?count=1000"));
    client.head();
    process.signal("TERM");
    let (code, out, error) = process.end();
    assert_eq!(code, Some(1), "{out}{error}");
    assert!(error.contains("1 invocations still running"), "{error}");
}
