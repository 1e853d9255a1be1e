//! Peers that break off, wherever they are, and more of them than there are descriptors.

use crate::subject::{sockets, start_with_descriptors};
use rustix::net::sockopt::set_socket_linger;
use std::time::Duration;
use support::{Client, Process, get, until};

/// Resets the connection instead of closing it.
fn reset(client: Client) {
    set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
}

/// The server goes on, and nothing is left of its peers.
fn assert_recovers(process: &Process) {
    assert_eq!(process.request(get("/")).status, 200);
    until("their sockets are closed", || sockets(process) == 1);
}

#[test]
fn a_reset_at_any_point_costs_that_connection_alone() {
    let conversation = [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 20000\r\n\r\n",
        &"x".repeat(20_000),
    ]
    .concat();
    let process = Process::start("echo", &[]);
    let whole = conversation.len() - 20_000;
    for end in (0..whole).chain((whole..conversation.len()).step_by(997)) {
        let mut client = process.client();
        client.send(&conversation[..end]);
        reset(client);
    }
    assert_recovers(&process);
}

#[test]
fn a_reset_in_a_large_response_costs_that_connection_alone() {
    let process = Process::start("echo", &[]);
    for taken in [0, 1, 100, 100_000] {
        let mut client = process.client();
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
        client.send("x".repeat(200_000));
        client.take(taken);
        reset(client);
    }
    assert_recovers(&process);
}

#[test]
fn more_clients_than_descriptors_are_all_answered() {
    let process = start_with_descriptors("hello", 40);
    let port = process.port;
    let clients: Vec<_> = (0..150)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(([127, 0, 0, 1], port).into());
                client.send(get("/"));
                client.reply().status
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), 200);
    }
}

#[test]
fn one_client_after_the_other_is_answered_though_none_of_them_leaves() {
    let process = start_with_descriptors("hello", 40);
    let mut idle = Vec::new();
    for _ in 0..150 {
        let mut client = process.client();
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
        idle.push(client);
    }
}

#[test]
fn half_heads_that_hold_all_descriptors_make_room_in_time() {
    let process = start_with_descriptors("hello", 40);
    let mut half: Vec<_> = (0..100).map(|_| process.client()).collect();
    for client in &mut half {
        client.send("GET / HTTP/1.1\r\nHos");
    }
    assert_eq!(process.request(get("/")).status, 200);
}
