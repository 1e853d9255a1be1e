//! Without descriptors, threads or memory: what is refused, what goes on, and that it is over when they are back.

use crate::subject::{sockets, until_served};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::fs;
use support::{Client, Lines, Process, get, until};

/// Has the process have no more than that of something from now on.
fn limit(process: &Process, resource: Resource, current: Option<u64>, maximum: Option<u64>) {
    let pid = Pid::from_child(&process.child);
    prlimit(Some(pid), resource, Rlimit { current, maximum }).expect("the limits of a child may be set");
}

/// No descriptor more than there are.
fn without_descriptors(process: &Process) {
    until_served(process);
    limit(process, Resource::Nofile, Some(1), Some(1024));
}

fn with_descriptors(process: &Process) {
    limit(process, Resource::Nofile, Some(1024), Some(1024));
}

/// What the process prints.
fn lines(process: &mut Process) -> Lines {
    let lines = Lines::default();
    Lines::follow(process.child.stdout.take().expect("once"), std::slice::from_ref(&lines));
    lines
}

/// Waits until accept has said that it cannot.
fn until_accept_fails(lines: &Lines) {
    lines.wait_until("accept fails", |text| text.contains("accept: ").then_some(()));
}

#[test]
fn a_moment_without_descriptors_and_without_a_connection_is_over_when_it_is_over() {
    for has_served in [false, true] {
        let mut process = Process::start("stream", &[]);
        let lines = lines(&mut process);
        if has_served {
            assert_eq!(process.request(get("/?count=0")).status, 200);
        }
        until("no connection is open", || sockets(&process) == 1);
        without_descriptors(&process);
        let mut client = process.client();
        client.send(get("/?count=0"));
        until_accept_fails(&lines);
        with_descriptors(&process);
        assert_eq!(client.reply().status, 200);
    }
}

#[test]
fn a_stop_takes_no_descriptor() {
    for has_served in [false, true] {
        let process = Process::start("hello", &[]);
        if has_served {
            assert_eq!(process.request(get("/")).status, 200);
        }
        without_descriptors(&process);
        process.signal("TERM");
        let (code, _, error) = process.end();
        assert_eq!(code, Some(0), "{error}");
    }
}

/// Less memory than a stack takes: the system has no thread to give. More than the process has by then, for what its work
/// takes.
fn without_threads(process: &Process) {
    let statm = fs::read_to_string(format!("/proc/{}/statm", process.child.id())).expect("it lives");
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    limit(process, Resource::As, Some(pages * 4096 + STACK / 2), None);
}

const STACK: u64 = 256 * 1024 * 1024;

fn with_large_stacks(example: &str) -> Process {
    Process::start(example, &[("FCRT_STACK_SIZE", &STACK.to_string()), ("FCRT_DRAIN_TIMEOUT", "60")])
}

/// Clients that are being served, each by a worker of its own: all that there are.
fn every_worker_serves(process: &Process) -> Vec<Client> {
    let serve = || {
        let mut client = process.client();
        client.send(get("/?count=100000"));
        client.head();
        client
    };
    // The second worker is made before the first one serves.
    let first = serve();
    without_threads(process);
    vec![first, serve()]
}

#[test]
fn without_a_thread_to_spare_the_second_signal_ends_the_process_whoever_sees_the_first() {
    let process = with_large_stacks("stream");
    let _clients = every_worker_serves(&process);
    process.signal("TERM");
    process.signal("INT");
    let (code, out, error) = process.end();
    assert_eq!(code, Some(130), "{out}{error}");
}

#[test]
fn without_a_thread_to_spare_who_waits_is_served_as_soon_as_a_worker_is_free_and_a_line_says_so() {
    let mut process = with_large_stacks("stream");
    let lines = lines(&mut process);
    let mut clients = every_worker_serves(&process);
    let mut waiting = process.client();
    waiting.send(get("/?count=0"));
    drop(clients.pop());
    assert_eq!(waiting.reply().status, 200);
    // Thousands of calls that would each have liked a thread.
    for _ in 0..2000 {
        waiting.send(get("/?count=0"));
        assert_eq!(waiting.reply().status, 200);
    }
    let text = lines.text();
    let said = text.matches("cannot make a thread").count();
    assert!((1..1000).contains(&said), "{text}");
    drop(clients);
    limit(&process, Resource::As, None, None);
    // Each of them has a thread of its own.
    let serve = |_| {
        let mut client = process.client();
        client.send(get("/?count=100000"));
        client.head();
        client
    };
    let _clients: Vec<_> = (0..4).map(serve).collect();
}
