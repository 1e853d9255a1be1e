//! Nothing outlives fc-local, however it ends.

use crate::harness::{Fc, fc_local, python, python_script, start, start_with, wait_until_frozen};
use support::{Program, Scratch, Signal, get, reserved_port, wait_until_gone};

/// The function, a grandchild in its group, and one in a session of its own.
fn family(fc: &Fc) -> Vec<u32> {
    let pids: Vec<u32> = serde_json::from_slice(&fc.get("/fork").body).expect("pids");
    assert_eq!(pids.len(), 3);
    pids
}

#[test]
fn a_killed_fc_local_leaves_no_process_frozen_ones_and_grandchildren_included() {
    let mut fc = start(&["--pre-stop", "--initializer"]);
    let pids = family(&fc);
    wait_until_frozen(pids[0]);
    fc.signal(Signal::KILL);
    fc.wait();
    for pid in pids {
        wait_until_gone(pid);
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_leaves_nothing() {
    let mut fc = start(&["--timeout", "60s"]);
    let pids = family(&fc);
    let mut caller = fc.client();
    caller.send(get("/hang"));
    fc.wait_for_trace("hanging", 1);
    fc.signal(Signal::INT);
    fc.wait_for_log("stopping");
    fc.signal(Signal::INT);
    assert_eq!(fc.wait().code(), Some(130));
    for pid in pids {
        wait_until_gone(pid);
    }
}

#[test]
fn ctrl_c_stops_in_order_while_the_first_instance_is_being_started_too() {
    let mut command = fc_local();
    command.args(["start", "--warm", "--listen", "127.0.0.1:0", "--port", &reserved_port().to_string()]);
    let mut fc = Program::start(command.args(["--", "sh", "-c", "echo process $$; exec sleep 600"]));
    let pid = fc.said.wait_until("a process", |said| {
        said.split("| process ").nth(1)?.split_once('\n')?.0.trim().parse().ok()
    });
    fc.signal(Signal::INT);
    assert!(fc.wait().success(), "{}", fc.said.text());
    assert!(!fc.said.text().contains("is served on"), "{}", fc.said.text());
    wait_until_gone(pid);
}

#[test]
fn an_orderly_stop_leaves_nothing_either() {
    let mut fc = start(&[]);
    let pids = family(&fc);
    assert!(fc.stop().success());
    for pid in pids {
        wait_until_gone(pid);
    }
}

#[test]
fn a_kill_while_an_instance_is_starting_leaves_nothing() {
    let scratch = Scratch::new();
    let pids = scratch.lines("pid");
    let script = format!("echo pid $$ > {}; sleep 1000 & wait", scratch.path("pid"));
    let command = ["sh", "-c", &script].map(str::to_owned);
    let mut fc = start_with(scratch, &[], &command);
    let mut caller = fc.client();
    caller.send(get("/"));
    pids.wait_for("pid ", 1);
    let pid = pids.heard()[0]["pid ".len()..].parse().expect("a process id");
    fc.signal(Signal::KILL);
    fc.wait();
    wait_until_gone(pid);
}

#[test]
fn what_left_the_group_goes_with_its_instance() {
    let fc = start_with(Scratch::new(), &["--idle-timeout", "200ms"], &python());
    for pid in family(&fc) {
        wait_until_gone(pid);
    }
}

#[test]
fn a_port_is_free_again_at_once_even_without_so_reuseaddr() {
    // Binds as plainly as possible: a connection in TIME_WAIT would keep it from it.
    let script = "
import os, socket
s = socket.socket()
s.bind(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
s.listen()
while True:
    c, _ = s.accept()
    while c.recv(65536): c.sendall(b'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok')
";
    let port = port_nobody_is_given().to_string();
    let fc = start_with(Scratch::new(), &["--idle-timeout", "50ms", "--port", &port], &python_script(script));
    for round in 1..=3 {
        assert_eq!(fc.get("/").status, 200, "{}", fc.log());
        fc.wait_for_logs("stopped: idle", round);
    }
    assert!(!fc.log().contains("is taken"), "each on the configured port\n{}", fc.log());
}

/// A reserved port is for servers with SO_REUSEADDR. Below the range of ports that the kernel hands out, one
/// that is free stays free.
fn port_nobody_is_given() -> u16 {
    let first = 10_000 + u16::try_from(std::process::id() % 5_000).expect("below 5,000");
    let is_free = |port: &u16| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok();
    (first..first + 5_000).find(is_free).expect("a free port")
}
