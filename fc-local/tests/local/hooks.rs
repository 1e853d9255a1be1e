//! PreStop before every destroy, and the vendor's other wording: hooks around freezes.

use crate::harness::{Fc, Said as _, python, start, start_with, wait_until_frozen};
use support::{Scratch, state, wait_until_gone};

fn count(fc: &Fc, text: &str) -> usize {
    fc.trace().iter().filter(|line| line.contains(text)).count()
}

const PRE_STOP: &str = "GET /pre-stop /pre-stop";

#[test]
fn pre_stop_runs_at_shutdown_once_and_last() {
    let mut fc = start(&["--pre-stop"]);
    assert_eq!(fc.get("/").status, 200);
    assert!(fc.stop().success());
    assert_eq!(count(&fc, PRE_STOP), 1);
    assert!(fc.trace().last().expect("a trace").starts_with(PRE_STOP));
}

#[test]
fn pre_stop_runs_when_an_instance_idles_out() {
    let fc = start(&["--pre-stop", "--idle-timeout", "200ms"]);
    let pid = fc.get("/").pid();
    fc.wait_for_trace(PRE_STOP, 1);
    wait_until_gone(pid);
    fc.wait_for_log("stopped: idle");
}

#[test]
fn pre_stop_is_not_called_unless_configured() {
    let mut fc = start(&[]);
    assert_eq!(fc.get("/").status, 200);
    assert!(fc.stop().success());
    assert_eq!(count(&fc, "/pre-stop"), 0);
}

#[test]
fn a_pre_stop_that_fails_or_hangs_does_not_stop_the_stop() {
    for (outcome, log) in
        [("500", "PreStop failed with status 500"), ("hang", "PreStop timed out after 1 seconds")]
    {
        let mut fc =
            start(&["--pre-stop", "--pre-stop-timeout", "1s", "--env", &format!("PRE_STOP={outcome}")]);
        let pid = fc.get("/").pid();
        assert!(fc.stop().success());
        fc.wait_for_log(log);
        assert!(matches!(state(pid), None | Some('Z')));
    }
}

#[test]
fn an_instance_that_was_never_initialized_gets_no_pre_stop() {
    let mut fc = start(&["--initializer", "--pre-stop", "--env", "INITIALIZE=404"]);
    assert_eq!(fc.get("/").error_type(), Some("InitializationError"));
    assert!(fc.stop().success());
    assert_eq!(count(&fc, PRE_STOP), 0);
}

#[test]
fn sigterm_is_sent_only_when_asked_for() {
    // The function exits by itself at SIGTERM; SIGKILL would leave no time to.
    let fc = start(&["--sigterm", "20s", "--idle-timeout", "100ms"]);
    let pid = fc.get("/").pid();
    wait_until_gone(pid);
    fc.wait_for_log("stopped: idle");
}

#[test]
fn hooks_at_freeze_run_pre_stop_before_each_freeze_and_the_initializer_after_each_thaw() {
    let fc = start(&["--initializer", "--pre-stop", "--hooks-at-freeze"]);
    for round in 1..=3 {
        let pid = fc.get("/").pid();
        assert_eq!(count(&fc, "POST /initialize /initialize"), round);
        fc.wait_for_trace(PRE_STOP, round);
        wait_until_frozen(pid);
    }
    assert_eq!(count(&fc, PRE_STOP), 3);
}

#[test]
fn calls_go_elsewhere_when_the_health_check_fails() {
    let scratch = Scratch::new();
    let check = "{httpGetUrl: /health, periodSeconds: 1, failureThreshold: 1}";
    let template = scratch.write(
        "s.yaml",
        &format!("resources:\n  f:\n    component: fc3\n    props:\n      customRuntimeConfig: {{healthCheckConfig: {check}}}\n"),
    );
    let arguments = ["-t", &template, "--no-freeze", "--concurrency", "2"];
    let fc = start_with(scratch, &arguments, &python());
    let first = fc.get("/").json()["instance"].clone();
    assert_eq!(fc.get("/health-of?status=500").status, 200);
    fc.wait_for_log("unhealthy: calls go to other instances");
    assert_ne!(fc.get("/").json()["instance"], first);
}
