//! Asynchronous invocations: accepted at once, retried when they fail.

use std::fs;

use crate::harness::{Fc, eventually, start};

const ASYNC: &str = "x-fc-invocation-type: Async\r\n";

/// Invokes a function that fails `times` times; the retry count of each call that was made, once there are
/// `calls`.
fn attempts(fc: &Fc, times: usize, calls: usize) -> Vec<String> {
    let file = fc.scratch.path("calls");
    let answer =
        fc.invoke_with(ASYNC, &format!(r#"{{"path":"/fail-times","file":"{file}","times":{times}}}"#));
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    assert!(answer.header("x-fc-request-id").is_some());
    eventually("all attempts", || {
        let text = fs::read_to_string(&file).ok()?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= calls).then_some(lines)
    })
}

#[test]
fn it_is_accepted_with_202_before_it_is_done() {
    let fc = start(&["--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let event = format!(r#"{{"path":"/wait","fifo":"{}"}}"#, gate.path);
    let answer = fc.invoke_with(&format!("{ASYNC}x-fc-async-task-id: task-7\r\n"), &event);
    assert_eq!(answer.status, 202);
    fc.wait_for_trace("waiting", 1);
    gate.let_pass(1);
    fc.wait_for_log("event 200");
}

#[test]
fn it_is_retried_until_it_succeeds() {
    let fc = start(&[]);
    assert_eq!(attempts(&fc, 2, 3), ["0", "1", "2"]);
}

#[test]
fn it_is_given_up_after_three_retries() {
    let fc = start(&[]);
    assert_eq!(attempts(&fc, 100, 4), ["0", "1", "2", "3"]);
    fc.wait_for_log("failed for good after 4 attempts");
}

#[test]
fn the_number_of_retries_is_configured() {
    let fc = start(&["--async-retries", "0"]);
    assert_eq!(attempts(&fc, 100, 1), ["0"]);
    fc.wait_for_log("failed for good after 1 attempts");
}

#[test]
fn a_synchronous_call_is_never_retried() {
    let fc = start(&[]);
    let file = fc.scratch.path("calls");
    fc.invoke(&format!(r#"{{"path":"/fail-times","file":"{file}","times":100}}"#));
    assert_eq!(fs::read_to_string(file).expect("a call").lines().count(), 1);
}

#[test]
fn waiting_for_room_is_not_an_attempt() {
    let fc = start(&["--max-instances", "1", "--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let event = format!(r#"{{"path":"/wait","fifo":"{}"}}"#, gate.path);
    for _ in 0..3 {
        assert_eq!(fc.invoke_with(ASYNC, &event).status, 202);
    }
    gate.let_pass(3);
    eventually("all three ran", || (fc.log().matches("event 200").count() == 3).then_some(()));
    assert!(!fc.log().contains("retry"), "{}", fc.log());
}

#[test]
fn one_that_runs_at_ctrl_c_is_finished() {
    let mut fc = start(&["--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let event = format!(r#"{{"path":"/wait","fifo":"{}"}}"#, gate.path);
    assert_eq!(fc.invoke_with(ASYNC, &event).status, 202);
    fc.wait_for_trace("waiting", 1);
    fc.signal("INT");
    fc.wait_for_log("stopping");
    gate.let_pass(1);
    assert!(fc.wait().success());
    fc.wait_for_log("event 200");
}
