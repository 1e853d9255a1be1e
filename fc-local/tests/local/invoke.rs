//! `fc-local invoke`, and what every command says when it is used wrongly.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::harness::{example, fc_local, python, python_script};
use support::{Program, Scratch, Signal, WATCHDOG, reserved_port, run_to_end};

fn command(arguments: &[&str], function: &[String]) -> Command {
    let mut command = fc_local();
    command.args(["invoke", "--port", &reserved_port().to_string()]);
    command.args(arguments).arg("--").args(function).stdin(Stdio::piped());
    command
}

fn invoke_with(arguments: &[&str], input: &[u8], function: &[String]) -> Output {
    let mut invoke = Program::start(&mut command(arguments, function));
    invoke.stdin.take().expect("a pipe").write_all(input).expect("a reader");
    invoke.finish(WATCHDOG)
}

fn invoke(arguments: &[&str]) -> Output {
    invoke_with(arguments, b"", &python())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_body_goes_to_stdout_and_the_summary_to_stderr() {
    let output = invoke(&["--event", r#"{"path":"/say","text":"a line"}"#, "--memory", "256"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"done".as_slice()));
    let stderr = stderr(&output);
    assert!(stderr.contains("| a line"), "{stderr}");
    let summary = stderr.lines().last().expect("a summary");
    let words: Vec<&str> = summary.split(' ').collect();
    assert_eq!(
        (words[0], words[2], words[3], words[5]),
        ("RequestId:", "Billed", "Duration:", "ms"),
        "{summary}"
    );
    assert!(summary.contains("Memory Size: 256 MB Max Memory Used: "), "{summary}");
    assert!(words[4].parse::<u64>().is_ok_and(|ms| ms > 0), "{summary}");
}

#[test]
fn events_come_from_the_argument_a_file_or_standard_input() {
    let scratch = Scratch::new();
    let file = scratch.write("event", "from a file");
    let body = |output: Output| {
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        json["body"].as_str().expect("a body").to_owned()
    };
    assert_eq!(body(invoke(&["--event-file", &file])), "ZnJvbSBhIGZpbGU=");
    assert_eq!(body(invoke_with(&["--event-file", "-"], b"piped", &python())), "cGlwZWQ=");
    assert_eq!(body(invoke_with(&["-"], b"piped", &python())), "cGlwZWQ=");
    assert_eq!(body(invoke(&["--event", "text"])), "dGV4dA==");
    assert_eq!(body(invoke(&[])), "");
}

#[test]
fn a_sample_is_sent_as_its_trigger_sends_it() {
    let body = |arguments: &[&str]| {
        let json: serde_json::Value = serde_json::from_slice(&invoke(arguments).stdout).expect("JSON");
        let body = json["body"].as_str().expect("a body").to_owned();
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body).expect("base64")
    };
    let timer: serde_json::Value =
        serde_json::from_slice(&body(&["--example", "timer", "--set", "payload=x=1"])).expect("JSON");
    assert_eq!((&timer["triggerName"], &timer["payload"]), (&"my-timer".into(), &"x=1".into()));
    assert_eq!(body(&["--example", "tablestore"])[0], 0xbf, "CBOR");
    for (arguments, wanted) in [
        (&["--example", "os"][..], "did you mean 'oss'?"),
        (&["--example", "oss", "--set", "kye=a"], "did you mean 'key'?"),
        (&["--set", "key=a"], "--example <TYPE>"),
        (&["--example", "oss", "--event", "{}"], "cannot be used with"),
    ] {
        let output = invoke(arguments);
        assert!(output.status.code() == Some(2) && stderr(&output).contains(wanted), "{}", stderr(&output));
    }
}

#[test]
fn samples_are_listed_and_printed() {
    let event = |arguments: &[&str]| {
        let output = run_to_end(fc_local().arg("event").args(arguments), WATCHDOG);
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, list) = event(&[]);
    assert!(code == Some(0) && list.lines().count() == 21 && list.contains("Batch<KafkaMessage>"), "{list}");
    let names = list.lines().map(|line| line.split(' ').next().expect("a name"));
    for name in names {
        let (code, sample) = event(&[name]);
        assert!(code == Some(0) && sample.parse::<serde_json::Value>().is_ok(), "{name}: {sample}");
    }
    let (_, sample) = event(&["oss", "--set", "oss.object.key=a/b.txt", "--set", "size=7"]);
    assert!(sample.contains("\"key\": \"a/b.txt\"") && sample.contains("\"size\": 7"), "{sample}");
    let (code, error) = event(&["oss", "--set", "siez=7"]);
    assert!(code == Some(2) && error.contains("did you mean 'size'?"), "{error}");
}

#[test]
fn an_http_call_is_made_as_written() {
    let output =
        invoke(&["--http", "PUT /a?b=c", "--header", "X-One: 1", "--header", "Host: h", "--data", "d"]);
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((seen["method"].as_str(), seen["target"].as_str()), (Some("PUT"), Some("/a?b=c")));
    assert_eq!((seen["headers"]["x-one"].as_str(), seen["headers"]["host"].as_str()), (Some("1"), Some("h")));
    assert_eq!(seen["body"], "ZA==");
    assert!(stderr(&output).contains("HTTP 200"));
}

#[test]
fn what_the_http_trigger_does_not_take_is_refused_as_start_refuses_it() {
    let scratch = Scratch::new();
    let template = scratch.write(
        "s.yaml",
        "edition: 3.0.0
resources:
  f:
    component: fc3
    props:
      functionName: f
      runtime: custom
      code: .
      triggers:
        - triggerName: http
          triggerType: http
          triggerConfig: {authType: function, methods: [GET]}
",
    );
    let long = format!("GET /{}", "x".repeat(4096));
    let signed = ["--header", "Authorization: local"];
    for (line, more, code, wanted) in [
        ("GET /x", &signed[..], Some(0), "HTTP 200"),
        ("DELETE /x", &signed[..], Some(1), "HTTP 403"),
        ("GET /x", &[], Some(1), "HTTP 400"),
        (&long, &signed[..], Some(1), "HTTP 400"),
    ] {
        let output = invoke(&[&["-t", &template, "--http", line], more].concat());
        let text = stderr(&output);
        assert_eq!((output.status.code(), text.contains(wanted)), (code, true), "{line} {more:?}: {text}");
        assert_eq!(text.contains("process "), code == Some(0), "nothing is started for a refusal: {text}");
    }
}

#[test]
fn the_exit_code_is_1_when_the_function_failed() {
    for arguments in [
        ["--event", r#"{"path":"/fail"}"#],
        ["--event", r#"{"path":"/exit"}"#],
        ["--http", "GET /status?code=500"],
        ["--http", "GET /exit"],
    ] {
        let output = invoke(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
    }
    let output = invoke(&["--initializer", "--env", "INITIALIZE=500"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("errorMessage"));
}

#[test]
fn hooks_run_around_the_call() {
    let scratch = Scratch::new();
    let trace = scratch.lines("trace");
    let variable = format!("TRACE={}", scratch.path("trace"));
    let output = invoke(&["--initializer", "--pre-stop", "--env", &variable]);
    assert!(output.status.success());
    let lines = trace.heard();
    let paths: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(paths, ["/initialize", "/invoke", "/pre-stop"]);
}

#[test]
fn this_crates_example_is_invoked() {
    let output = invoke_with(&["--http", "GET /"], b"", &example("hello"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!output.stdout.is_empty());
}

#[test]
fn json_is_one_object_per_line() {
    let output = invoke(&["--json", "--event", r#"{"path":"/say","text":"a line"}"#]);
    let stderr = stderr(&output);
    let objects: Vec<serde_json::Value> = stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let said = objects.iter().find(|object| object["text"] == "a line").expect("the function's line");
    assert_eq!(said["source"], "stdout");
    let cold = objects.iter().find(|object| object["event"] == "cold_start").expect("a cold start");
    for part in ["process_ms", "port_ms", "first_byte_ms", "total_ms"] {
        assert!(cold[part].is_number(), "{part}: {cold}");
    }
}

#[test]
fn ctrl_c_stops_the_function_with_its_pre_stop() {
    let scratch = Scratch::new();
    let trace = scratch.lines("trace");
    let variable = format!("TRACE={}", scratch.path("trace"));
    let arguments = ["--timeout", "60s", "--pre-stop", "--env", &variable, "--http", "GET /hang"];
    let invoke = Program::start(&mut command(&arguments, &python()));
    trace.wait_for("hanging", 1);
    invoke.signal(Signal::INT);
    let output = invoke.finish(WATCHDOG);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("PreStop took"), "{}", stderr(&output));
}

#[test]
fn what_the_function_prints_after_its_response_is_shown() {
    let script = "
import os, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class F(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
        time.sleep(0.2) # later than whoever does not wait
        print('FC Invoke End', flush=True)
    def log_message(self, *a): pass
HTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), F).serve_forever()
";
    // For as long as an instance would run on, or until its author has seen enough.
    let arguments = ["--http", "GET /", "--freeze-after", "1h"];
    let invoke = Program::start(&mut command(&arguments, &python_script(script)));
    invoke.said.wait_for("| FC Invoke End", 1);
    invoke.signal(Signal::INT);
    let output = invoke.finish(WATCHDOG);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
}

#[test]
fn everything_on_stderr_is_json_when_asked_for() {
    for arguments in [["--json", "--http", "GET /"], ["--json", "--event", "{}"]] {
        let output = invoke(&arguments);
        let text = stderr(&output);
        assert!(text.lines().count() > 1, "{text}");
        for line in text.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
    }
}

#[test]
fn wrong_usage_says_what_to_type() {
    let scratch = Scratch::new();
    for (arguments, wanted) in [
        (vec!["start"], "add the command after --"),
        (vec!["start", "-t", "nowhere.yaml"], "fc-local: nowhere.yaml: cannot be read: No such file"),
        (vec!["start", "--timeout", "0s", "--", "true"], "the platform allows 1 to 86400 seconds"),
        (vec!["start", "--concurrency", "201", "--", "true"], "the platform allows 1 to 200"),
        (vec!["start", "--env", "FC_X=1", "--", "true"], "names that start with FC_ are the platform's own"),
        (vec!["start", "--idle-timeout", "5x", "--", "true"], "ms, s, m and h"),
        (vec!["start", "--initializer", "--initializer-command", "x", "--", "true"], "cannot be used with"),
        (vec!["start", "--initializer-command", "sh -c 'x", "--", "true"], "check its quotes"),
        (vec!["start", "--listen", "192.0.2.1:1", "--", "true"], "choose another address with --listen"),
        (vec!["start", "--listen", "80x", "--", "true"], "such as 127.0.0.1:8080, localhost:8080 or 8080"),
        (vec!["invoke", "--http", "/", "--header", "X-Fc-A: b", "--", "true"], "the platform refuses x-fc-*"),
        (vec!["invoke", "--http", "GET", "--", "true"], "write it as 'GET /path?x=1'"),
    ] {
        let output = run_to_end(fc_local().args(&arguments).current_dir(scratch.path("")), WATCHDOG);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(wanted), "{arguments:?}: {text}");
    }
}

#[test]
fn help_fits_a_screen() {
    for command in ["start", "invoke", "check", "event", "new"] {
        let output = run_to_end(fc_local().args([command, "--help"]), WATCHDOG);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success());
        assert!(text.lines().count() <= 50, "{command}: {} lines\n{text}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{command}:\n{text}");
    }
}

#[test]
fn a_command_without_its_dashes_is_told_where_they_belong() {
    for (arguments, wanted) in [(&["start", "python3", "app.py"], true), (&["start", "--wtach", "x"], false)]
    {
        let output = run_to_end(fc_local().args(arguments), WATCHDOG);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(error.contains("stands behind --, as in: fc-local … -- python3"), wanted, "{error}");
        assert_eq!(error.contains("a similar argument exists: '--watch'"), !wanted, "{error}");
        assert!(!error.contains("as a value"), "{error}");
    }
}
