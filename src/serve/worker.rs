//! A worker: waits for what is ready, and does it.

use crate::api::context::Context;
use crate::clock::Date;
use crate::http1::Buffer;
use crate::net::ready::Ready;
use crate::serve::accept::accept;
use crate::serve::admission;
use crate::serve::connection::{self, Connection};
use crate::serve::engine::{Call, Job, Shared};
use crate::server::begin_stop;
use crate::threads::pool::{Duty, Seat};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A worker's own things, used again from request to request.
pub(crate) struct Worker<'a> {
    pub shared: &'a Arc<Shared>,
    pub seat: &'a Seat,
    pub context: Context,
    /// What the next connection without a buffer is lent.
    pub buffer: Option<Buffer>,
    pub out: Vec<u8>,
    pub piece: Vec<u8>,
    pub date: Date,
    /// Calls whose turn it is, and for which no other worker could be had.
    pub left_over: Vec<Call>,
}

/// Works until the server is closed, or there is nothing to do for long.
pub(crate) fn work(shared: &Arc<Shared>, seat: &Seat, first: Duty<Job>) {
    let mut worker = Worker {
        shared,
        seat,
        context: Context::new(shared.environment.clone(), shared.config.hooks),
        buffer: None,
        out: Vec::new(),
        piece: Vec::new(),
        date: Date::new(),
        left_over: Vec::new(),
    };
    let mut duty = first;
    loop {
        match duty {
            Duty::Wait => match worker.wait() {
                Some(Ready::Connection(connection)) => connection::serve(&mut worker, connection),
                Some(Ready::Expired(mut connection)) => {
                    connection.arrived(false); // it is looked at once more before it counts
                    connection::serve(&mut worker, connection);
                }
                Some(Ready::Accept) => accept(shared),
                Some(Ready::Stop) => begin_stop(shared),
                Some(Ready::Closed) | None => return,
            },
            Duty::Work(Job::Connection(connection)) => connection::serve(&mut worker, connection),
            Duty::Work(Job::Call(call)) => worker.left_over.push(call),
            Duty::Leave => return,
        }
        while let Some(call) = worker.left_over.pop() {
            if let Some(connection) = admission::resume(&mut worker, call) {
                connection::serve(&mut worker, connection);
            }
        }
        duty = shared.pool.next_duty();
    }
}

impl Worker<'_> {
    fn wait(&mut self) -> Option<Ready> {
        let ready = self.shared.ready.wait(&self.shared.clock);
        self.shared.pool.left_waiting();
        ready.inspect_err(|error| log::error!("cannot wait for connections: {error}")).ok()
    }

    /// A descriptor is free again: accept may be waiting for one.
    pub fn connection_closed(&self, open: usize) {
        if open < self.shared.config.max_connections
            && self.shared.accept_paused.swap(false, Ordering::SeqCst)
        {
            accept(self.shared);
        }
    }
}

/// Has another worker serve a connection, or this thread's caller close it.
pub(crate) fn hand_over(shared: &Arc<Shared>, connection: Box<Connection>) -> Result<(), Box<Connection>> {
    match shared.pool.summon(Duty::Work(Job::Connection(connection))) {
        Err(Duty::Work(Job::Connection(connection))) => Err(connection),
        _ => Ok(()),
    }
}
