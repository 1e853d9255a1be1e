use super::*;
use crate::record::invocations::NewCall;

fn state() -> State {
    State::new(100)
}

/// Accepts a call; its key.
fn accept(state: &mut State, request_id: &str, now: f64) -> u64 {
    let (function, trigger, method, path) = ("shop", "http", "GET", "/a?b");
    let call = NewCall { request_id, function, trigger, method, path, retries: 0 };
    let key = state.invocations.iter().next_back().map_or(1, |last| last.key + 1);
    state.accept(key, &call, now);
    key
}

fn line(state: &mut State, function: Option<&str>, instance: Option<&str>, text: &str) {
    state.line([function, instance], &NewLine { at: 1.0, source: "stdout", text });
}

fn start_instance(state: &mut State, id: &str, ready_at: f64) {
    let started =
        Started { id: id.into(), function: "shop".into(), port: 9000, memory_limit_mb: 512, concurrency: 2 };
    state.start_instance(started, ready_at - 1.0);
    state.enter(id, PhaseKind::Ready, ready_at);
}

fn answered(status: u16) -> Ended<'static> {
    Ended { status, duration: Some((2.0, 2)), ..Ended::default() }
}

#[test]
fn an_invocation_waits_runs_and_ends() {
    let mut state = state();
    let key = accept(&mut state, "1-1", 10.0);
    start_instance(&mut state, "c-1", 15.0);
    state.set_memory("c-1", 30.0, 15.0);
    state.start(key, "c-1", (b"GET /a?b HTTP/1.1\n", None), 16.0);
    let running = state.invocations.get(key).expect("it").clone();
    assert_eq!((running.stage, running.cold, running.queue_ms), (Stage::Running, true, Some(6.0)));
    state.end(key, Ended { response_head: b"HTTP/1.1 200\n", ..answered(200) }, Stage::Running, 18.0);
    let ended = state.invocations.get(key).expect("it");
    assert_eq!((ended.stage, ended.status, ended.ended_at), (Stage::Ended, Some(200), Some(18.0)));
    assert_eq!((ended.memory_mb, ended.billed_ms, ended.has_failed()), (Some(30.0), Some(2), false));
    let details = state.invocations.details(ended.sent.expect("kept")).expect("kept");
    assert_eq!(details.response_head, b"HTTP/1.1 200\n");
    let warm = accept(&mut state, "1-2", 20.0);
    state.start(warm, "c-1", (b"", None), 20.0);
    assert!(!state.invocations.get(warm).expect("it").cold);
    let (_, instance) = state.instances.find("c-1").expect("it");
    assert_eq!((instance.running.as_slice(), instance.invocations), (&[warm][..], 2));
    assert_eq!(state.overview().running, 1);
}

#[test]
fn a_failure_has_a_type_and_what_the_function_says_of_it_is_one() {
    let mut state = state();
    let key = accept(&mut state, "1-1", 1.0);
    state.end(
        key,
        Ended { status: 429, failure: Some(("ResourceExhausted", "full")), ..Ended::default() },
        Stage::Waiting,
        2.0,
    );
    let refused = state.invocations.get(key).expect("it");
    assert_eq!((refused.error_type, refused.error.as_deref()), (Some("ResourceExhausted"), Some("full")));
    assert_eq!((refused.duration_ms, refused.queue_ms), (None, Some(1.0)));
    let key = accept(&mut state, "1-2", 1.0);
    state.end(key, Ended { x_fc_status: Some("404"), ..answered(200) }, Stage::Running, 2.0);
    let failed = state.invocations.get(key).expect("it");
    assert!(failed.has_failed() && failed.error_type == Some("UnhandledInvocationError"));
    let sample = state.metrics.since(0)[0];
    assert_eq!((sample.ended, sample.failed, sample.waiting), (2, 2, 1));
}

#[test]
fn the_refusal_of_a_recorded_call_is_known_once() {
    let mut state = state();
    let key = accept(&mut state, "1-1", 1.0);
    state.remember_refused(key);
    assert!(!state.is_refused("1-2") && state.is_refused("1-1") && !state.is_refused("1-1"));
}

#[test]
fn a_line_belongs_to_the_request_that_it_names_or_to_the_only_one() {
    let mut state = state();
    start_instance(&mut state, "c-1", 1.0);
    let told = |state: &mut State, text: &str| {
        line(state, None, Some("c-1"), text);
        state.lines.between(0, u64::MAX, 1)[0].request_id.clone()
    };
    assert_eq!(told(&mut state, "up"), None);
    let one = accept(&mut state, "1-one", 1.0);
    state.start(one, "c-1", (b"", None), 1.0);
    assert_eq!(told(&mut state, "x").as_deref(), Some("1-one"));
    let two = accept(&mut state, "1-two", 1.0);
    state.start(two, "c-1", (b"", None), 1.0);
    assert_eq!(told(&mut state, "x"), None, "two could have printed it");
    assert_eq!(told(&mut state, "2026 1-two [INFO] x").as_deref(), Some("1-two"));
    state.end(one, answered(200), Stage::Running, 3.0);
    assert_eq!(told(&mut state, "x").as_deref(), Some("1-two"));
    let last = &state.lines.between(0, u64::MAX, 1)[0];
    assert_eq!(last.function.as_deref(), Some("shop"));
    line(&mut state, Some("other"), Some("c-unknown"), "x");
    let last = &state.lines.between(0, u64::MAX, 1)[0];
    assert_eq!((last.function.as_deref(), last.instance.as_deref()), (Some("other"), Some("c-unknown")));
}

#[test]
fn an_onlooker_is_told_what_is_new_and_what_it_missed() {
    let mut state = state();
    start_instance(&mut state, "c-1", 1.0);
    let keys: Vec<u64> = (0..5).map(|_| accept(&mut state, "1-1", 1.0)).collect();
    (0..4).for_each(|_| line(&mut state, None, None, "x"));
    let first = state.since(0, 3);
    assert_eq!(first.invocations.iter().map(|call| call.key).collect::<Vec<_>>(), keys[2..]);
    assert_eq!((first.instances.len(), first.instances[0].phases.len(), first.lines.len()), (1, 2, 3));
    assert_eq!(first.missed, Missed { invocations: 2, lines: 1 });
    let nothing = state.since(first.seq, 3);
    assert_eq!((nothing.seq, nothing.invocations.len(), nothing.missed), (first.seq, 0, Missed::default()));
    state.start(keys[0], "c-1", (b"", None), 2.0);
    state.enter("c-1", PhaseKind::Frozen, 3.0);
    let next = state.since(first.seq, 3);
    assert_eq!((next.invocations.len(), next.invocations[0].key), (1, keys[0]));
    assert_eq!(next.instances[0].phases.len(), 2, "the one that ended and the one that began");
}
