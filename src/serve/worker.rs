//! A worker: waits for what is ready, and does it.

use crate::contain::report;
use crate::http1::{Announcement, CloseReason, Overdue, ResponseFraming, Step, TEXT, begin_head, end_head};
use crate::net::{Parked, Parking, Ready};
use crate::platform::Refusal;
use crate::serve::admission::{self, Disposition};
use crate::serve::connection::{Connection, Received};
use crate::serve::drain;
use crate::serve::engine::Engine;
use crate::serve::scratch::Scratch;
use crate::sync::Arc;
use crate::threads::{Task, Waiting, WorkerSlot};
use log::Level;
use std::io::IoSlice;
use std::time::Duration;

/// So many requests or receives of one connection in a row, then others have their turn: a peer that pipelines or
/// uploads without an end has no worker for itself, and the system call of a turn is a thirtieth of a request's.
const STEPS_PER_WAKE: usize = 32;

/// A client whose first request comes with its connection sends it within so long.
const IDLE: Duration = Duration::from_millis(10);

pub(super) struct Worker<'a> {
    engine: &'a Arc<Engine>,
    slot: &'a WorkerSlot,
    scratch: Scratch,
}

/// Works until the readiness set is closed, or there is nothing to do for long.
pub(super) fn work(engine: &Arc<Engine>, slot: &WorkerSlot, first: Task<Box<Connection>>) {
    let mut worker = Worker::new(engine, slot);
    let mut task = first;
    loop {
        match task {
            Task::Wait(waiting) => match worker.wait(waiting) {
                Some(Ready::Closed) | None => return,
                Some(ready) => worker.attend(ready),
            },
            Task::Work(connection) => worker.serve(connection),
            Task::Leave => return,
        }
        task = engine.pool().next_task();
    }
}

impl<'a> Worker<'a> {
    pub(super) fn new(engine: &'a Arc<Engine>, slot: &'a WorkerSlot) -> Worker<'a> {
        let mut scratch = Scratch::new(engine.context());
        if engine.pool().is_at_start() {
            scratch.prepare();
        }
        Worker { engine, slot, scratch }
    }

    /// Does what there is to do.
    pub(super) fn attend(&mut self, ready: Ready<Connection>) {
        match ready {
            Ready::Connection(connection) => self.serve(connection),
            Ready::Expired(mut connection) => {
                connection.look_again(); // before its time counts as up
                self.serve(connection);
            }
            Ready::Accept => self.engine.accept(),
            Ready::Stop => drain::by_signal(self.engine),
            Ready::Idle => self.idle(),
            Ready::Nothing | Ready::Closed => {}
        }
    }

    /// Does, once, what a start leaves for later.
    fn idle(&self) {
        if !self.engine.end_looking() {
            return;
        }
        // It may have come since the last look, and before it was reported.
        if self.engine.is_stop_due() {
            drain::by_signal(self.engine);
        }
        self.engine.warn_of_unknown_variables();
    }

    fn wait(&self, waiting: Waiting) -> Option<Ready<Connection>> {
        let ready = match self.engine.is_idle_awaited() {
            false => self.engine.ready().wait(None),
            // Nothing else tells of a signal yet.
            true if self.engine.is_stop_due() => Ok(Ready::Stop),
            true => self.engine.ready().wait(Some(IDLE)),
        };
        drop(waiting);
        ready.inspect_err(|error| report!(Level::Error, "cannot wait for connections: {error}")).ok()
    }

    /// Serves what has arrived until nothing more is there, and before it the request whose turn it is, if there is
    /// one. In a frame of its own: a worker that waits touches no more of its stack than that takes.
    #[inline(never)]
    fn serve(&mut self, mut connection: Box<Connection>) {
        let _holding = self.engine.ready().holding(connection.key());
        if let Some(turn) = connection.take_turn() {
            connection = admission::run(self.engine, self.slot, &mut self.scratch, connection, turn);
        }
        connection.conversation.take_buffer(&mut self.scratch.buffer);
        for _ in 0..STEPS_PER_WAKE {
            let next = match connection.conversation.step(self.engine.limits(), &mut self.scratch.head) {
                Step::Request(head) => {
                    match admission::admit(self.engine, self.slot, &mut self.scratch, connection, head) {
                        Disposition::Served(connection) => Some(connection),
                        Disposition::Queued => None,
                        Disposition::Refused(connection, refusal) => Some(self.refuse(connection, refusal)),
                    }
                }
                Step::Refuse(reject) => Some(self.refuse(connection, reject.into())),
                Step::Receive => self.receive(connection),
                Step::EndSending => {
                    connection.end_sending();
                    Some(connection)
                }
                Step::Close(reason) => return self.close(connection, reason),
            };
            connection = match next {
                Some(connection) => connection,
                None => return,
            };
        }
        self.requeue(connection);
    }

    /// Receives, or parks the connection when nothing has arrived.
    fn receive(&mut self, mut connection: Box<Connection>) -> Option<Box<Connection>> {
        let received = connection.receive(self.engine.clock());
        self.slot.counters().received(connection.take_uncounted());
        match received {
            Received::Bytes => Some(connection),
            Received::Nothing => self.park(connection),
            Received::End => {
                let reason = connection.conversation.end_reason();
                self.close(connection, reason);
                None
            }
        }
    }

    /// Waits for the peer without holding the worker, unless it has been waited for long enough.
    fn park(&mut self, mut connection: Box<Connection>) -> Option<Box<Connection>> {
        match connection.begin_waiting(self.engine.limits(), self.engine.clock()) {
            Some(Overdue::Refuse(reject)) => return Some(self.refuse(connection, reject.into())),
            Some(Overdue::Close(reason)) => {
                self.close(connection, reason);
                return None;
            }
            None => connection.conversation.return_buffer(&mut self.scratch.buffer),
        }
        match self.engine.ready().park(connection) {
            Parking::Parked => None,
            Parking::Arrived(mut connection) => {
                connection.conversation.take_buffer(&mut self.scratch.buffer);
                Some(connection)
            }
            Parking::Emptying(mut connection) => {
                // What came just before the stop is still served.
                connection.conversation.take_buffer(&mut self.scratch.buffer);
                connection.look_again();
                if connection.receive(self.engine.clock()) == Received::Bytes {
                    return Some(connection);
                }
                self.close(connection, CloseReason::ServerStops);
                None
            }
        }
    }

    /// Has others have their turn first. Who has sent without an end for all of its time has no more.
    fn requeue(&mut self, mut connection: Box<Connection>) {
        match connection.begin_waiting(self.engine.limits(), self.engine.clock()) {
            Some(Overdue::Refuse(reject)) => {
                let lingering = self.refuse(connection, reject.into());
                self.requeue(lingering);
            }
            Some(Overdue::Close(reason)) => self.close(connection, reason),
            None => {
                if let Err(connection) = self.engine.ready().requeue(connection) {
                    self.close(connection, CloseReason::Exhaustion);
                }
            }
        }
    }

    /// Tells the peer why its request is refused, as far as it takes that without delay.
    fn refuse(&mut self, mut connection: Box<Connection>, refusal: Refusal) -> Box<Connection> {
        let (out, body) = (&mut self.scratch.out, refusal.body());
        out.clear();
        let framing = ResponseFraming::Length(body.len() as u64);
        let date = self.scratch.date.now();
        begin_head(out, refusal.status(), framing, date, [TEXT, b""]);
        end_head(out, Announcement::Close);
        if !connection.conversation.asks_for_head() {
            out.extend_from_slice(body.as_bytes());
        }
        // A peer that does not take it goes without.
        if let Ok(Some(count)) = connection.socket().send(&[IoSlice::new(out)]) {
            self.slot.counters().sent(count);
        }
        self.slot.counters().refused();
        self.engine.debug(format_args!("request refused: {}", refusal.reason()));
        connection.conversation.refuse(self.engine.clock().now());
        connection
    }

    fn close(&mut self, mut connection: Box<Connection>, reason: CloseReason) {
        connection.conversation.return_buffer(&mut self.scratch.buffer);
        self.engine.close(connection, reason);
    }
}
