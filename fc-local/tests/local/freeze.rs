//! Frozen whenever no request runs.

use crate::harness::{Said as _, start, wait_until_frozen};
use support::{eventually, get, state};

#[test]
fn an_instance_is_frozen_after_its_last_response_and_thawed_by_the_next_request() {
    let fc = start(&[]);
    let pid = fc.get("/").pid();
    for _ in 0..3 {
        wait_until_frozen(pid);
        assert_eq!(fc.get("/").pid(), pid);
    }
}

#[test]
fn a_whole_group_is_frozen() {
    let fc = start(&[]);
    let pids: Vec<u32> = serde_json::from_slice(&fc.get("/fork").body).expect("pids");
    wait_until_frozen(pids[0]);
    wait_until_frozen(pids[1]);
}

#[test]
fn an_instance_is_not_frozen_while_a_request_runs() {
    let fc = start(&["--freeze-after", "1ms", "--concurrency", "2"]);
    let gate = fc.scratch.gate("gate");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fc.get(&format!("/wait?fifo={}", gate.path)));
        fc.wait_for_trace("waiting", 1);
        let pid = fc.get("/").pid();
        for _ in 0..20 {
            assert_eq!(fc.get("/").pid(), pid);
            assert_ne!(state(pid), Some('T'));
        }
        gate.let_pass(1);
        assert_eq!(waiting.join().expect("answered").status, 200);
        wait_until_frozen(pid);
    });
}

#[test]
fn a_streamed_response_counts_until_its_last_byte() {
    let fc = start(&["--freeze-after", "1ms", "--timeout", "20s"]);
    let gate = fc.scratch.gate("gate");
    let pid = fc.get("/").pid();
    let mut client = fc.client();
    client.send(get(&format!("/stream?fifo={}", gate.path)));
    assert_eq!(client.reply_head().status, 200);
    assert_eq!(client.chunk(), b"first");
    assert_ne!(state(pid), Some('T'));
    gate.let_pass(1);
    assert_eq!(client.chunk(), b"second");
    wait_until_frozen(pid);
}

#[test]
fn no_freeze_leaves_it_running() {
    let fc = start(&["--no-freeze", "--idle-timeout", "300ms"]);
    let pid = fc.get("/").pid();
    // Until the instance idles out it is seen in no state but these.
    eventually("it idles out", || {
        let state = state(pid);
        assert_ne!(state, Some('T'));
        matches!(state, None | Some('Z')).then_some(())
    });
}

#[test]
fn a_frozen_instance_is_stopped_without_delay() {
    let mut fc = start(&["--pre-stop"]);
    let pid = fc.get("/").pid();
    wait_until_frozen(pid);
    assert!(fc.stop().success());
    assert!(matches!(state(pid), None | Some('Z')));
    assert!(fc.trace().last().expect("a trace").starts_with("GET /pre-stop"), "it was thawed for PreStop");
}
