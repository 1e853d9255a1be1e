//! Waiting for a peer: how long a worker lets itself be held up by one that neither sends nor
//! takes, and who does the worker's share meanwhile.

use crate::clock::{Moment, STEP};
use crate::net::socket::{Link, Readiness};
use crate::serve::engine::{Call, Job, Shared};
use crate::threads::limit::Gate;
use crate::threads::pool::{Duty, Seat};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

/// A peer whose request a worker serves.
pub(crate) struct Peer<'a> {
    pub shared: &'a Arc<Shared>,
    pub seat: &'a Seat,
    pub link: &'a Arc<Link>,
    /// Where this request counts as running, unless it waits.
    pub gate: Option<&'a Gate<Call>>,
}

impl Peer<'_> {
    /// Receives at least one byte, or 0 at the end; `before_waiting` runs once if nothing is there.
    pub fn receive(
        &self,
        buf: &mut [u8],
        before_waiting: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<usize> {
        if let Some(count) = self.link.receive(buf)? {
            return Ok(count);
        }
        before_waiting()?;
        let timeout = self.shared.config.body_timeout;
        self.retry(Readiness::Readable, timeout, || self.link.receive(buf))
    }

    /// Sends everything.
    pub fn send_all(&self, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut pieces, 0); // drops empty ones
        while !pieces.is_empty() {
            let count = match self.link.send(pieces)? {
                Some(count) => count,
                None => {
                    let timeout = self.shared.config.write_timeout;
                    self.retry(Readiness::Writable, timeout, || self.link.send(pieces))?
                }
            };
            IoSlice::advance_slices(&mut pieces, count);
        }
        Ok(())
    }

    /// Tries again whenever the peer is ready. The time is up when it has passed and another try
    /// found nothing all the same: a frozen process must not blame its peer.
    fn retry(
        &self,
        readiness: Readiness,
        timeout: Duration,
        mut attempt: impl FnMut() -> io::Result<Option<usize>>,
    ) -> io::Result<usize> {
        let clock = &self.shared.clock;
        let deadline = clock.now().after(timeout);
        loop {
            let now = clock.now();
            if let Some(count) = attempt()? {
                return Ok(count);
            }
            if now >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.wait(readiness, deadline)?;
        }
    }

    fn wait(&self, readiness: Readiness, deadline: Moment) -> io::Result<()> {
        let shared = self.shared;
        shared.pool.will_block(self.seat);
        if let Some((gate, next)) = self.gate.and_then(|gate| Some((gate, gate.leave()?))) {
            self.hand_over(gate, next);
        }
        shared.stalls.enter(self.link, shared.clock.now());
        let waited = self.wait_in_steps(readiness, deadline);
        shared.stalls.leave(self.link);
        if let Some(gate) = self.gate {
            gate.reenter();
        }
        waited
    }

    fn wait_in_steps(&self, readiness: Readiness, deadline: Moment) -> io::Result<()> {
        let clock = &self.shared.clock;
        loop {
            let began = clock.now();
            let step = deadline.since(began).min(STEP);
            let is_ready = self.link.wait(readiness, step)?;
            clock.waited(began, step);
            if is_ready || clock.now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Somebody else runs the call that may run now.
    fn hand_over(&self, gate: &Gate<Call>, call: Call) {
        if let Err(Duty::Work(Job::Call(call))) = self.shared.pool.summon(Duty::Work(Job::Call(call))) {
            gate.retreat(call);
        }
    }
}
