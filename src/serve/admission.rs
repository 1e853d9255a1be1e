//! When a request runs: at once, after its turn, or not at all.

use crate::api::{CallKind, Histogram};
use crate::http1::Head;
use crate::platform::{Refusal, Route};
use crate::serve::blocking::BlockingIo;
use crate::serve::connection::{Connection, PendingCall, Turn};
use crate::serve::engine::Engine;
use crate::serve::exchange;
use crate::serve::request_body::WireBody;
use crate::serve::response_writer::ResponseWriter;
use crate::serve::scratch::Scratch;
use crate::threads::{Admission, WorkerSlot};
use std::cell::RefCell;

/// What became of a request.
pub(super) enum Disposition {
    Served(Box<Connection>),
    /// It waits for its turn.
    Queued,
    Refused(Box<Connection>, Refusal),
}

/// Serves a request, unless it has to wait for its turn.
pub(super) fn admit(
    engine: &Engine,
    slot: &WorkerSlot,
    scratch: &mut Scratch,
    connection: Box<Connection>,
    head: Head,
) -> Disposition {
    let route = match engine.route(&head) {
        Ok(route) => route,
        Err(refusal) => return Disposition::Refused(connection, refusal),
    };
    let Some(limit) = engine.limit_of(route) else {
        return Disposition::Served(run(
            engine,
            slot,
            scratch,
            connection,
            Turn { head, route, permit: None },
        ));
    };
    match limit.enter(PendingCall { connection, head, route }, PendingCall::held_bytes) {
        Admission::Admitted(PendingCall { connection, head, route }, permit) => {
            let turn = Turn { head, route, permit: Some(permit) };
            Disposition::Served(run(engine, slot, scratch, connection, turn))
        }
        Admission::Queued => Disposition::Queued,
        Admission::Full(call) => Disposition::Refused(call.connection, Refusal::Overloaded),
    }
}

/// Serves a request whose turn it is. When that ends, the next queued one gets the turn.
pub(super) fn run(
    engine: &Engine,
    slot: &WorkerSlot,
    scratch: &mut Scratch,
    mut connection: Box<Connection>,
    turn: Turn,
) -> Box<Connection> {
    let Turn { head, route, permit } = turn;
    let Scratch { context, out, piece, date, .. } = scratch;
    let socket = connection.socket().clone();
    let io = BlockingIo::new(engine.waits(), &socket, slot, permit.as_ref());
    let output = RefCell::new(ResponseWriter::new(&io, out, piece, date));
    context.begin(head, kind_of(route));
    let body = WireBody { io: &io, connection: &mut connection, output: &output };
    let (next, has_failed) = exchange::serve(engine, slot, context, route, body, &output);
    let (now, elapsed) = engine.clock().reading();
    let took = connection.took(elapsed);
    drop(permit); // before it is counted: no call is over and in flight
    slot.counters().received(connection.take_uncounted());
    if matches!(route, Route::Invoke(_)) {
        slot.counters().call(took, Histogram::bucket(took), has_failed);
    }
    connection.conversation.conclude(next, now);
    scratch.head = scratch.context.end();
    connection
}

fn kind_of(route: Route) -> CallKind {
    match route {
        Route::Invoke(kind) => kind,
        Route::Hook(_) | Route::Health | Route::Metrics => CallKind::Hook,
    }
}
