//! Where callers connect is never where a function listens.

use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use crate::harness::{fc_local, python};
use support::{Client, Program, Scratch, WATCHDOG, get, reserved_port, run_to_end};

/// Whoever takes the usual port, or leaves it to a function. Beside these tests another program may have it.
static USUAL_PORT: Mutex<()> = Mutex::new(());

/// `fc-local start` with the Python function at `port`, and where it is served.
fn start(port: u16, scratch: &Scratch) -> (Program, std::net::SocketAddr) {
    let trace = format!("TRACE={}", scratch.write("trace", ""));
    let mut fc = fc_local();
    fc.args(["start", "--env", &trace, "--port", &port.to_string(), "--allow-host", "h", "--"])
        .args(python());
    let program = Program::start(&mut fc);
    let address = program.said.wait_until("an address", |said| {
        said.split("is served on http://").nth(1)?.split('/').next()?.parse().ok()
    });
    (program, address)
}

#[test]
fn without_an_address_the_usual_port_is_left_to_the_function() {
    let _usual_port = USUAL_PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_free = TcpListener::bind("0.0.0.0:8080").is_ok();
    let scratch = Scratch::new();
    let (program, address) = start(8080, &scratch);
    assert_ne!(address.port(), 8080);
    assert!(address.ip().is_loopback());
    let said = program.said.text();
    let note =
        format!("port 8080 is the function's own ('local'): callers connect to port {}", address.port());
    assert_eq!(said.matches(&note).count(), 1, "{said}");
    let mut client = Client::connect(address);
    client.send(get("/"));
    let status = client.reply().status;
    assert!(!is_free || status == 200, "{status}: {}", program.said.text());
}

#[test]
fn two_that_are_started_alike_are_both_served() {
    let _usual_port = USUAL_PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = Scratch::new();
    // Whoever has the usual port, another process may.
    let taken = TcpListener::bind("127.0.0.1:8080");
    let port = reserved_port();
    let (one, one_address) = start(port, &scratch);
    let (other, other_address) = start(port, &scratch);
    assert_ne!(one_address, other_address);
    for (program, address) in [(&one, one_address), (&other, other_address)] {
        assert_ne!(address.port(), 8080);
        let mut client = Client::connect(address);
        client.send(get("/"));
        assert_eq!(client.reply().status, 200, "{}", program.said.text());
    }
    assert!(one.said.text().contains("port 8080 is taken by another program: callers connect to port "));
    drop(taken);
}

#[test]
fn an_address_that_is_the_functions_is_refused_with_both_options() {
    let port = reserved_port().to_string();
    for listen in [port.clone(), format!("0.0.0.0:{port}"), format!("localhost:{port}")] {
        let mut fc = fc_local();
        fc.args(["start", "--listen", &listen, "--port", &port, "--", "true"]);
        let output = run_to_end(&mut fc, WATCHDOG);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("--listen") && text.contains("--port") && text.contains(&port), "{text}");
    }
}
