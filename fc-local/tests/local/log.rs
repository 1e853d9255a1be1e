//! The log: its order, its prefixes, its clock, its colours, and the same for programs.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Fc, Said as _, example, fc_local, python_path, python_script, start, start_with};
use crate::output::on_a_terminal;
use support::{Scratch, WATCHDOG, eventually, get, reserved_port, run_to_end};

/// Says what is done in a log, in order: the function's lines of a call, and the platform's.
fn told(log: &str, marks: &[&str]) -> Vec<String> {
    let mark_of =
        |line: &&str| marks.iter().find(|mark| line.contains(**mark)).map(|mark| (*mark).to_owned());
    log.lines().filter_map(|line| mark_of(&line)).collect()
}

#[test]
fn the_platforms_line_about_a_call_stands_behind_the_functions_own() {
    let calls = 200;
    let fc = start_with(Scratch::new(), &[], &example("hello"));
    let mut client = fc.client();
    for _ in 0..calls {
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
    fc.wait_for_logs(" GET / 200 ", calls);
    let log = fc.log();
    let order = told(&log, &["| FC Invoke Start", "| FC Invoke End", " GET / 200 "]);
    let wanted = ["| FC Invoke Start", "| FC Invoke End", " GET / 200 "].repeat(calls);
    assert_eq!(order, wanted, "{log}");
    let cold = log.find("cold start").expect("an account");
    assert!(cold < log.find(" GET / 200 ").expect("a call"));
}

/// Prints before and after whatever it is asked, and answers with a page of several lines.
const PRINTS: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
PAGE = ('<!doctype html>\n<title>500</title>\n' + 'x' * 300).encode()
class H(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        print(self.path + ' begins\n' + self.path + ' ends', flush=True)
        self.send_response(500 if self.path in ('/initialize', '/pre-stop', '/health') else 200)
        self.send_header('content-length', str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)
    do_POST = do_GET
    def log_message(self, *a): pass
print('up', flush=True)
HTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), H).serve_forever()
"#;

/// Each line begins with a time, an instance or none, and a mark.
fn assert_prefixed(log: &str) {
    for line in log.lines() {
        let mut words = line.splitn(3, |c: char| c.is_whitespace());
        let time = words.next().unwrap_or_default();
        assert!(time.len() == 13 && time.ends_with('Z') && time.matches(':').count() == 2, "{line:?}\n{log}");
        assert!(words.next().is_some_and(|id| id == "-" || id.len() == 6), "{line:?}\n{log}");
        let rest = words.next().unwrap_or_default().trim_start();
        assert!(rest.starts_with(['|', '!', 'i', '*', '#']), "{line:?}\n{log}");
    }
}

#[test]
fn what_is_said_of_a_failed_hook_stands_behind_what_it_printed_and_takes_one_line() {
    for (arguments, path, wanted) in [
        (
            &["--initializer"][..],
            "/initialize",
            "# Function initialization failed: POST /initialize returned",
        ),
        (&["--pre-stop"], "/pre-stop", "# PreStop failed with status 500: "),
        (&["--health-check", "/health"], "/health", "# The function http server cannot be started."),
    ] {
        let mut fc = start_with(Scratch::new(), arguments, &python_script(PRINTS));
        fc.get("/");
        fc.stop();
        fc.wait_for_log(wanted);
        let log = fc.log();
        let lines: Vec<&str> = log.lines().collect();
        let at = lines.iter().position(|line| line.contains(wanted)).expect("its line");
        assert!(lines[at - 1].ends_with(&format!("| {path} ends")), "{path}\n{log}");
        if path != "/health" {
            assert!(lines[at].ends_with(": <!doctype html>… and 320 bytes more"), "{path}\n{log}");
        }
        assert_prefixed(&log);
    }
}

#[test]
fn every_line_of_what_a_failed_start_printed_has_its_prefix_and_stands_once() {
    let script = "raise SystemExit('one\\ntwo\\n' + 'three ' * 100)";
    let fc = start_with(Scratch::new(), &[], &python_script(script));
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!((status, code.as_str()), (412, "CAExited"));
    assert!(message.contains("Logs:one\ntwo\nthree"), "the caller gets all: {message}");
    fc.wait_for_log("Logs:");
    let log = fc.log();
    assert_prefixed(&log);
    assert_eq!((log.matches("! one").count(), log.matches("! two").count()), (1, 1));
    let line = log.lines().find(|line| line.contains("Logs:")).expect("its line");
    assert!(line.contains("Logs:407 bytes and …") && line.chars().count() < 500, "{line}");
}

fn clock_of(arguments: &[&str], zone: &str) -> String {
    let mut command = fc_local();
    command.args(["invoke", "--port", &reserved_port().to_string()]).args(arguments).env("TZ", zone);
    let output = run_to_end(command.arg("--").args(python_script(PRINTS)), WATCHDOG);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find(|line| line.contains("up")).unwrap_or_else(|| panic!("{said}"));
    match serde_json::from_str::<Value>(line) {
        Ok(object) => object["time"].as_str().expect("a time").to_owned(),
        Err(_) => line.split(' ').next().expect("a time").to_owned(),
    }
}

#[test]
fn times_are_marked_as_utc_or_as_local() {
    let is_utc = |time: &str| time.ends_with('Z');
    assert!(is_utc(&clock_of(&[], "CST-8")));
    assert!(is_utc(&clock_of(&["--json"], "CST-8")));
    for (zone, offset) in [("CST-8", "+08:00"), ("EST5", "-05:00"), ("Asia/Shanghai", "+08:00")] {
        if zone.contains('/') && !std::path::Path::new("/usr/share/zoneinfo").join(zone).exists() {
            println!("skipped: no time zones are installed");
            continue;
        }
        for json in [&[][..], &["--json"]] {
            let time = clock_of(&[&["--log-time", "local"], json].concat(), zone);
            assert!(time.ends_with(offset), "{zone}: {time}");
        }
    }
    let output = run_to_end(fc_local().args(["start", "--log-time", "mars", "--", "true"]), WATCHDOG);
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is utc or local"), "{output:?}");
}

fn invoked(variables: &[(&str, &str)]) -> Command {
    let mut command = fc_local();
    command.args(["invoke", "--http", "GET /", "--port", &reserved_port().to_string(), "--"]);
    command.args(python_script(PRINTS)).envs(variables.iter().copied());
    command
}

#[test]
fn colours_are_where_people_want_them() {
    let is_coloured = |said: &str| said.contains("\x1b[36m*");
    let terminal = on_a_terminal(&invoked(&[]));
    assert!(is_coloured(&terminal) && terminal.contains("GET / \x1b[32m200\x1b[0m\x1b[36m "), "{terminal:?}");
    for variables in [&[("NO_COLOR", "1")][..], &[("TERM", "dumb"), ("CI", "true")], &[("CLICOLOR", "0")]] {
        assert!(!on_a_terminal(&invoked(variables)).contains('\x1b'), "{variables:?}");
    }
    let piped = |variables: &[(&str, &str)]| {
        let output = run_to_end(invoked(&[("NO_COLOR", "")]).envs(variables.iter().copied()), WATCHDOG);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(!piped(&[]).contains('\x1b'));
    assert!(is_coloured(&piped(&[("CLICOLOR_FORCE", "1")])));
    assert!(!piped(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\x1b'));
    let check = |variables: &[(&str, &str)]| {
        let mut command = fc_local();
        command
            .args(["check", "--idle", "0s", "--port", &reserved_port().to_string(), "--"])
            .args(example("hello"));
        let output = run_to_end(command.envs(variables.iter().copied()), WATCHDOG);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(check(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]).contains("\x1b[32mpass"));
    assert!(!check(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\x1b'));
}

#[test]
fn the_marks_are_explained_in_the_help() {
    for command in ["start", "invoke"] {
        let output = run_to_end(fc_local().args([command, "--help"]), WATCHDOG);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("source: | stdout ! stderr i Initializer * platform # warning"), "{text}");
    }
}

/// The lines about requests, as programs read them.
fn requests(fc: &Fc, count: usize) -> Vec<Value> {
    eventually("the requests are told", || {
        let lines = fc.log();
        let objects = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let requests: Vec<Value> = objects.filter(|object| object["event"] == "request").collect();
        (requests.len() == count).then_some(requests)
    })
}

#[test]
fn request_lines_have_fields_for_programs() {
    let fc = start(&["--json", "--timeout", "1s", "--http-timeout-status", "504"]);
    let instance = fc.get("/a%20b?c=d").json()["instance"].clone();
    fc.invoke(r#"{"path":"/fail"}"#);
    let ids: Vec<_> =
        [fc.get("/status?code=404"), fc.get("/garbage"), fc.request("GET", "/", "X-Fc-A: b\r\n", b"")]
            .map(|reply| reply.header("x-fc-request-id").map(str::to_owned))
            .into();
    assert_eq!(fc.get("/hang").status, 504);
    let requests = requests(&fc, 6);
    let of = |name: &str| -> Vec<Value> { requests.iter().map(|request| request[name].clone()).collect() };
    assert_eq!(of("method"), ["GET", "POST", "GET", "GET", "GET", "GET"]);
    assert_eq!(of("path"), ["/a%20b", "/invoke", "/status", "/garbage", "/", "/hang"]);
    assert_eq!(of("status"), [200, 200, 404, 502, 400, 504]);
    let none = Value::Null;
    assert_eq!(
        of("error_type"),
        [
            none.clone(),
            "UnhandledInvocationError".into(),
            none.clone(),
            "BadResponse".into(),
            "InvalidArgument".into(),
            "UnhandledInvocationError".into()
        ]
    );
    assert_eq!(of("x_fc_status")[1], "404");
    assert_eq!((requests[0]["instance"].clone(), &requests[4]["instance"]), (instance, &none));
    for (request, id) in requests[2..5].iter().zip(ids) {
        assert_eq!(request["request_id"].as_str(), id.as_deref());
    }
    for request in &requests {
        assert_eq!((&request["function"], request["text"].is_string()), (&"local".into(), true), "{request}");
        let billed = request["billed_duration_ms"].as_f64();
        let time = request["duration_ms"].as_f64();
        assert_eq!((billed.is_some(), time.is_some()), (request["status"] != 400, request["status"] != 400));
        if let (Some(billed), Some(time)) = (billed, time) {
            assert!(billed >= 1.0 && billed >= time && billed < time + 1.1, "{request}");
        }
    }
    assert!(requests[5]["duration_ms"].as_f64().is_some_and(|time| time >= 1000.0), "{}", requests[5]);
}

/// Billed is the function's work on the invocation, whatever comes of it: no part of a cold start.
#[test]
fn a_cold_start_is_billed_with_no_call() {
    let slow = format!("import time; time.sleep(0.7)\n{PRINTS}");
    let exits = PRINTS
        .replace("def do_GET(self):\n", "def do_GET(self):\n        if self.path == '/exit': os._exit(1)\n");
    let exits = format!("import time; time.sleep(0.7)\n{exits}");
    for (script, target, arguments, bounds) in [
        (&slow, "GET /", &[][..], 1..700),
        (&exits, "GET /exit", &[], 1..700),
        (&slow, "GET /", &["--initializer"], 0..1),
        (&"raise SystemExit".to_owned(), "GET /", &[], 0..1),
    ] {
        let mut command = fc_local();
        command.args(["invoke", "--json", "--http", target, "--port", &reserved_port().to_string()]);
        let output = run_to_end(command.args(arguments).arg("--").args(python_script(script)), WATCHDOG);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let objects = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let summary = objects.into_iter().find(|object| object["event"] == "summary").expect("a summary");
        let billed = summary["billed_duration_ms"].as_u64().expect("a number");
        assert!(bounds.contains(&billed), "{target} {arguments:?}: {billed} ms\n{said}");
    }
}

/// Whether it is said that what `command` prints may never be seen, after two calls of it.
fn warns_of_buffering(arguments: &[&str], command: &[String]) -> bool {
    let mut fc = start_with(Scratch::new(), arguments, command);
    for _ in 0..2 {
        assert_eq!(fc.get("/").status, 200);
    }
    fc.wait_for_logs(" GET / 200 ", 2);
    assert!(fc.stop().success());
    let said = fc.log().matches("Python holds back what is printed").count();
    assert!(said < 2, "it is said once");
    said == 1
}

#[test]
fn a_python_function_whose_output_would_be_lost_is_told() {
    let silent = |call: &str| PRINTS.replace(", flush=True", "").replace("print('up')", call);
    let held_back = silent("print('up')");
    let python = python_script(&held_back);
    let shell = |line: &str| vec!["sh".to_owned(), "-c".to_owned(), format!("{line}; exit")];
    assert!(warns_of_buffering(&[], &python));
    assert!(warns_of_buffering(&["-e", "PYTHONUNBUFFERED="], &python));
    let below_a_shell = format!("{} -c \"$SCRIPT\"", python_path());
    let variable = format!("SCRIPT={held_back}");
    assert!(warns_of_buffering(&["-e", &variable], &shell(&below_a_shell)));

    assert!(!warns_of_buffering(&["-e", "PYTHONUNBUFFERED=1"], &python));
    assert!(!warns_of_buffering(&[], &[&[python[0].clone(), "-Bu".to_owned()], &python[1..]].concat()));
    assert!(!warns_of_buffering(&[], &python_script(&silent("print('up', flush=True)"))));
    assert!(!warns_of_buffering(&[], &example("hello")), "another language");
}

#[test]
fn an_unfinished_line_stands_before_what_is_said_of_its_call() {
    let mut fc = start(&[]);
    for text in ["one", "two"] {
        fc.invoke(&format!(r#"{{"path":"/say","text":"{text}","unfinished":true}}"#));
    }
    assert!(fc.stop().success());
    let log = fc.log();
    let told: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            line.split_once(" | ").map(|(_, said)| said).or(line.contains(" event 200 ").then_some("*"))
        })
        .collect();
    assert_eq!(told, ["function is up", "one", "*", "two", "*"], "{log}");
}
