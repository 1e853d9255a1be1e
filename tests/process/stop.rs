//! The end by signal, for those who are just about to be served.

use crate::subject::{sockets, start_with_descriptors, starve, threads, while_it_stands_still};
use std::time::{Duration, Instant};
use support::{Client, Process, get, until};

/// Has `count` clients ask and the signal come while the process stands still, so that all of them
/// are in the listen queue by then.
fn are_answered_from_the_queue(process: Process, count: usize) {
    let mut clients: Vec<Client> = Vec::new();
    while_it_stands_still(&process, || {
        for _ in 0..count {
            let mut client = process.client();
            client.send(get("/"));
            clients.push(client);
        }
        process.signal("TERM");
    });
    for mut client in clients {
        assert_eq!(client.reply().status, 200);
        client.assert_closed();
    }
    let (code, out, error) = process.end();
    assert_eq!(code, Some(0), "{out}{error}");
}

#[test]
fn requests_in_the_listen_queue_are_answered() {
    are_answered_from_the_queue(Process::start("hello", &[]), 100);
}

#[test]
fn requests_in_the_listen_queue_are_answered_without_a_descriptor_to_spare() {
    let process = start_with_descriptors("hello", 48);
    let mut idle: Vec<_> = (0..30).map(|_| process.client()).collect();
    for client in &mut idle {
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
    are_answered_from_the_queue(process, 40);
}

/// Of the 25 seconds that a drain may take they need none.
#[test]
fn a_stop_without_a_descriptor_ends_when_nobody_is_left_whoever_came_before() {
    for asked_before in [false, true] {
        let process = Process::start("hello", &[]);
        if asked_before {
            let mut client = process.client();
            client.send(get("/"));
            assert_eq!(client.reply().status, 200);
        }
        starve(&process);
        let began = Instant::now();
        process.signal("TERM");
        let (code, out, error) = process.end();
        assert_eq!(code, Some(0), "{out}{error}");
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }
}

#[test]
fn a_stop_without_a_descriptor_does_not_wait_for_ever_for_who_cannot_be_accepted() {
    let process = Process::start("hello", &[("FCRT_DRAIN_TIMEOUT", "0.2")]);
    starve(&process);
    let mut client = process.client();
    process.signal("TERM");
    let (code, out, error) = process.end();
    assert_eq!(code, Some(0), "{out}{error}");
    client.assert_closed();
}

#[test]
fn a_drain_that_fails_ends_the_process_when_nobody_reads_its_errors() {
    let mut process = Process::start("stream", &[("FCRT_DRAIN_TIMEOUT", "0.2")]);
    drop(process.child.stderr.take());
    let mut client = process.client();
    client.send(get("/?count=1000"));
    client.head();
    process.signal("TERM");
    until("the process has ended", || process.child.try_wait().unwrap().is_some());
    assert_eq!(process.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_drain_that_fails_is_the_end_of_the_process_whichever_thread_hangs() {
    let process = Process::start("stream", &[("FCRT_DRAIN_TIMEOUT", "0.2")]);
    // The first one is served by the main thread, which is free when its client has gone.
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..2 {
        let mut client = process.client();
        client.send(get("/?count=1000"));
        client.head();
        clients.push(client);
    }
    let with_both = sockets(&process);
    clients.remove(0);
    until("the main thread is free", || sockets(&process) < with_both);
    process.signal("TERM");
    let (code, _, error) = process.end();
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("1 invocations"), "{error}");
}

/// A drain waits for what is in flight here, for 25 seconds: the second signal does not.
#[test]
fn sigterm_and_sigint_that_arrive_together_are_two_signals() {
    for signals in [["TERM", "INT"], ["INT", "TERM"]] {
        let process = Process::start("stream", &[]);
        let mut client = process.client();
        client.send(get("/?count=1000"));
        client.head();
        while_it_stands_still(&process, || signals.iter().for_each(|signal| process.signal(signal)));
        let (code, _, error) = process.end();
        assert!(matches!(code, Some(130 | 143)), "{code:?} {error}");
    }
}

#[test]
fn a_second_signal_ends_the_process_with_its_number_however_soon_it_comes() {
    for (first, second, code) in [("TERM", "INT", 130), ("INT", "TERM", 143)] {
        let process = Process::start("stream", &[]);
        let mut client = process.client();
        client.send(get("/?count=1000"));
        client.head();
        process.signal(first);
        until("it drains", || std::net::TcpStream::connect(("127.0.0.1", process.port)).is_err());
        process.signal(second);
        let (found, _, error) = process.end();
        assert_eq!(found, Some(code), "{error}");
    }
}

#[test]
fn a_stop_makes_no_thread_for_connections_that_are_idle() {
    let process = Process::start("hello", &[]);
    let mut idle: Vec<_> = (0..200).map(|_| process.client()).collect();
    for client in &mut idle {
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
    let before = threads(&process);
    process.signal("TERM");
    let mut most = 0;
    for client in &mut idle {
        most = most.max(threads(&process));
        client.assert_closed();
    }
    // One for the drain, one for the hook, and in a busy system those that wait in the stead of others.
    assert!(most <= before + 6, "{most} threads, {before} before");
}

#[test]
fn a_standard_output_that_nobody_reads_costs_its_lines_and_not_the_server() {
    let process = Process::start("hello", &[("FCRT_HEALTH_PATH", "/healthz")]);
    let mut clients = [process.client(), process.client()];
    for client in &mut clients {
        for _ in 0..1000 {
            client.send(get("/")); // two lines each: more than a pipe holds
            assert_eq!(client.reply().status, 200);
        }
    }
    assert_eq!(process.request(get("/healthz")).status, 200);
    process.signal("TERM");
    let (code, out, error) = process.end();
    assert_eq!(code, Some(0), "{error}");
    assert!(out.lines().all(|line| line.starts_with("FC ")), "{out}");
}
