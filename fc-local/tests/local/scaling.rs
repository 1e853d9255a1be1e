//! Concurrency per instance, and more instances when it is not enough.

use std::collections::BTreeMap;

use crate::harness::{Fc, Said as _, start};

#[test]
fn three_calls_at_once_take_three_instances_and_a_fourth_is_refused() {
    let fc = start(&["--max-instances", "3", "--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let target = format!("/wait?fifo={}", gate.path);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| fc.get(&target))).collect();
        fc.wait_for_trace("waiting", 3);
        assert_eq!(fc.get("/").status, 429);
        gate.let_pass(3);
        let mut instances: Vec<String> =
            calls.into_iter().map(|call| call.join().expect("answered").text().to_owned()).collect();
        instances.sort_unstable();
        instances.dedup();
        assert_eq!(instances.len(), 3);
    });
    assert_eq!(fc.get("/").status, 200);
}

#[test]
fn an_instance_takes_as_many_calls_as_its_concurrency_and_no_more() {
    let fc = start(&["--max-instances", "2", "--concurrency", "4", "--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let target = format!("/wait?fifo={}", gate.path);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| fc.get(&target))).collect();
        fc.wait_for_trace("waiting", 8);
        assert_eq!(fc.get("/").status, 429);
        gate.let_pass(8);
        let mut per_instance = BTreeMap::new();
        for call in calls {
            *per_instance.entry(call.join().expect("answered").text().to_owned()).or_insert(0) += 1;
        }
        assert_eq!(per_instance.into_values().collect::<Vec<i32>>(), [4, 4]);
    });
}

#[test]
fn each_instance_has_a_port_of_its_own_and_the_first_the_configured_one() {
    let fc = start(&["--max-instances", "2", "--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let target = format!("/wait?fifo={}", gate.path);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| fc.get(&target));
        fc.wait_for_trace("waiting", 1);
        let second = fc.get("/environment").json();
        let own = second["FC_CUSTOM_LISTEN_PORT"].as_str().expect("a port");
        assert_eq!(second["FC_SERVER_PORT"], own);
        gate.let_pass(1);
        assert_eq!(first.join().expect("answered").status, 200);
        assert!(fc.log().contains(&format!("on port {own}:")));
    });
}

/// Starts a function whose own port is the configured one only for the first instance, where there is no network for
/// another.
fn start_one_port(arguments: &[&str]) -> Fc {
    start(&[&["--isolate", "off", "--env", "FIXED_PORT={port}", "--timeout", "60s"], arguments].concat())
}

const ONE_INSTANCE: &str = "one instance is all it can have here: a call that finds it in use waits for it";

#[test]
fn a_call_waits_for_the_only_instance_of_a_function_that_ignores_its_port() {
    let fc = start_one_port(&[]);
    let gate = fc.scratch.gate("gate");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| fc.get(&format!("/wait?fifo={}", gate.path)));
        fc.wait_for_trace("waiting", 1);
        let learns = scope.spawn(|| fc.get("/").status);
        fc.wait_for_log(ONE_INSTANCE);
        let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| fc.get("/").status)).collect();
        let event = scope.spawn(|| fc.invoke("{}").status);
        let large = scope.spawn(|| fc.request("POST", "/", "", &vec![b'x'; 1 << 20]).status);
        gate.let_pass(1);
        assert_eq!(first.join().expect("answered").status, 200);
        for call in waiting.into_iter().chain([learns, event, large]) {
            assert_eq!(call.join().expect("answered"), 200);
        }
    });
    assert_eq!(fc.log().matches(ONE_INSTANCE).count(), 1, "it is said once");
    assert_eq!(fc.log().matches(" started on port ").count(), 2, "and tried once");
}

/// Whether a process holds the connection from `port` of this machine.
fn is_held(port: u16) -> bool {
    let text = std::fs::read_to_string("/proc/net/tcp").expect("the system's connections");
    let is_of =
        |line: &&str| line.split_whitespace().nth(1).is_some_and(|it| it.ends_with(&format!(":{port:04X}")));
    text.lines().filter(is_of).any(|line| line.split_whitespace().nth(9) != Some("0"))
}

#[test]
fn whoever_goes_while_it_waits_for_the_only_instance_is_not_served() {
    let fc = start_one_port(&[]);
    let gate = fc.scratch.gate("gate");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| fc.get(&format!("/wait?fifo={}", gate.path)));
        fc.wait_for_trace("waiting", 1);
        let (mut goes, mut goes_too) = (fc.client(), fc.client());
        goes.send(support::get("/goes"));
        goes_too.send(format!("POST /goes HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", 1 << 20));
        fc.wait_for_log(ONE_INSTANCE);
        let ports = [&goes, &goes_too].map(|client| client.stream.local_addr().expect("bound").port());
        drop((goes, goes_too));
        // A process that another test is just starting has them until it runs.
        support::until("nobody holds them", || ports.iter().all(|port| !is_held(*port)));
        gate.let_pass(1);
        assert_eq!(first.join().expect("answered").status, 200);
    });
    assert_eq!(fc.get("/").status, 200);
    assert!(!fc.trace().iter().any(|line| line.contains("/goes")), "{:?}", fc.trace());
}

#[test]
fn those_who_wait_are_served_by_the_next_instance_when_the_only_one_dies() {
    let fc = start_one_port(&[]);
    let gate = fc.scratch.gate("gate");
    let pid = fc.get("/").pid();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| fc.get(&format!("/wait?fifo={}", gate.path)));
        fc.wait_for_trace("waiting", 1);
        let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| fc.get("/"))).collect();
        fc.wait_for_log(ONE_INSTANCE);
        support::kill(pid);
        assert_eq!(first.join().expect("answered").status, 502);
        for call in waiting {
            let reply = call.join().expect("answered");
            assert!(reply.status == 200 && reply.pid() != pid, "{reply:?}");
        }
    });
}

#[test]
fn a_stop_does_not_wait_for_those_who_wait_for_the_only_instance() {
    let mut fc = start_one_port(&[]);
    let gate = fc.scratch.gate("gate");
    std::thread::scope(|scope| {
        let first = scope.spawn({
            let mut client = fc.client();
            client.send(support::get(&format!("/wait?fifo={}", gate.path)));
            move || client.reply().status
        });
        fc.wait_for_trace("waiting", 1);
        let mut waits = fc.client();
        waits.send(support::get("/"));
        fc.wait_for_log(ONE_INSTANCE);
        fc.signal(support::Signal::INT);
        assert_eq!(waits.reply().status, 429);
        gate.let_pass(1);
        assert_eq!(first.join().expect("answered"), 200);
    });
    assert!(fc.wait().success());
}

#[test]
fn first_calls_that_come_at_once_are_all_served_by_a_function_that_ignores_its_port() {
    let fc = start_one_port(&[]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| fc.get("/").status)).collect();
        calls.into_iter().map(|call| call.join().expect("answered")).collect()
    });
    assert_eq!(statuses, [200; 4]);
}

#[test]
fn the_instance_is_kept_between_calls() {
    let fc = start(&[]);
    let instance = fc.get("/").json()["instance"].clone();
    for _ in 0..5 {
        assert_eq!(fc.get("/").json()["instance"], instance);
    }
}

#[test]
fn a_crash_fails_every_request_in_flight_on_that_instance() {
    let fc = start(&["--concurrency", "3", "--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let target = format!("/wait?fifo={}", gate.path);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..2).map(|_| scope.spawn(|| fc.get(&target))).collect();
        fc.wait_for_trace("waiting", 2);
        assert_eq!(fc.get("/exit").status, 502);
        for call in calls {
            assert_eq!(call.join().expect("answered").status, 502);
        }
    });
    assert_eq!(fc.get("/").status, 200);
}

#[test]
fn a_port_taken_by_another_program_is_replaced_or_named() {
    let (_taken, port) = crate::harness::listener();
    let fc = start(&["--port", &port]);
    assert_eq!(fc.get("/").status, 200, "the function is told another one");
    let fc = start(&["--port", &port, "--env", &format!("FIXED_PORT={port}"), "--isolate", "off"]);
    let (status, _, message) = fc.get("/").system_error();
    assert_eq!(status, 412);
    assert!(message.starts_with(&format!("port {port} is taken by another program")), "{message}");
}
