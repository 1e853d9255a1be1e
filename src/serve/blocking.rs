//! A worker that blocks on a peer: for how long it lets itself be held up, and who does its share meanwhile.

use crate::clock::Clock;
use crate::net::{Readiness, SlowPeer, SlowPeers, Socket, WaitedFor};
use crate::serve::connection::{Connection, PendingCall};
use crate::sync::Arc;
use crate::threads::{Permit, Pool, Suspended, WorkerSlot};
use std::cell::OnceCell;
use std::io::{self, IoSlice};
use std::time::Duration;

/// What all of a server's waits for peers have in common.
pub(super) struct Waits {
    clock: Arc<Clock>,
    pool: Arc<Pool<Box<Connection>>>,
    slow_peers: SlowPeers,
    /// How long a peer may send nothing of a body.
    body_timeout: Duration,
    /// How long a peer may take nothing of a response.
    write_timeout: Duration,
}

impl Waits {
    pub(super) fn new(
        clock: Arc<Clock>,
        pool: Arc<Pool<Box<Connection>>>,
        body_timeout: Duration,
        write_timeout: Duration,
    ) -> Waits {
        Waits { clock, pool, slow_peers: SlowPeers::default(), body_timeout, write_timeout }
    }

    /// How many peers are waited for now.
    #[cfg(test)]
    pub(super) fn waited_for(&self) -> usize {
        self.slow_peers.waited_for()
    }
}

/// The peer of one request, as the worker that serves it sends and receives.
pub(super) struct BlockingIo<'a> {
    waits: &'a Waits,
    socket: &'a Arc<Socket>,
    slot: &'a WorkerSlot,
    /// The call's place among those that run, which it leaves while it waits.
    permit: Option<&'a Permit<PendingCall>>,
    /// Since it was first waited for in this request.
    slow: OnceCell<Arc<SlowPeer>>,
    /// When every wait in this request is over, also one in which the peer makes progress.
    #[cfg(feature = "internals")]
    end: std::cell::Cell<Option<crate::clock::Moment>>,
}

impl<'a> BlockingIo<'a> {
    pub(super) fn new(
        waits: &'a Waits,
        socket: &'a Arc<Socket>,
        slot: &'a WorkerSlot,
        permit: Option<&'a Permit<PendingCall>>,
    ) -> BlockingIo<'a> {
        BlockingIo {
            waits,
            socket,
            slot,
            permit,
            slow: OnceCell::new(),
            #[cfg(feature = "internals")]
            end: std::cell::Cell::default(),
        }
    }

    /// Ends all waits for the peer in `time` from now.
    #[cfg(feature = "internals")]
    pub(super) fn end_waits_in(&self, time: Duration) {
        self.end.set(Some(self.waits.clock.now().plus(time)));
    }

    pub(super) fn socket(&self) -> &Arc<Socket> {
        self.socket
    }

    /// Receives at least one byte, or 0 at the end; `before_waiting` runs once if nothing is there.
    pub(super) fn receive(
        &self,
        buf: &mut [u8],
        before_waiting: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<usize> {
        if let Some(count) = self.socket.receive(buf)? {
            self.moved(count);
            return Ok(count);
        }
        before_waiting()?;
        self.retry(Readiness::Readable, self.waits.body_timeout, || self.socket.receive(buf))
    }

    /// Sends everything.
    pub(super) fn send_all(&self, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut pieces, 0); // drops empty ones
        while !pieces.is_empty() {
            let count = match self.socket.send(pieces)? {
                Some(count) => {
                    self.moved(count);
                    count
                }
                None => {
                    self.retry(Readiness::Writable, self.waits.write_timeout, || self.socket.send(pieces))?
                }
            };
            self.slot.counters().sent(count);
            IoSlice::advance_slices(&mut pieces, count);
        }
        Ok(())
    }

    /// Progress counts from the first wait on.
    fn moved(&self, count: usize) {
        if let Some(slow) = self.slow.get() {
            slow.moved(count);
        }
    }

    fn retry(
        &self,
        readiness: Readiness,
        timeout: Duration,
        attempt: impl FnMut() -> io::Result<Option<usize>>,
    ) -> io::Result<usize> {
        let mut waiting = None;
        let wait = |left: Duration| {
            self.waits.pool.will_block(self.slot); // there may not have been a thread for it before
            let (_, waited_for) = waiting.get_or_insert_with(|| self.begin_waiting());
            self.socket.wait(readiness, left.min(waited_for.step(timeout))).map(drop)
        };
        #[cfg(feature = "internals")]
        let (timeout, is_last) = match self.end.get().map(|end| end.since(self.waits.clock.now())) {
            Some(left) if left < timeout => (left, true),
            _ => (timeout, false),
        };
        let count = retry(&self.waits.clock, timeout, attempt, wait);
        // It is not the peer that took too long.
        #[cfg(feature = "internals")]
        let count = count.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut if is_last => io::ErrorKind::WouldBlock.into(),
            _ => error,
        });
        let count = count?;
        self.moved(count);
        Ok(count)
    }

    /// What is held for as long as the peer is waited for.
    fn begin_waiting(&self) -> (Option<Suspended<'a, PendingCall>>, WaitedFor<'_>) {
        let Waits { clock, slow_peers, .. } = self.waits;
        let suspended = self.permit.map(Permit::suspend);
        let slow = self.slow.get_or_init(|| SlowPeer::new(self.socket.clone(), clock.now()));
        (suspended, slow_peers.wait_for(slow, clock))
    }
}

/// Tries again whenever `wait` has waited for the peer, for no longer than it is told: what is left. A peer may be
/// waited for in steps, so that a freeze in between is noticed, and so is a peer that takes less than what the system
/// calls ready. The time is up when it has passed and another try found nothing all the same.
fn retry(
    clock: &Clock,
    timeout: Duration,
    mut attempt: impl FnMut() -> io::Result<Option<usize>>,
    mut wait: impl FnMut(Duration) -> io::Result<()>,
) -> io::Result<usize> {
    let deadline = clock.now().plus(timeout);
    loop {
        let now = clock.now();
        if let Some(count) = attempt()? {
            return Ok(count);
        }
        if now >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        wait(deadline.since(now))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use std::cell::Cell;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMEOUT: Duration = Duration::from_secs(10);

    /// Attempts of which the one with this number gives something, over waits that go as told; the outcome,
    /// and how many attempts there were.
    fn outcome(clock: &Clock, gives: u32, wait: impl Fn(Duration)) -> (io::Result<usize>, u32) {
        let attempts = Cell::new(0);
        let attempt = || {
            attempts.set(attempts.get() + 1);
            Ok((attempts.get() == gives).then_some(7))
        };
        let outcome = retry(clock, TIMEOUT, attempt, |left| {
            wait(left);
            Ok(())
        });
        (outcome, attempts.get())
    }

    fn is_timed_out(outcome: &io::Result<usize>) -> bool {
        outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    #[test]
    fn a_peer_that_is_silent_for_the_whole_time_is_given_up_after_one_more_attempt() {
        let clock = Clock::for_test();
        let (outcome, attempts) = outcome(&clock, 0, |left| clock.advance(left.min(SECOND)));
        assert!(is_timed_out(&outcome), "{outcome:?}");
        assert_eq!(attempts, 11, "one after each step, of which the last one ends with the time");
        assert_eq!(clock.now().since(Moment::default()), TIMEOUT);
    }

    #[test]
    fn what_came_at_the_last_moment_counts() {
        let clock = Clock::for_test();
        let (outcome, _) = outcome(&clock, 2, |left| clock.advance(left));
        assert_eq!(outcome.unwrap(), 7);
    }

    #[test]
    fn a_peer_that_is_ready_is_tried_at_once() {
        let clock = Clock::for_test();
        let (outcome, attempts) = outcome(&clock, 4, |_| ());
        assert_eq!((outcome.unwrap(), attempts), (7, 4));
    }

    #[test]
    fn a_freeze_longer_than_every_limit_does_not_count_against_the_peer() {
        let clock = Clock::for_test();
        let is_first = Cell::new(true);
        let (outcome, _) = outcome(&clock, 3, |left| {
            // Hours pass in the first wait; then the peer takes nearly all of its time.
            if is_first.replace(false) {
                return clock.freeze(3600 * SECOND);
            }
            clock.advance(left - SECOND);
        });
        assert_eq!(outcome.unwrap(), 7);
    }

    #[test]
    fn many_freezes_shorter_than_the_limit_do_not_count_either() {
        for freeze in [SECOND / 5, SECOND / 2, 5 * SECOND] {
            let (clock, freezes) = (Clock::for_test(), Cell::new(0));
            let (outcome, _) = outcome(&clock, 101, |_| {
                freezes.set(freezes.get() + 1);
                clock.freeze(freeze);
            });
            assert_eq!((outcome.unwrap(), freezes.get()), (7, 100), "{freeze:?}");
        }
    }
}
