//! The end of a server: what has reached it is answered, the function is told, and all within a time.

use crate::api::context::{Context, Kind};
use crate::api::error::Error;
use crate::clock::{Moment, STEP};
use crate::log::lines::{self, Phase};
use crate::log::logger;
use crate::platform::lifecycle::Failure;
use crate::serve::accept::accept_all;
use crate::serve::connection::Connection;
use crate::serve::engine::Shared;
use crate::serve::worker::hand_over;
use crate::sync::Latch;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// A client that has only just connected is about to send.
const GRACE: Duration = Duration::from_millis(100);

/// What has not become a request so long after the signal will not be answered any more.
const INCOMPLETE: Duration = Duration::from_secs(5);

/// When descriptors run out while the listen queue is emptied.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// `pre_stop` has at least so long, however late it is: the platform's default for PreStop.
const MIN_PRE_STOP: Duration = Duration::from_secs(3);

/// How long workers that are done may take to end.
const WORKERS_END: Duration = Duration::from_secs(1);

/// Answers what is in flight and runs `pre_stop`. The workers go on until the server is closed.
pub(crate) fn drain(shared: &Arc<Shared>) -> Result<(), Error> {
    let limit = shared.config.drain_timeout;
    let deadline = shared.clock.now().after(limit);
    shared.stopping.store(true, Ordering::SeqCst);
    while !accept_all(shared) && shared.clock.now() < deadline {
        // What is served meanwhile closes, and leaves its descriptor to the next one.
        shared.ready.wait_until_empty(ACCEPT_AGAIN);
    }
    let began = shared.clock.now();
    let grace = GRACE.saturating_sub(began.since(shared.lock_acceptor().last_accepted()));
    if !grace.is_zero() {
        shared.ready.wait_until_empty(grace);
        shared.clock.waited(began, grace);
    }
    shared.ready.stop(|connection| serve_or_close(shared, connection));
    let open = wait_until_empty(shared, deadline);
    let (running, is_cut_short) = (shared.running.load(Ordering::SeqCst), is_in_flight(shared));
    if open > 0 {
        let waited = shared.clock.now().since(began);
        log::error!("{open} connections with {running} invocations cut after {waited:.1?}");
        shared.ready.cut_all();
    }
    pre_stop(shared, deadline.since(shared.clock.now()).max(MIN_PRE_STOP));
    if is_cut_short { Err(Error::DrainTimeout { running, limit }) } else { Ok(()) }
}

/// Ends the workers; returns when none is left but those that the author's code holds up.
pub(crate) fn close(shared: &Shared) {
    shared.pool.close();
    shared.ready.close_set();
    shared.pool.wait_for_threads(shared.running.load(Ordering::SeqCst), WORKERS_END);
}

/// What came just before the stop is still served, by a worker: it may take long.
fn serve_or_close(shared: &Arc<Shared>, mut connection: Box<Connection>) {
    if connection.has_input() {
        match hand_over(shared, connection) {
            Ok(()) => return,
            Err(back) => connection = back,
        }
    }
    shared.ready.close(connection);
}

/// Waits for what is in flight, in steps, so that a freeze in between is noticed and does not count. Returns how many
/// connections are left.
fn wait_until_empty(shared: &Shared, deadline: Moment) -> usize {
    let began = shared.clock.now();
    loop {
        let now = shared.clock.now();
        let step = deadline.since(now).min(STEP);
        let open = shared.ready.wait_until_empty(step);
        shared.clock.waited(now, step);
        let now = shared.clock.now();
        let is_over = now.since(began) > INCOMPLETE && !is_in_flight(shared);
        if open == 0 || now >= deadline || is_over {
            return open;
        }
        log::debug!("{open} connections left");
    }
}

/// Whether an invocation or a hook runs, or waits for its turn.
fn is_in_flight(shared: &Shared) -> bool {
    // A call that waits for its peer is outside of its gate.
    shared.running.load(Ordering::SeqCst) > 0 || !shared.invocations.is_idle() || !shared.hooks.is_idle()
}

/// Runs the hook on a thread of its own: it may hang.
fn pre_stop(shared: &Arc<Shared>, timeout: Duration) {
    let done = Arc::new(Latch::default());
    let (stopping, opened) = (shared.clone(), done.clone());
    let run = move || {
        run_pre_stop(&stopping);
        opened.open();
    };
    match thread::Builder::new().name("fc-pre-stop".into()).spawn(run.clone()) {
        Ok(_) if !done.wait_timeout(timeout) => log::error!("pre_stop not done after {timeout:?}"),
        Ok(_) => {}
        Err(_) => run(), // without a thread to spare, on this one
    }
}

fn run_pre_stop(shared: &Shared) {
    let mut context = Context::new(shared.environment.clone(), false);
    context.begin(Kind::Hook);
    logger::enter(context.request_id());
    if shared.config.marks {
        lines::start(Phase::PreStop, context.request_id());
    }
    let outcome = shared.lifecycle.pre_stop(&context);
    let error = outcome.as_ref().err().map(|Failure { message, .. }| message.as_str());
    if let Some(error) = error {
        log::error!("PreStop failed: {error}");
    }
    if shared.config.marks {
        lines::end(Phase::PreStop, context.request_id(), error);
    }
    logger::leave();
}
