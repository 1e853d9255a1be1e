//! Whose is a port? Functions that open the configured one whatever they are told, and say so or do not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::{fs, thread};

use crate::harness::{Fc, Said as _, listener, python, python_script, start_with};
use support::{Scratch, get, reserved_port};

/// A function that opens OPENS and is asked to wait; what it does when it cannot is in ON_ERROR.
const FUNCTION: &str = r#"
import http.server, os, sys, time

class Function(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/wait?"): os.read(os.open(self.path[6:], os.O_RDONLY), 1)
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

port = int(os.environ["OPENS"])
try:
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Function)
except OSError:
    exec(os.environ["ON_ERROR"])
server.serve_forever()
"#;

fn start(on_error: &str, arguments: &[&str]) -> Fc {
    let on_error = format!("ON_ERROR={on_error}");
    let common = ["--env", "OPENS={port}", "--env", &on_error, "--timeout", "60s"];
    start_with(Scratch::new(), &[&common, arguments].concat(), &python_script(FUNCTION))
}

/// Two calls at once: the second one comes while an instance serves the first, which ends when the log has `said`.
fn two_calls(fc: &Fc, said: &str) {
    let gate = fc.scratch.gate("gate");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| fc.get(&format!("/wait?{}", gate.path)).status);
        fc.wait_for_log(" started on port ");
        let second = scope.spawn(|| fc.get("/").status);
        fc.wait_for_log(said);
        gate.let_pass(1);
        assert_eq!([first, second].map(|call| call.join().expect("answered")), [200; 2]);
    });
}

const ONE_INSTANCE: &str = "one instance is all it can have here: a call that finds it in use waits for it";

#[test]
fn a_function_that_exits_without_a_word_over_its_port_has_one_instance_or_networks() {
    for on_error in ["sys.exit(0)", "sys.exit('Error: That port is already in use.')"] {
        let fc = start(on_error, &["--isolate", "off"]);
        two_calls(&fc, ONE_INSTANCE);
    }
    let fc = start("sys.exit(0)", &[]);
    two_calls(&fc, "the function seems to ignore FC_CUSTOM_LISTEN_PORT");
}

#[test]
fn a_function_that_exits_without_a_word_is_told_of_another_programs_port() {
    let (_taken, port) = listener();
    let fc =
        start("sys.exit('bye')", &["--isolate", "off", "--port", &port, "--env", &format!("OPENS={port}")]);
    let (status, _, message) = fc.get("/").system_error();
    assert_eq!(status, 412);
    let wanted = format!("port {port} is taken by another program, and the function seems to ignore");
    assert!(message.starts_with(&wanted) && message.contains(": bye); free it"), "{message}");
}

#[test]
fn a_function_that_says_that_its_port_is_in_use_and_tries_again_is_not_waited_for() {
    let says = |text: &str| format!("print({text}, flush=True); time.sleep(1000)");
    for text in
        ["f'bind() to 0.0.0.0:{port} failed (98: Address already in use)'", "'Address already in use'"]
    {
        let fc = start(&says(text), &["--isolate", "off"]);
        two_calls(&fc, ONE_INSTANCE);
    }
}

#[test]
fn another_programs_listener_is_not_taken_for_the_function() {
    let port = reserved_port();
    let scratch = Scratch::new();
    // The first one never opens its port.
    let waits = format!("[ -e {0} ] || {{ : > {0}; exec sleep 1000; }}; exec \"$@\"", scratch.path("mark"));
    let command = [&["sh", "-c", &waits, "sh"].map(str::to_owned)[..], &python()].concat();
    let fc = start_with(scratch, &["--port", &port.to_string()], &command);
    let mut call = fc.client();
    call.send(get("/environment"));
    fc.wait_for_log(&format!(" started on port {port}:"));
    let _other = TcpListener::bind(("0.0.0.0", port)).expect("a port that nobody has opened");
    let reply = call.reply();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_ne!(reply.json()["FC_CUSTOM_LISTEN_PORT"], port.to_string());
}

#[test]
fn what_a_container_engine_opens_is_the_containers() {
    let port = reserved_port();
    let scratch = Scratch::new();
    let engine = scratch.path("docker");
    fs::copy("/bin/sleep", &engine).expect("a program");
    let fc = start_with(scratch, &["--port", &port.to_string()], &[engine, "1000".to_owned()]);
    let mut call = fc.client();
    call.send(get("/"));
    fc.wait_for_log(&format!(" started on port {port}:"));
    let opened = TcpListener::bind(("0.0.0.0", port)).expect("a port that nobody has opened");
    thread::spawn(move || {
        for stream in opened.incoming() {
            let mut stream = stream?;
            if stream.read(&mut [0; 4096])? > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
            }
        }
        std::io::Result::Ok(())
    });
    assert_eq!(call.reply().text(), "ok");
}
