//! Asynchronous invocations: accepted at once, retried when they fail.

use crate::harness::{Fc, start};
use support::{FifoGate, Signal};

const ASYNC: &str = "x-fc-invocation-type: Async\r\n";

/// An event that fails `times` times. The function says in the trace which attempt each call is.
fn failing(fc: &Fc, times: usize) -> String {
    let file = fc.scratch.path("calls");
    format!(r#"{{"path":"/fail-times","file":"{file}","times":{times}}}"#)
}

/// The retry counts of the calls that were made.
fn attempts(fc: &Fc) -> Vec<String> {
    fc.trace().iter().filter_map(|line| line.strip_prefix("attempt ")).map(str::to_owned).collect()
}

/// Invokes a function that fails `times` times; the retry count of each call that was made, once there are
/// `calls`.
fn attempts_of(fc: &Fc, times: usize, calls: usize) -> Vec<String> {
    let response = fc.invoke_with(ASYNC, &failing(fc, times));
    assert_eq!((response.status, response.body.len()), (202, 0));
    assert!(response.header("x-fc-request-id").is_some());
    fc.wait_for_trace("attempt ", calls);
    attempts(fc)
}

/// An event that waits at the gate.
fn waiting(gate: &FifoGate) -> String {
    format!(r#"{{"path":"/wait","fifo":"{}"}}"#, gate.path)
}

#[test]
fn it_is_accepted_with_202_before_it_is_done() {
    let fc = start(&["--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let event = waiting(&gate);
    let response = fc.invoke_with(&format!("{ASYNC}x-fc-async-task-id: task-7\r\n"), &event);
    assert_eq!(response.status, 202);
    fc.wait_for_trace("waiting", 1);
    gate.let_pass(1);
    fc.wait_for_log("event 200");
}

#[test]
fn it_is_retried_until_it_succeeds() {
    let fc = start(&[]);
    assert_eq!(attempts_of(&fc, 2, 3), ["0", "1", "2"]);
}

#[test]
fn it_is_given_up_after_three_retries() {
    let fc = start(&[]);
    assert_eq!(attempts_of(&fc, 100, 4), ["0", "1", "2", "3"]);
    fc.wait_for_log("failed for good after 4 attempts");
}

#[test]
fn the_number_of_retries_is_configured() {
    let fc = start(&["--async-retries", "0"]);
    assert_eq!(attempts_of(&fc, 100, 1), ["0"]);
    fc.wait_for_log("failed for good after 1 attempts");
}

#[test]
fn a_synchronous_call_is_never_retried() {
    let fc = start(&[]);
    fc.invoke(&failing(&fc, 100));
    assert_eq!(attempts(&fc).len(), 1);
}

#[test]
fn waiting_for_room_is_not_an_attempt() {
    let fc = start(&["--max-instances", "1", "--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let event = waiting(&gate);
    for _ in 0..3 {
        assert_eq!(fc.invoke_with(ASYNC, &event).status, 202);
    }
    gate.let_pass(3);
    fc.wait_for_logs("event 200", 3);
    assert!(!fc.log().contains("retry"), "{}", fc.log());
}

#[test]
fn one_that_runs_at_ctrl_c_is_finished() {
    let mut fc = start(&["--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let event = waiting(&gate);
    assert_eq!(fc.invoke_with(ASYNC, &event).status, 202);
    fc.wait_for_trace("waiting", 1);
    fc.signal(Signal::INT);
    fc.wait_for_log("stopping");
    gate.let_pass(1);
    assert!(fc.wait().success());
    fc.wait_for_log("event 200");
}
