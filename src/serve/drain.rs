//! The end of a server: what has reached it is answered, the function is told, and all within a time.

use crate::api::{CallKind, Error};
use crate::clock::{Allowance, Clock};
use crate::contain::report;
use crate::http1::{CloseReason, Head};
use crate::log::RequestScope;
use crate::platform::Hook;
use crate::serve::connection::{Connection, NEWCOMER, Received};
use crate::serve::engine::Engine;
use crate::serve::exchange::run_hook;
use crate::sync::{Arc, Mutex, sleep, spawn};
use crate::threads::run_aside;
use log::Level;
use std::time::Duration;

/// What has not become a request so long after the signal will not be answered any more: half a head holds no
/// process up until its own limit.
const INCOMPLETE: Duration = Duration::from_secs(5);

/// The next look at the listen queue, when descriptors ran out while it was emptied: what is served meanwhile
/// closes one by one.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// `pre_stop` has at least so long, however late it is: the platform's default for PreStop.
const MIN_PRE_STOP: Duration = Duration::from_secs(3);

/// Workers that are done may take so long to end: they only have to be woken.
const WORKERS_END: Duration = Duration::from_secs(1);

/// Ends the workers. Those that the author's code holds up are nobody's any more.
pub(super) fn end(engine: &Engine) {
    engine.pool().close();
    engine.ready().close_set();
    engine.pool().wait_for_end(engine.begun(), WORKERS_END);
}

/// Drains and ends on a thread of its own; without one to spare, on this one.
pub(super) fn by_signal(engine: &Arc<Engine>) {
    let Some(on_signal) = engine.take_on_signal() else { return };
    let (stopping, drain_failed) = (engine.clone(), on_signal.drain_failed);
    let run = move || match drain(&stopping) {
        Ok(()) => end(&stopping),
        Err(error) => drain_failed(&error),
    };
    if spawn("fc-drain", engine.stack_size(), run.clone()).is_err() {
        run();
    }
}

/// Answers what is in flight and runs `pre_stop`. The workers go on until [`end`]. What was cut short is told before a
/// `pre_stop` that failed; whoever stops the server says so.
pub(super) fn drain(engine: &Arc<Engine>) -> Result<(), Error> {
    let (clock, ready, limit) = (engine.clock(), engine.ready(), engine.drain_timeout());
    let mut time = Allowance::of(limit);
    engine.begin_stopping();
    let after_incomplete = limit.saturating_sub(INCOMPLETE);
    while !engine.acceptor().accept_all(ready) {
        if time.left().is_zero() || (time.left() < after_incomplete && !engine.is_in_flight()) {
            report!(Level::Error, "connections in the listen queue are not taken in");
            break;
        }
        // What is served meanwhile closes, and leaves its descriptor to the next one.
        time.spend(clock, |step| sleep(step.min(ACCEPT_AGAIN)));
    }
    engine.acceptor().close(ready);
    let newcomers = NEWCOMER.saturating_sub(clock.now().since(engine.acceptor().last_accepted()));
    // Whoever asks now is told that the connection closes, and does not ask on it again.
    let after_grace = limit.saturating_sub(engine.idle_grace().max(newcomers));
    while time.left() > after_grace && ready.open() > 0 {
        let grace = time.left() - after_grace;
        time.spend(clock, |step| ready.wait_until_empty(step.min(grace)));
    }
    ready.begin_emptying(|connection| serve_or_close(engine, connection));
    let wait = |step| ready.wait_until_empty(step);
    let open = wait_until_drained(clock, &mut time, wait, || engine.is_in_flight());
    let (running, is_cut_short) = (engine.begun(), engine.is_in_flight());
    if open > 0 {
        report!(Level::Error, "{open} connections cut");
        ready.cut_all();
    }
    let stopped = pre_stop(engine, time.left().max(MIN_PRE_STOP));
    if is_cut_short { Err(Error::DrainTimeout { running, limit }) } else { stopped }
}

/// What came just before the stop is still served, by a worker: it may take long. There may be thousands of
/// connections, and nearly all of them are idle.
fn serve_or_close(engine: &Arc<Engine>, mut connection: Box<Connection>) {
    connection.look_again();
    match connection.receive(engine.clock()) {
        Received::Bytes => {
            connection.wait_for_worker(None);
            engine.dispatch(connection);
        }
        Received::Nothing => engine.close(connection, CloseReason::ServerStops),
        Received::End => engine.close(connection, CloseReason::PeerCloses),
    }
}

/// Waits for what is in flight, in steps, so that a freeze in between does not count. `wait` waits for at most so long and
/// says how many connections are open. Returns how many are left.
fn wait_until_drained(
    clock: &Clock,
    time: &mut Allowance,
    mut wait: impl FnMut(Duration) -> usize,
    is_in_flight: impl Fn() -> bool,
) -> usize {
    let after_incomplete = time.left().saturating_sub(INCOMPLETE);
    loop {
        let open = time.spend(clock, &mut wait);
        let is_over = time.left() < after_incomplete && !is_in_flight();
        if open == 0 || time.left().is_zero() || is_over {
            return open;
        }
    }
}

/// Runs the hook on a thread of its own: it may hang.
pub(super) fn pre_stop(engine: &Arc<Engine>, timeout: Duration) -> Result<(), Error> {
    let outcome = Arc::new(Mutex::new(None));
    let (stopping, ended) = (engine.clone(), outcome.clone());
    let run = move || {
        let mut context = stopping.context();
        context.begin(Head::default(), CallKind::Hook);
        let _scope = RequestScope::enter(context.request_id(), || context.trace_id());
        *ended.lock() = Some(run_hook(&stopping, &context, Hook::PreStop));
    };
    run_aside("fc-pre-stop", engine.stack_size(), engine.clock(), timeout, run);
    match outcome.lock().take() {
        Some(Ok(())) => Ok(()),
        Some(Err(failure)) => Err(Error::PreStop { message: failure.message }),
        None => Err(Error::PreStop { message: "not done in time".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Moment, STEP};
    use std::cell::Cell;

    const SECOND: Duration = Duration::from_secs(1);

    /// A drain of so many seconds over connections that stay open; when it gave up, and how many it left.
    fn gives_up_after(
        seconds: u32,
        is_in_flight: impl Fn(&Clock) -> bool,
        wait: impl Fn(&Clock, Duration) -> usize,
    ) -> (Duration, usize) {
        let clock = Clock::for_test();
        let mut time = Allowance::of(seconds * SECOND);
        let wait = |step| wait(&clock, step);
        let open = wait_until_drained(&clock, &mut time, wait, || is_in_flight(&clock));
        (clock.now().since(Moment::default()), open)
    }

    fn one_stays_open(clock: &Clock, step: Duration) -> usize {
        clock.advance(step);
        1
    }

    #[test]
    fn half_a_request_holds_a_stop_up_for_five_seconds_and_no_longer() {
        let (after, open) = gives_up_after(25, |_| false, one_stays_open);
        assert_eq!((after, open), (INCOMPLETE + STEP, 1), "the first step beyond five");
    }

    #[test]
    fn a_hook_or_an_invocation_in_flight_is_waited_for_until_the_time_is_up() {
        let (after, open) = gives_up_after(25, |_| true, one_stays_open);
        assert_eq!((after, open), (25 * SECOND, 1));
    }

    #[test]
    fn what_is_in_flight_is_answered_however_long_half_requests_are_waited_for() {
        let answered_at = Moment::default().plus(8 * SECOND);
        let (after, _) = gives_up_after(25, |clock| clock.now() < answered_at, one_stays_open);
        assert_eq!(after, 8 * SECOND);
    }

    #[test]
    fn a_drain_is_over_with_its_last_connection() {
        let (after, open) = gives_up_after(25, |_| true, |_, _| 0);
        assert_eq!((after, open), (Duration::ZERO, 0));
    }

    #[test]
    fn a_freeze_does_not_count_against_what_is_in_flight() {
        let is_first = Cell::new(true);
        let (after, open) = gives_up_after(
            25,
            |_| true,
            |clock, step| {
                if is_first.replace(false) {
                    clock.freeze(3600 * SECOND);
                    return 1;
                }
                clock.advance(step);
                usize::from(clock.now().since(Moment::default()) < 20 * SECOND)
            },
        );
        assert!(after < 20 * SECOND + 2 * STEP && open == 0, "{after:?}, {open}");
    }

    #[test]
    fn a_system_that_is_slow_does_not_make_a_drain_longer() {
        let (elapsed, is_in_flight) = (Cell::new(Duration::ZERO), |_: &Clock| true);
        gives_up_after(2, is_in_flight, |clock, _| {
            clock.freeze(SECOND / 2);
            elapsed.set(elapsed.get() + SECOND / 2);
            1
        });
        assert_eq!(elapsed.get(), 2 * SECOND);
    }
}
