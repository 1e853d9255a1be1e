use super::*;
use crate::api::StatusError;
use crate::platform::failure::Cause;
use crate::sync::{AtomicUsize, Ordering};
use crate::testing::Call;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const STATES: [State; 7] = [
    State::Created,
    State::Initializing,
    State::Ready,
    State::Stopping,
    State::StoppingUsed,
    State::Stopped,
    State::Reinitializing,
];

const EVENTS: [Event; 8] = [
    Event::Initialize,
    Event::PlatformInitialize,
    Event::Initialized,
    Event::InitializeFailed,
    Event::Invoke,
    Event::InvokeEnd,
    Event::PreStop,
    Event::PreStopEnd,
];

#[test]
fn every_pair_of_state_and_event_does_what_the_documented_table_says() {
    let rows: Vec<Vec<&str>> = include_str!("../lifecycle.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! |"))
        .map(|row| row.trim_end_matches('|').split('|').map(str::trim).collect())
        .collect();
    let header = &rows[0];
    assert_eq!(header.len(), EVENTS.len() + 1);
    assert_eq!(rows.len(), STATES.len() + 2, "a header, its rule, and a row for each state");
    for (state, row) in STATES.iter().zip(&rows[2..]) {
        assert_eq!(format!("{state:?}"), row[0]);
        for (event, (name, cell)) in EVENTS.iter().zip(header[1..].iter().zip(&row[1..])) {
            assert_eq!(format!("{event:?}"), *name);
            let (action, next) = step(*state, *event);
            assert_eq!(format!("{action:?} {next:?}"), *cell, "{state:?} on {event:?}");
        }
    }
}

/// A function whose hooks count their calls and do as they are told.
struct Probe {
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    initialize: AtomicUsize,
    pre_stop: AtomicUsize,
    failing: AtomicUsize,
    panicking: AtomicUsize,
}

impl DynFunction for Probe {
    fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
        Ok(Response::new(200))
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        self.calls.pre_stop.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.calls.panicking.load(Ordering::SeqCst), 0, "told to panic");
        match self.calls.failing.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(anyhow::anyhow!("told to fail")),
        }
    }
}

fn with_initializer(
    initialize: impl Fn(&Context) -> anyhow::Result<Arc<dyn DynFunction>> + Send + Sync + 'static,
) -> Lifecycle {
    Lifecycle::new(Origin::Initializer(Box::new(initialize)))
}

fn lifecycle(calls: &Arc<Calls>) -> Lifecycle {
    let calls = calls.clone();
    with_initializer(move |_| {
        calls.initialize.fetch_add(1, Ordering::SeqCst);
        assert_eq!(calls.panicking.load(Ordering::SeqCst), 0, "told to panic");
        match calls.failing.load(Ordering::SeqCst) {
            0 => Ok(Arc::new(Probe { calls: calls.clone() })),
            status => Err(StatusError::new(status as u16, "told to fail").into()),
        }
    })
}

fn counts(calls: &Calls) -> (usize, usize) {
    (calls.initialize.load(Ordering::SeqCst), calls.pre_stop.load(Ordering::SeqCst))
}

#[test]
fn initialize_succeeds_once_however_often_it_is_asked_for() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    for _ in 0..3 {
        assert_eq!(lifecycle.initialize(&context), Ok(()));
    }
    drop(lifecycle.begin(&context));
    assert_eq!(counts(&calls), (1, 0));
}

#[test]
fn a_failed_initialize_carries_its_status_and_is_tried_again() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    calls.failing.store(404, Ordering::SeqCst);
    let failure = lifecycle.initialize(&context).unwrap_err();
    assert_eq!((failure.cause, failure.status), (Cause::Initialize, Some(404)));
    assert!(lifecycle.begin(&context).is_err(), "an invocation tries again, and shares the failure");
    calls.failing.store(0, Ordering::SeqCst);
    assert!(lifecycle.begin(&context).is_ok());
    assert_eq!(counts(&calls), (3, 0));
}

#[test]
fn pre_stop_runs_once_for_what_was_collected() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    assert_eq!(counts(&calls), (0, 0), "there is nothing to stop yet");
    drop(lifecycle.begin(&context));
    for _ in 0..2 {
        assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    }
    assert_eq!(counts(&calls), (1, 1));
    drop(lifecycle.begin(&context));
    assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    assert_eq!(counts(&calls), (1, 2), "an invocation after pre_stop is flushed by the next one");
}

#[test]
fn an_invocation_that_outlasts_pre_stop_is_flushed_by_the_next_one() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    let invocation = lifecycle.begin(&context);
    assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    drop(invocation);
    assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    assert_eq!(counts(&calls), (1, 2));
}

#[test]
fn initialize_after_pre_stop_builds_a_new_value_and_keeps_the_old_one_when_it_fails() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    assert_eq!(lifecycle.initialize(&context), Ok(()));
    assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    calls.failing.store(500, Ordering::SeqCst);
    assert!(lifecycle.initialize(&context).is_err());
    assert_eq!(lifecycle.life.lock().state, State::Stopped);
    assert!(lifecycle.begin(&context).is_ok(), "served by the old value");
    calls.failing.store(0, Ordering::SeqCst);
    assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    assert_eq!(lifecycle.initialize(&context), Ok(()));
    assert_eq!(counts(&calls), (3, 2));
}

#[test]
fn a_failed_pre_stop_stops_all_the_same() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    assert_eq!(lifecycle.initialize(&context), Ok(()));
    calls.failing.store(1, Ordering::SeqCst);
    assert!(lifecycle.pre_stop(&context).is_err());
    assert_eq!(lifecycle.life.lock().state, State::Stopped);
}

#[test]
fn a_panic_in_a_hook_is_a_failure_and_no_more() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    calls.panicking.store(1, Ordering::SeqCst);
    assert_eq!(lifecycle.initialize(&context).unwrap_err().cause, Cause::Panic);
    calls.panicking.store(0, Ordering::SeqCst);
    assert_eq!(lifecycle.initialize(&context), Ok(()));
    calls.panicking.store(1, Ordering::SeqCst);
    assert_eq!(lifecycle.pre_stop(&context).unwrap_err().cause, Cause::Panic);
    assert_eq!(lifecycle.life.lock().state, State::Stopped);
}

#[test]
fn those_who_come_while_initialize_runs_share_its_outcome() {
    let (entered, is_entered) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let gates = Mutex::new((entered, may_go_on));
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let lifecycle = with_initializer(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let gates = gates.lock();
        gates.0.send(()).unwrap();
        gates.1.recv().unwrap();
        Err(StatusError::new(404, "not yet").into())
    });
    thread::scope(|scope| {
        let first = scope.spawn(|| lifecycle.initialize(&Call::hook().context()));
        is_entered.recv().unwrap();
        let initializes: Vec<_> =
            (0..20).map(|_| scope.spawn(|| lifecycle.initialize(&Call::hook().context()))).collect();
        let invokes: Vec<_> =
            (0..20).map(|_| scope.spawn(|| lifecycle.begin(&Call::event("").context()).is_ok())).collect();
        let stop = scope.spawn(|| lifecycle.pre_stop(&Call::hook().context()));
        // All of them have to be waiting before the one that runs may end.
        let began = Instant::now();
        while lifecycle.life.lock().waiting < 41 {
            assert!(began.elapsed() < Duration::from_secs(30), "not all of them wait");
            thread::yield_now();
        }
        go_on.send(()).unwrap();
        assert_eq!(first.join().unwrap().unwrap_err().status, Some(404));
        for initialize in initializes {
            assert_eq!(initialize.join().unwrap().unwrap_err().status, Some(404));
        }
        assert!(invokes.into_iter().all(|invoke| !invoke.join().unwrap()));
        assert_eq!(stop.join().unwrap(), Ok(()), "nothing was built that could be stopped");
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_hook_whose_thread_unwinds_has_failed_and_nobody_waits_for_it_for_ever() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    let unwinds = |code: &dyn Fn()| {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(code));
        assert!(outcome.is_err());
    };
    lifecycle.life.lock().state = State::Initializing;
    unwinds(&|| drop(lifecycle.run_initialize(lifecycle.life.lock(), || panic!("by an error of ours"))));
    assert_eq!(lifecycle.life.lock().state, State::Created, "the next one tries again");
    assert_eq!(lifecycle.initialize(&context), Ok(()));
    lifecycle.life.lock().state = State::Stopping;
    unwinds(&|| drop(lifecycle.run_pre_stop(lifecycle.life.lock(), |_| panic!("by an error of ours"))));
    assert_eq!(lifecycle.life.lock().state, State::Stopped);
}

#[test]
fn an_invocation_whose_thread_unwinds_has_ended() {
    let calls = Arc::new(Calls::default());
    let (lifecycle, context) = (lifecycle(&calls), Call::hook().context());
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _invocation = lifecycle.begin(&context);
        assert_eq!(lifecycle.pre_stop(&context), Ok(()));
        panic!("by an error of ours");
    }));
    assert!(outcome.is_err());
    assert_eq!(lifecycle.pre_stop(&context), Ok(()));
    assert_eq!(counts(&calls), (1, 2), "what it collected is flushed");
}

struct PanicsWhenDropped(Arc<AtomicUsize>);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("in a Drop");
    }
}

#[test]
fn what_the_initializer_took_along_may_panic_when_it_is_dropped() {
    let drops = Arc::new(AtomicUsize::new(0));
    let taken_along = PanicsWhenDropped(drops.clone());
    drop(with_initializer(move |_| {
        let _ = &taken_along;
        Err(anyhow::anyhow!("never called"))
    }));
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}
