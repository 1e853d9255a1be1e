//! Readers of fc-local's output that stand still or go away, and terminals: nothing that they do or that is
//! printed on them may stop calls, Ctrl-C or the function.

use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _, pipe};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use crate::harness::{fc_local, python, python_path, python_script};
use support::{Client, Scratch, WATCHDOG, clean_command, eventually, reserved_port, run_to_end};

/// A program with a reader that reads when the test does.
struct Read {
    child: Child,
    output: BufReader<Bounded>,
}

/// A pipe that is waited for no longer than a test may take.
struct Bounded(PipeReader);

impl io::Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let watchdog = Timespec::try_from(WATCHDOG).expect("seconds");
        let ready = retry_on_intr(|| poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&watchdog)));
        assert_eq!(ready, Ok(1), "nothing was said within {WATCHDOG:?}");
        self.0.read(buffer)
    }
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    Stdout,
    Stderr,
}

fn read(command: &mut Command, stream: Stream) -> Read {
    let (reader, writer) = pipe().expect("a pipe");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match stream {
        Stream::Stdout => command.stdout(writer),
        Stream::Stderr => command.stderr(writer),
    };
    let child = command.spawn().expect("fc-local");
    command.stdout(Stdio::null()).stderr(Stdio::null()); // the writer is the program's alone
    Read { child, output: BufReader::new(Bounded(reader)) }
}

impl Read {
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).expect("text") > 0, "the output has ended");
        line
    }

    fn lines_until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.line());
            if lines.last().is_some_and(|line| line.contains(text)) {
                return lines;
            }
        }
    }

    fn interrupt(&self) {
        assert!(
            Command::new("kill")
                .args(["-s", "INT", &self.child.id().to_string()])
                .status()
                .expect("kill")
                .success()
        );
    }

    fn wait(&mut self) -> ExitStatus {
        eventually("its end", || self.child.try_wait().expect("a child"))
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

/// `fc-local start` and its address, read from what it says.
fn start(arguments: &[&str], function: &[String]) -> (Read, SocketAddr) {
    let port = reserved_port().to_string();
    let mut command = fc_local();
    command
        .args(["start", "--listen", "127.0.0.1:0", "--port", &port])
        .args(arguments)
        .arg("--")
        .args(function);
    let mut fc = read(&mut command, Stream::Stdout);
    let lines = fc.lines_until("is served on http://");
    let address = lines.last().and_then(|line| line.split("http://").nth(1)?.split('/').next()?.parse().ok());
    (fc, address.expect("an address"))
}

fn say(address: SocketAddr, text: &str) -> u16 {
    let event = format!(r#"{{"path":"/say","text":"{text}"}}"#);
    let mut client = Client::connect(address);
    client.send(format!(
        "POST /2023-03-30/functions/local/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{event}",
        event.len()
    ));
    client.reply().status
}

/// More than the pipe and all queues take, in lines of 16 KB.
const CALLS: usize = 200;

fn say_more_than_is_kept(address: SocketAddr) {
    let text = "x".repeat(16 * 1024);
    for _ in 0..CALLS {
        assert_eq!(say(address, &text), 200);
    }
}

#[test]
fn a_reader_that_stands_still_stops_no_call_and_is_told_how_many_lines_it_lost() {
    for arguments in [&[][..], &["--json"]] {
        let (mut fc, address) = start(arguments, &python());
        say_more_than_is_kept(address);
        let mut lines = fc.lines_until("lines dropped: the reader of this output stood still");
        assert_eq!(say(address, "and goes on"), 200);
        lines.extend(fc.lines_until("and goes on"));
        let said = lines.iter().filter(|line| line.contains("xxxxxxxx")).count();
        let dropped: usize = lines.iter().filter_map(|line| dropped(line)).sum();
        // Each call has a line of the function and one about the call.
        assert!(
            said < CALLS && said + dropped >= CALLS && said + dropped <= 2 * CALLS + 10,
            "{said} and {dropped}"
        );
        if arguments.contains(&"--json") {
            let is_json = |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok();
            assert!(lines.iter().all(is_json));
        }
        fc.interrupt();
        assert_eq!(fc.wait().code(), Some(0));
    }
}

/// How many lines this one says were dropped.
fn dropped(line: &str) -> Option<usize> {
    let (count, _) = line.split_once(" dropped: ")?;
    count.rsplit([' ', '"']).nth(1)?.parse().ok()
}

#[test]
fn what_a_function_printed_stands_before_the_line_about_its_call() {
    let (mut fc, address) = start(&[], &python());
    assert_eq!(say(address, "said 0"), 200);
    fc.lines_until(" event 200 ");
    for number in 1..100 {
        assert_eq!(say(address, &format!("said {number}")), 200);
        let lines = fc.lines_until(" event 200 ");
        assert!(lines.len() == 2 && lines[0].contains(&format!("| said {number}")), "{lines:?}");
    }
}

#[test]
fn ctrl_c_works_while_nobody_reads() {
    let (mut fc, address) = start(&["--pre-stop"], &python());
    say_more_than_is_kept(address);
    fc.interrupt();
    assert_eq!(fc.wait().code(), Some(0));
}

#[test]
fn a_reader_that_is_gone_stops_no_call() {
    let (mut fc, address) = start(&[], &python());
    let (reader, writer) = pipe().expect("a pipe");
    drop(writer);
    drop(std::mem::replace(&mut fc.output, BufReader::new(Bounded(reader))));
    say_more_than_is_kept(address);
    fc.interrupt();
    assert_eq!(fc.wait().code(), Some(0));
}

#[test]
fn a_function_that_prints_without_end_is_served_while_nobody_reads() {
    let script = "
import os, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
class Function(BaseHTTPRequestHandler):
    def log_message(self, *arguments): pass
    def do_GET(self):
        self.send_response(200); self.send_header('content-length', '0'); self.end_headers()
def print_on():
    while True:
        os.write(1, b'on and on\\n' * 1000); os.write(2, b'and on\\n' * 1000)
threading.Thread(target=print_on, daemon=True).start()
HTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), Function).serve_forever()
";
    let (mut fc, address) = start(&["--timeout", "60s"], &python_script(script));
    for _ in 0..20 {
        let mut client = Client::connect(address);
        client.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_eq!(client.reply().status, 200);
    }
    fc.interrupt();
    assert_eq!(fc.wait().code(), Some(0));
}

fn invoke(arguments: &[&str], function: &[String]) -> Command {
    let mut command = fc_local();
    command.args(["invoke", "--port", &reserved_port().to_string()]).args(arguments).arg("--").args(function);
    command
}

#[test]
fn an_answer_that_nobody_reads_waits_and_is_interrupted_by_ctrl_c() {
    let answer = "import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Function(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('content-length', '8000000'); self.end_headers()
        self.wfile.write(b'answered' * 1000000)
    do_POST = do_GET
HTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), Function).serve_forever()
";
    for call in [["--http", "GET /"], ["--event", "{}"]] {
        let arguments = [&call[..], &["--timeout", "60s"]].concat();
        let mut whole = read(&mut invoke(&arguments, &python_script(answer)), Stream::Stdout);
        let mut all = Vec::new();
        whole.output.read_to_end(&mut all).expect("bytes");
        assert_eq!((all.len(), whole.wait().code()), (8_000_000, Some(0)), "{call:?}: nothing is dropped");

        let mut unread = read(&mut invoke(&arguments, &python_script(answer)), Stream::Stdout);
        let mut first = [0; 8];
        unread.output.read_exact(&mut first).expect("the beginning");
        assert_eq!(&first, b"answered");
        unread.interrupt();
        assert_eq!(unread.wait().code(), Some(130), "{call:?}");
    }
}

#[test]
fn the_log_of_an_invocation_that_nobody_reads_holds_up_neither_it_nor_its_end() {
    let script = "import os\nfor _ in range(3000): print('x' * 1000)\n";
    let script = format!("{script}{}", "os.execvp('python3', ['python3', os.environ['SCRIPT']])");
    let function = python().pop().expect("a path");
    let variable = format!("SCRIPT={function}");
    let mut invoke = invoke(
        &["--event", "{}", "--env", &variable, "--env", "PYTHONUNBUFFERED=1"],
        &python_script(&script),
    );
    let mut quiet = read(&mut invoke, Stream::Stderr);
    assert_eq!(quiet.wait().code(), Some(0));
}

/// A person at a terminal: stops the output with Ctrl-S while calls go on, starts it again with Ctrl-Q, and ends
/// with Ctrl-C.
const PERSON: &str = "
import json, os, pty, re, sys, urllib.request
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
def read_until(pattern):
    global seen
    while not (found := re.search(pattern, seen)):
        seen += os.read(terminal, 65536)
    return found
address = read_until(rb'is served on (http://[0-9.:]+/)').group(1).decode()
os.write(terminal, b'\x13')
event = json.dumps({'path': '/say', 'text': 'x' * 16384}).encode()
for _ in range(200):
    url = address + '2023-03-30/functions/local/invocations'
    assert urllib.request.urlopen(url, event, 20).status == 200
os.write(terminal, b'\x11')
read_until(rb'[0-9]+ lines dropped')
os.write(terminal, b'\x03')
read_until(rb'stopped: the platform stops')
try:
    while os.read(terminal, 65536): pass
except OSError: pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn a_terminal_that_is_stopped_by_ctrl_s_stops_no_call() {
    let mut person = clean_command(python_path());
    person.env("no_proxy", "*").args(["-c", PERSON, env!("CARGO_BIN_EXE_fc-local")]);
    person
        .args(["start", "--listen", "127.0.0.1:0", "--port", &reserved_port().to_string(), "--"])
        .args(python());
    let output = run_to_end(&mut person, WATCHDOG);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the command on a terminal that Python plays; what the terminal got.
pub fn on_a_terminal(command: &Command) -> String {
    let script = "
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    try: data = os.read(terminal, 65536)
    except OSError: break
    if not data: break
    sys.stdout.buffer.write(data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";
    let mut terminal = clean_command(python_path());
    terminal.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    terminal.env("TERM", "xterm");
    terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = run_to_end(&mut terminal, WATCHDOG);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// What a terminal must never get: all but text, line ends and colours.
fn assert_harmless(text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !"\r\n\t".contains(c)) {
        let sequence = &rest[at..];
        let parameters = sequence.strip_prefix("\x1b[").unwrap_or_else(|| panic!("{sequence:?}"));
        rest = parameters.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        assert!(rest.starts_with('m'), "{sequence:?}");
    }
    assert!(!text.replace("\r\n", "\n").contains('\r'), "{text:?}");
}

const HOSTILE: &str = "
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
BAD = '\\x1b]52;c;aGk=\\x07\\x1b]0;t\\x1b\\\\\\x1b[2J\\x1b[?1049h\\x9b31m\\u202eabc\\rdef\\x08\\x1bc\\x1b[31mred'
def say(bytes):
    for stream in (1, 2):
        for at in range(0, len(bytes), 3): os.write(stream, bytes[at:at + 3])
say(BAD.encode() + b'\\n\\x9d52;c;x\\x9c\\n')
class Function(BaseHTTPRequestHandler):
    def log_message(self, *arguments): pass
    def do_POST(self):
        say(b'at a call ' + BAD.encode() + b'\\n')
        if self.path == '/initialize': self.send_response(int(os.environ.get('INITIALIZE', '200')))
        else: self.send_response(200)
        self.send_header('x-bad', '\\u0085'.encode().decode('latin-1'))
        self.send_header('content-length', str(len(BAD.encode()))); self.end_headers()
        self.wfile.write(BAD.encode())
    do_GET = do_POST
HTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), Function).serve_forever()
";

#[test]
fn nothing_that_a_function_says_reaches_the_terminal_but_text_and_colours() {
    let failing = ["--initializer", "--env", "INITIALIZE=500"];
    for arguments in [&["--event", "{}"][..], &["--http", "GET /"], &["--http", "GET /", "--json"], &failing]
    {
        let text = on_a_terminal(&invoke(arguments, &python_script(HOSTILE)));
        assert!(text.contains("abc") && text.contains("52;c;aGk="), "{text:?}");
        assert_harmless(&text);
    }
    let mut check = fc_local();
    check.args(["check", "--idle", "0s", "--port", &reserved_port().to_string(), "--"]);
    check.args(python_script(
        "import os; os.write(1, b'\\x1b]52;c;aGk=\\x07 bye \\x1b[31mred\\n'); os._exit(3)",
    ));
    let text = on_a_terminal(&check);
    assert!(text.contains("bye"), "{text:?}");
    assert_harmless(&text);
}

#[test]
fn a_piped_answer_is_what_the_function_sent() {
    let output = run_to_end(&mut invoke(&["--event", "{}"], &python_script(HOSTILE)), WATCHDOG);
    let answer =
        "\x1b]52;c;aGk=\x07\x1b]0;t\x1b\\\x1b[2J\x1b[?1049h\u{9b}31m\u{202e}abc\rdef\x08\x1bc\x1b[31mred";
    assert_eq!(String::from_utf8_lossy(&output.stdout), answer);
    assert_harmless(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_wrong_with_a_command_line_or_a_template_is_told_harmlessly() {
    let scratch = Scratch::new();
    let template = |name: &str, field: &str| {
        let text = format!(
            "edition: 3.0.0\nresources:\n  f:\n    component: fc3\n    props:\n      runtime: custom\n      code: .\n{field}\n"
        );
        scratch.write(name, &text)
    };
    let bad = "\\x1b]52;c;aGk=\\a\\r\\nx-fc-injected: 1";
    for (name, field, key) in [
        ("name", format!("      functionName: \"{bad}\""), "functionName"),
        ("region", format!("      region: \"{bad}\""), "region"),
        ("handler", format!("      handler: \"{bad}\""), "handler"),
        ("project", format!("      logConfig:\n        project: \"{bad}\""), "project"),
        ("logstore", format!("      logConfig:\n        logstore: \"{bad}\""), "logstore"),
        (
            "health",
            format!(
                "      customRuntimeConfig:\n        healthCheckConfig:\n          httpGetUrl: \"/{bad}\""
            ),
            "httpGetUrl",
        ),
        ("variable", format!("      environmentVariables:\n        \"{bad}\": x"), "variable"),
        ("nul", "      environmentVariables:\n        A: \"x\\0y\"".to_owned(), "NUL"),
    ] {
        let file = template(name, &field);
        let output = run_to_end(fc_local().args(["invoke", "-t", &file, "--", "true"]), WATCHDOG);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {text:?}");
        assert!(text.contains(key), "{name}: {text:?}");
        assert_harmless(&text);
    }
    let bad = "\x1b]52;c;aGk=\x07\r\nx: y";
    for arguments in [
        ["start", "--listen", bad],
        ["start", "--timeout", bad],
        ["start", "--health-check", &format!("/{bad}")],
        ["start", "-t", bad],
        ["invoke", "--http", bad],
        ["start", bad, "x"],
        ["package", bad, "--output=x"],
        ["new", bad, "--runtime=x"],
    ] {
        let output = run_to_end(fc_local().args(arguments).current_dir(scratch.path("")), WATCHDOG);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text:?}");
        assert_harmless(&text);
    }
}
