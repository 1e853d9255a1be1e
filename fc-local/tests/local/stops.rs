//! A stop loses no call, and no way into an instance or out of fc-local leaves a process.

use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::harness::{Said as _, fc_local, python_script, start, start_with};
use support::{Scratch, get, run_to_end, wait_until_gone};

/// Answers with its pid, and stands at a gate in its PreStop. Says in the trace what it is asked.
const GATED: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def trace(text):
    with open(os.environ['TRACE'], 'a') as file: file.write(f'{text} {os.getpid()}\n')

class Function(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *arguments): pass
    def do_GET(self):
        if self.headers.get('x-fc-control-path') == '/pre-stop':
            trace('begins')
            gate = os.open(os.environ['GATE'], os.O_RDONLY)
            os.read(gate, 1)
            trace('ends')
        else:
            self.rfile.read(int(self.headers.get('content-length', 0)))
            trace('call')
        body = b'{"pid":%d}' % os.getpid()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET

ThreadingHTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), Function).serve_forever()
"#;

#[test]
fn a_call_that_comes_while_an_instance_is_stopped_is_served_by_another_one() {
    let scratch = Scratch::new();
    let gate = scratch.gate("gate");
    let gate_path = format!("GATE={}", gate.path);
    let arguments = [
        "--idle-timeout",
        "300ms",
        "--pre-stop",
        "--pre-stop-timeout",
        "60s",
        "--env",
        &gate_path,
        "--concurrency",
        "5",
    ];
    let fc = start_with(scratch, &arguments, &python_script(GATED));
    let first = fc.get("/").pid();
    fc.wait_for_trace("begins", 1);
    // Its stop has begun: these must not reach it, nor be lost, and a POST could not be sent again.
    thread::scope(|scope| {
        let calls = [0; 5].map(|_| scope.spawn(|| fc.request("POST", "/", "", b"x")));
        fc.wait_for_trace("begins", 1);
        gate.let_pass(100);
        for call in calls {
            let reply = call.join().expect("a reply");
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_ne!(reply.pid(), first);
        }
    });
    let trace = fc.trace();
    let of_first: Vec<&str> =
        trace.iter().filter_map(|line| line.strip_suffix(&format!(" {first}"))).collect();
    assert_eq!(of_first, ["call", "begins", "ends"]);
}

#[test]
fn calls_at_the_moment_of_a_stop_are_all_answered() {
    let fc = start(&["--idle-timeout", "15ms", "--freeze-after", "1ms", "--pre-stop"]);
    // A keep-alive connection of the caller's own, and pauses around the time at which an instance goes.
    let mut client = fc.client();
    for round in 0..40u64 {
        client.send(support::post("/", "x"));
        let reply = client.reply();
        assert_eq!(reply.status, 200, "round {round}: {reply:?}\n{}", fc.log());
        thread::park_timeout(Duration::from_millis(8 + round % 16));
    }
}

#[test]
fn an_instance_that_was_being_parked_while_the_configuration_changed_goes_too() {
    let scratch = Scratch::new();
    // A directory of its own: the fifos beside it are written to all the time.
    std::fs::create_dir(scratch.path("code")).expect("a directory");
    let gate = scratch.gate("gate");
    let (gate_path, code) = (format!("GATE={}", gate.path), scratch.path("code"));
    let arguments = [
        "--code",
        &code,
        "--watch",
        "--hooks-at-freeze",
        "--pre-stop",
        "--pre-stop-timeout",
        "60s",
        "--env",
        &gate_path,
    ];
    let fc = start_with(scratch, &arguments, &python_script(GATED));
    let first = fc.get("/").pid();
    fc.wait_for_trace("begins", 1);
    fc.scratch.write("code/file", "changed");
    fc.wait_for_log("changed: the next call starts it anew");
    gate.let_pass(100);
    wait_until_gone(first);
    assert_ne!(fc.get("/").pid(), first);
}

#[test]
fn a_start_whose_steps_fail_one_after_the_other_leaves_no_process() {
    thread::scope(|scope| {
        // From the first descriptor that fc-local needs of its own to some more than a start takes.
        for descriptors in 4..28 {
            scope.spawn(move || {
                let scratch = Scratch::new();
                let pids = scratch.lines("pids");
                let script = format!("echo pid $$ > {}; sleep 1000 & wait", scratch.path("pids"));
                let mut command = Command::new("sh");
                command
                    .args(["-c", "ulimit -n $0 && exec \"$@\"", &descriptors.to_string()])
                    .arg(fc_local().get_program())
                    .args(["invoke", "--event", "{}", "--start-timeout", "300ms", "--", "sh", "-c", &script]);
                let output = run_to_end(&mut command, support::WATCHDOG);
                assert!(!output.status.success(), "{descriptors}: {output:?}");
                for line in pids.heard() {
                    wait_until_gone(line["pid ".len()..].parse().expect("a process id"));
                }
            });
        }
    });
}

#[test]
fn what_fails_before_anything_is_served_leaves_no_process() {
    let fc = start(&[]);
    let taken = fc.address.to_string();
    let output =
        run_to_end(fc_local().args(["start", "--listen", &taken, "--", "sleep", "1000"]), support::WATCHDOG);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_stop_while_an_instance_is_starting_leaves_no_process() {
    let scratch = Scratch::new();
    let pids = scratch.lines("pids");
    let script =
        format!("setsid sh -c 'echo pid $$ > {}; exec env -i sleep 1000' & wait", scratch.path("pids"));
    let command = ["sh", "-c", &script].map(str::to_owned);
    let mut fc = start_with(scratch, &[], &command);
    let mut caller = fc.client();
    caller.send(get("/"));
    pids.wait_for("pid ", 1);
    let pid = pids.heard()[0]["pid ".len()..].parse().expect("a process id");
    fc.stop();
    assert!(matches!(support::state(pid), None | Some('Z')), "{pid} is there");
}
