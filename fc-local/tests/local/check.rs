//! `fc-local check`: the right verdicts for the right reasons.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{example, fc_local, python, python_script};
use support::{Scratch, WATCHDOG, reserved_port, run_to_end};

/// The exit code, and each finding's verdict and reason by its name.
fn check(arguments: &[&str], command: &[String]) -> (Option<i32>, BTreeMap<String, (String, String)>) {
    let port = reserved_port().to_string();
    let mut check = fc_local();
    check
        .args(["check", "--json", "--idle", "200ms", "--port", &port])
        .args(arguments)
        .arg("--")
        .args(command);
    let output = run_to_end(&mut check, WATCHDOG);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let findings = report["findings"].as_array().expect("findings");
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let by_name = findings.iter().map(|f| (text(f, "name"), (text(f, "verdict"), text(f, "reason"))));
    (output.status.code(), by_name.collect())
}

#[test]
fn this_crates_example_passes_everything() {
    let (code, findings) = check(&["--initializer", "--pre-stop", "--concurrency", "20"], &example("hello"));
    assert_eq!(code, Some(0), "{findings:?}");
    for (name, (verdict, reason)) in &findings {
        assert_eq!(verdict, "pass", "{name}: {reason}");
    }
    assert_eq!(findings.len(), 16);
}

#[test]
fn lines_of_json_below_the_default_rule_of_the_log_are_a_warning() {
    let scratch = Scratch::new();
    let log_lines = |log: &str| {
        let props = format!(
            "functionName: f, runtime: custom, code: ., environmentVariables: {{FCRT_LOG_FORMAT: json}}{log}"
        );
        let template =
            scratch.write("s.yaml", &format!("resources: {{f: {{component: fc3, props: {{{props}}}}}}}"));
        let (code, findings) = check(&["-t", &template], &example("hello"));
        assert_eq!(code, Some(0), "{findings:?}");
        findings.get("log lines").map(|(verdict, _)| verdict.clone())
    };
    for (log, verdict) in [
        (", logConfig: auto", Some("warn")),
        (", logConfig: {project: p, logstore: l}", Some("warn")),
        (", logConfig: {project: p, logstore: l, logBeginRule: DefaultRegex}", Some("warn")),
        (", logConfig: {project: p, logstore: l, logBeginRule: None}", Some("pass")),
        ("", None),
    ] {
        assert_eq!(log_lines(log).as_deref(), verdict, "{log}");
    }
}

#[test]
fn a_function_in_another_language_passes() {
    let (code, findings) = check(&["--initializer", "--pre-stop", "--concurrency", "8"], &python());
    assert_eq!(code, Some(0), "{findings:?}");
    assert!(!findings.values().any(|(verdict, _)| verdict == "fail"), "{findings:?}");
}

#[test]
fn loopback_only_fails_and_nothing_else_is_tried() {
    let (code, findings) = check(&["--env", "HOST=127.0.0.1"], &python());
    assert_eq!(code, Some(1));
    let (verdict, reason) = &findings["start"];
    assert_eq!(verdict, "fail");
    assert!(reason.contains("it listens on 127.0.0.1 only"), "{reason}");
    assert_eq!(findings.len(), 1);
}

#[test]
fn all_interfaces_of_ipv6_count_as_all_interfaces() {
    let script = "
import os, socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class F(BaseHTTPRequestHandler):
    def do_POST(self): self.send_response(200); self.send_header('content-length', '0'); self.end_headers()
    do_GET = do_HEAD = do_POST
    def log_message(self, *a): pass
class S(ThreadingHTTPServer):
    address_family = socket.AF_INET6
S(('::', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), F).serve_forever()
";
    let (_, findings) = check(&[], &python_script(script));
    assert_eq!(findings["start"].0, "pass", "{findings:?}");
    assert_eq!(findings["idle connection"].0, "warn", "HTTP/1.0 has no keep-alive");
}

#[test]
fn an_initializer_that_fails_fails() {
    let (code, findings) = check(&["--initializer", "--env", "INITIALIZE=500"], &python());
    assert_eq!((code, findings["initializer"].0.as_str()), (Some(1), "fail"));
}

#[test]
fn a_pre_stop_that_fails_is_a_warning() {
    let (code, findings) = check(&["--pre-stop", "--env", "PRE_STOP=500"], &python());
    assert_eq!((code, findings["pre-stop"].0.as_str()), (Some(0), "warn"), "{findings:?}");
}

/// What only a look at the bytes finds, and what is no verdict.
#[test]
fn a_body_after_head_is_found_also_where_the_connection_ends_and_a_500_to_chunks_is_a_warning() {
    let script = "
import os, socket, threading
def serve(c):
    f = c.makefile('rb')
    line = f.readline().decode()
    chunked = False
    length = 0
    while (h := f.readline()).strip():
        chunked |= b'chunked' in h.lower()
        if h.lower().startswith(b'content-length'): length = int(h.split(b':')[1])
    if chunked:
        while n := int(f.readline(), 16): f.read(n); f.readline()
        f.readline()
    f.read(length)
    status = b'500 X' if chunked else b'200 OK'
    c.sendall(b'HTTP/1.1 ' + status + b'\\r\\nconnection: close\\r\\n\\r\\nbody')
    c.close()
s = socket.create_server(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
";
    let (code, findings) = check(&[], &python_script(&script.replace("\\\\", "\\")));
    let (verdict, reason) = &findings["HEAD"];
    assert_eq!((verdict.as_str(), reason.as_str()), ("fail", "sends 4 bytes of a body after the head"));
    let (verdict, reason) = &findings["chunked body"];
    assert_eq!((verdict.as_str(), reason.as_str()), ("warn", "a chunked body is answered with status 500"));
    assert_eq!((code, findings.len()), (Some(1), 16), "{findings:?}");
}

#[test]
fn every_probe_sends_what_the_platform_sends_and_a_failed_head_is_a_warning() {
    let script = "
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class F(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        wanted = ['x-fc-request-id', 'x-fc-region', 'x-fc-function-name', 'x-fc-control-path']
        if self.headers['x-fc-control-path'] == '/http-invoke': wanted += ['x-forwarded-for', 'host']
        if not all(name in self.headers for name in wanted): os._exit(3)
        if 'chunked' in self.headers.get('transfer-encoding', ''):
            while n := int(self.rfile.readline(), 16): self.rfile.read(n); self.rfile.readline()
            self.rfile.readline()
        self.rfile.read(int(self.headers.get('content-length', 0)))
        self.send_response(500 if self.command == 'HEAD' else 200)
        self.send_header('content-length', '0')
        self.end_headers()
    do_GET = do_HEAD = do_POST
    def log_message(self, *a): pass
ThreadingHTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), F).serve_forever()
";
    let (code, findings) = check(&["--pre-stop", "--concurrency", "3"], &python_script(script));
    let remarks: Vec<_> =
        findings.iter().filter(|(_, (verdict, _))| !["pass", "skip"].contains(&verdict.as_str())).collect();
    let head = ("HEAD".to_owned(), ("warn".to_owned(), "answered with status 500".to_owned()));
    assert_eq!((code, remarks), (Some(0), vec![(&head.0, &head.1)]), "{findings:?}");
}

#[test]
fn a_failing_initializer_hides_nothing_else() {
    let (code, findings) = check(&["--initializer", "--env", "INITIALIZE=500"], &python());
    assert_eq!((code, findings.len()), (Some(1), 16), "{findings:?}");
    let failed: Vec<&str> = findings
        .iter()
        .filter(|(_, (verdict, _))| verdict == "fail")
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(failed, ["initializer"], "{findings:?}");
}

#[test]
fn an_interpreter_of_the_platform_is_an_obstacle_and_no_verdict() {
    let scratch = Scratch::new();
    let props = "functionName: f, runtime: custom, customRuntimeConfig: {command: [/var/fc/lang/nodejs20/bin/node, app.js]}";
    let template =
        scratch.write("s.yaml", &format!("resources: {{f: {{component: fc3, props: {{{props}}}}}}}"));
    let output = run_to_end(fc_local().args(["check", "-t", &template]), WATCHDOG);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{err}");
    assert!(
        err.contains("'/var/fc/lang/nodejs20/bin/node' is the platform's own; here: … -- node app.js"),
        "{err}"
    );
}

#[test]
fn another_port_is_taken_where_one_is_and_what_insists_on_it_is_an_obstacle_and_no_verdict() {
    let taken = std::net::TcpListener::bind(("0.0.0.0", 0)).expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let run = |command: &[String]| {
        let mut check = fc_local();
        check.args(["check", "--idle", "100ms", "--port", &port, "--"]).args(command);
        run_to_end(&mut check, WATCHDOG)
    };
    let moves = run(&example("hello"));
    let text = String::from_utf8_lossy(&moves.stdout).into_owned();
    assert_eq!(moves.status.code(), Some(0), "{text}");
    assert!(text.starts_with("pass start ") && text.ends_with("fit for the platform\n"), "{text}");
    let insists =
        format!("import socket\ns = socket.create_server(('0.0.0.0', {port}))\nwhile True: s.accept()");
    let insists = run(&python_script(&insists));
    let error = String::from_utf8_lossy(&insists.stderr).into_owned();
    assert_eq!(insists.status.code(), Some(2), "{error}");
    assert!(error.contains("is taken by another program") && error.contains("free it"), "{error}");
}

/// A server that breaks the rule of this name.
fn naughty(rule: &str) -> Vec<String> {
    let script = format!(
        "
import os, socket, threading
RULE = {rule:?}
def request(f):
    line = f.readline()
    if not line: return None
    headers = {{}}
    while (h := f.readline()).strip():
        name, _, value = h.decode().partition(':')
        headers[name.lower()] = value.strip()
    if RULE != 'chunked body' and headers.get('transfer-encoding') == 'chunked':
        while n := int(f.readline(), 16): f.read(n); f.readline()
        f.readline()
    f.read(int(headers.get('content-length', 0)))
    return line.decode()
def serve(c):
    try:
        f = c.makefile('rb')
        while line := request(f):
            body = b'x'
            if RULE == 'hook paths' and ('/initialize' in line or '/pre-stop' in line): body = b'hook'
            if line.startswith('HEAD') and RULE != 'HEAD': body = b''
            if not line.startswith(('GET', 'HEAD', 'POST')): body = b'what'
            c.sendall(b'HTTP/1.1 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n' % max(len(body), 0 if body else 1) + body)
            # A GET is what an idle connection begins with; on others a close could meet the next request.
            if RULE == 'idle connection' and line.startswith('GET'): c.settimeout(0.05)
    except (TimeoutError, ValueError, ConnectionError): pass
    finally: c.close()
s = socket.create_server(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
while True:
    c, _ = s.accept()
    if RULE == 'concurrency': serve(c)
    else: threading.Thread(target=serve, args=(c,), daemon=True).start()
"
    );
    python_script(&script)
}

/// All at once, since each waits most of its time. That SIGTERM is ignored takes the longest wait of all to find
/// out; what follows from it is a test beside the probe.
#[test]
fn each_broken_rule_is_found_by_its_own_test() {
    let rules =
        [("HEAD", "fail"), ("chunked body", "fail"), ("idle connection", "warn"), ("hook paths", "warn")];
    std::thread::scope(|scope| {
        for (rule, verdict) in rules {
            scope.spawn(move || {
                let (_, findings) = check(&["--initializer", "--pre-stop"], &naughty(rule));
                assert_eq!(findings[rule].0, verdict, "{rule}: {findings:?}");
                let is_well = |verdict: &str| verdict == "pass" || verdict == "skip";
                let others =
                    findings.iter().filter(|(name, (verdict, _))| *name != rule && !is_well(verdict));
                assert_eq!(others.count(), 0, "{rule}: {findings:?}");
            });
        }
    });
}

#[test]
fn a_server_of_one_connection_at_a_time_is_warned_and_does_not_fail() {
    let (code, findings) = check(&["--timeout", "1s"], &naughty("concurrency"));
    assert_eq!((code, findings["connections"].0.as_str()), (Some(0), "warn"), "{findings:?}");
}

#[test]
fn a_server_of_one_connection_at_a_time_fails_the_concurrency_it_claims() {
    let (code, findings) = check(&["--concurrency", "2", "--timeout", "1s"], &naughty("concurrency"));
    assert_eq!((code, findings["concurrency"].0.as_str()), (Some(1), "fail"), "{findings:?}");
}
