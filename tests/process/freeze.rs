//! The platform freezes a process whenever no request runs, and for hours: whoever completes what
//! it had begun is answered as if no time had passed.

use crate::subject::{LIMITS, freeze};
use std::io::{ErrorKind, Read, Write};
use support::{Client, Process, get, until};

/// Everything sent so far has been read once a later request on another connection is answered.
fn settle(process: &Process) {
    assert_eq!(process.request(get("/")).status, 200);
}

/// Sends `first`, freezes the process, and completes with `rest` on one connection while it is
/// frozen and on another when it is thawed.
fn is_answered_across_a_freeze(example: &str, first: &str, rest: &str) {
    let process = Process::start(example, &LIMITS);
    let mut clients = [process.client(), process.client()];
    for client in &mut clients {
        client.send(first);
    }
    settle(&process);
    let [during, after] = &mut clients;
    freeze(&process, || during.send(rest));
    after.send(rest);
    for client in &mut clients {
        assert_eq!(client.reply().status, 200, "{}", client.scene());
    }
}

#[test]
fn a_half_head_survives_a_freeze() {
    is_answered_across_a_freeze("hello", "GET / HTTP/1.1\r\nHos", "t: h\r\n\r\n");
}

#[test]
fn a_half_head_survives_freezes_that_are_shorter_than_its_limit() {
    let process = Process::start("hello", &[("HEAD_TIMEOUT", "4")]);
    let mut client = process.client();
    client.send("GET / HTTP/1.1\r\nHos");
    settle(&process);
    freeze(&process, || {});
    freeze(&process, || {});
    client.send("t: h\r\n\r\n");
    assert_eq!(client.reply().status, 200, "{}", client.scene());
}

#[test]
fn a_small_body_survives_a_freeze() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc";
    is_answered_across_a_freeze("hello", head, "def");
}

#[test]
fn a_body_that_is_being_read_survives_a_freeze() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc";
    is_answered_across_a_freeze("echo", head, &"x".repeat(99_997));
}

#[test]
fn an_idle_connection_survives_a_freeze() {
    let process = Process::start("hello", &LIMITS);
    let mut clients = [process.client(), process.client()];
    for client in &mut clients {
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
    let [during, after] = &mut clients;
    freeze(&process, || during.send(get("/")));
    after.send(get("/"));
    for client in &mut clients {
        assert_eq!(client.reply().status, 200, "{}", client.scene());
    }
}

#[test]
fn a_large_response_survives_a_freeze() {
    const LENGTH: usize = 16 * 1024 * 1024;
    let process = Process::start("echo", &LIMITS);
    let mut client = process.client();
    client.send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {LENGTH}\r\n\r\n"));
    let sent = fill(&mut client, LENGTH);
    freeze(&process, || ());
    let mut sending = client.stream.try_clone().unwrap();
    let rest = std::thread::spawn(move || sending.write_all(&vec![b'x'; LENGTH - sent]));
    let reply = client.reply();
    rest.join().unwrap().unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, LENGTH));
}

/// Sends until the server takes no more, since it cannot get rid of its response.
fn fill(client: &mut Client, length: usize) -> usize {
    let (piece, mut sent, mut refused) = (vec![b'x'; 64 * 1024], 0, 0);
    client.stream.set_nonblocking(true).unwrap();
    until("the server takes no more", || {
        match client.stream.write(&piece[..piece.len().min(length - sent)]) {
            Ok(count) => (sent, refused) = (sent + count, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refused += 1;
            }
        }
        refused == 50
    });
    client.stream.set_nonblocking(false).unwrap();
    assert!(sent < length, "all of it fits into the buffers on the way");
    sent
}

#[test]
fn a_drain_survives_a_freeze() {
    let process = Process::start("stream", &[("DRAIN_TIMEOUT", "1")]);
    let mut client = process.client();
    client.send(get("/?count=6"));
    client.head();
    process.signal("TERM");
    until("the listener is closed", || std::net::TcpStream::connect(("127.0.0.1", process.port)).is_err());
    freeze(&process, || ());
    let mut events = String::new();
    client.stream.read_to_string(&mut events).unwrap();
    assert!(events.contains("id: 6\n") && events.ends_with("0\r\n\r\n"), "{events:?}");
    let (code, out, error) = process.end();
    assert_eq!(code, Some(0), "{out}{error}");
}
