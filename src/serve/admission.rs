//! When a request runs: it is refused, or runs at once, or waits for its turn.

use crate::http1::{BodyDecoder, Head, Reject};
use crate::platform::route::{Route, route_of};
use crate::serve::connection::Connection;
use crate::serve::engine::{Call, Job, Shared};
use crate::serve::exchange::run;
use crate::serve::worker::Worker;
use crate::threads::limit::{Entry, Gate};
use crate::threads::pool::Duty;
use std::mem;

/// Serves the request whose head is in the worker's context, or leaves it in the queue of those
/// that may not run yet.
pub(crate) fn admit(worker: &mut Worker<'_>, connection: Box<Connection>) -> Option<Box<Connection>> {
    let (shared, head) = (worker.shared, &worker.context.head);
    let route = match route_for(shared, head) {
        Ok(route) => route,
        Err(reject) => return Some(connection.refuse(worker, reject)),
    };
    let call = Call { connection, head: mem::take(&mut worker.context.head), route };
    let entry = match gate_of(shared, route) {
        Some(gate) => gate.enter(call, Call::held_bytes),
        None => Entry::In(call),
    };
    match entry {
        Entry::In(call) => resume(worker, call),
        Entry::Queued => None,
        Entry::Full(call) => Some(call.connection.refuse(worker, Reject::Overloaded)),
    }
}

/// Serves a request whose turn it is.
pub(crate) fn resume(worker: &mut Worker<'_>, call: Call) -> Option<Box<Connection>> {
    let shared = worker.shared;
    let gate = gate_of(shared, call.route);
    worker.context.head = call.head;
    let connection = run(worker, call.connection, call.route);
    if let Some(next) = gate.and_then(Gate::leave)
        && let Err(Duty::Work(Job::Call(next))) = shared.pool.summon(Duty::Work(Job::Call(next)))
    {
        worker.left_over.push(next);
    }
    Some(connection)
}

fn route_for(shared: &Shared, head: &Head) -> Result<Route, Reject> {
    BodyDecoder::new(head.length, shared.config.max_body)?;
    route_of(head, shared.config.hooks, shared.config.health_path.as_deref())
}

/// Where calls of this kind take turns; what runs no code of the author's need not.
pub(crate) fn gate_of(shared: &Shared, route: Route) -> Option<&Gate<Call>> {
    match route {
        Route::Invoke(_) => Some(&shared.invocations),
        Route::Hook(_) => Some(&shared.hooks),
        Route::Health => None,
    }
}
