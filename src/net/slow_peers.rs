//! Peers that a worker is blocked on. Their calls do not count as running, so their number is limited here:
//! beyond the limit the one that makes the least progress is cut.

use crate::clock::{Clock, Moment, STEP, Tally};
use crate::contain::report;
use crate::net::socket::Socket;
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering};
use log::Level;
use std::mem;
use std::time::Duration;

/// It stays below the platform's 1,024 threads with everything else that may be there.
pub(crate) const MAX_SLOW_PEERS: usize = 512;

/// What the others wait for in one piece, and no more than such a part of their time: those that keep it may leave
/// meanwhile, and until the next one takes their place it stands.
const LONG_STEP: Duration = Duration::from_secs(1);
const LONG_STEPS: u32 = 8;

/// Credit of every peer, so that one who has only begun does not look slow: what a socket has at once.
const CREDIT: u64 = 64 * 1024;

/// So many waits are in short steps, and keep the time for all: thousands of threads that wake up for it would take more
/// than they give.
const TIMEKEEPERS: usize = 8;

#[derive(Default)]
pub(crate) struct SlowPeers {
    waited_for: Mutex<Vec<Arc<SlowPeer>>>,
    timekeepers: AtomicUsize,
    cut: Tally,
}

/// A peer that was waited for in the present request, and how it has gone on since. What the system took
/// before says nothing of that.
pub(crate) struct SlowPeer {
    socket: Arc<Socket>,
    since: Moment,
    moved: AtomicU64,
}

/// A peer is waited for until this is dropped.
pub(crate) struct WaitedFor<'a> {
    peers: &'a SlowPeers,
    peer: &'a Arc<SlowPeer>,
    has_waited: bool,
    keeps_time: bool,
}

impl SlowPeer {
    pub(crate) fn new(socket: Arc<Socket>, now: Moment) -> Arc<SlowPeer> {
        Arc::new(SlowPeer { socket, since: now, moved: AtomicU64::new(0) })
    }

    /// So many bytes went in either direction.
    pub(crate) fn moved(&self, count: usize) {
        self.moved.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Bytes per second since it was first waited for; the fewer, the sooner it is cut.
    fn rate(&self, now: Moment) -> u64 {
        let waited = now.since(self.since).as_millis() as u64;
        (self.moved.load(Ordering::Relaxed) + CREDIT).saturating_mul(1000) / (waited + 1000)
    }
}

impl SlowPeers {
    /// A worker is about to wait for this peer.
    pub(crate) fn wait_for<'a>(&'a self, peer: &'a Arc<SlowPeer>, clock: &Clock) -> WaitedFor<'a> {
        let mut waited_for = self.waited_for.lock();
        waited_for.push(peer.clone());
        let is_one_too_many = waited_for.len() > MAX_SLOW_PEERS;
        if is_one_too_many {
            cut_slowest(&mut waited_for, clock.now());
        }
        drop(waited_for);
        let waited_for = WaitedFor { peers: self, peer, has_waited: false, keeps_time: false };
        if is_one_too_many && let Some(count) = self.cut.add(clock, 1) {
            report!(Level::Warn, "over {MAX_SLOW_PEERS} slow peers: {count} cut");
        }
        waited_for
    }

    #[cfg(test)]
    pub(crate) fn waited_for(&self) -> usize {
        self.waited_for.lock().len()
    }
}

fn cut_slowest(waited_for: &mut Vec<Arc<SlowPeer>>, now: Moment) {
    let rates = waited_for.iter().map(|peer| peer.rate(now)).enumerate();
    if let Some((slowest, _)) = rates.min_by_key(|(_, rate)| *rate) {
        waited_for.swap_remove(slowest).socket.cut(); // under the lock, where it is still waited for
    }
}

impl WaitedFor<'_> {
    /// How long the next step of a wait for so long may be. The first one is short: the system may have room again just
    /// after it had none, and that is not to be found at the end of the time.
    pub(crate) fn step(&mut self, timeout: Duration) -> Duration {
        let timekeepers = &self.peers.timekeepers;
        let has_waited = mem::replace(&mut self.has_waited, true);
        if !self.keeps_time {
            let more = |count| (count < TIMEKEEPERS).then_some(count + 1);
            self.keeps_time = timekeepers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok();
        }
        if self.keeps_time || !has_waited { STEP } else { LONG_STEP.min(timeout / LONG_STEPS) }
    }
}

impl Drop for WaitedFor<'_> {
    fn drop(&mut self) {
        if self.keeps_time {
            self.peers.timekeepers.fetch_sub(1, Ordering::SeqCst);
        }
        let mut waited_for = self.peers.waited_for.lock();
        if let Some(at) = waited_for.iter().position(|other| Arc::ptr_eq(other, self.peer)) {
            waited_for.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn at(milliseconds: u64) -> Moment {
        Moment::default().plus(Duration::from_millis(milliseconds))
    }

    fn peer(now: Moment) -> Arc<SlowPeer> {
        SlowPeer::new(Arc::new(Socket::pair().0), now)
    }

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn of_two_that_move_nothing_the_older_one_goes() {
        let (stuck, newcomer) = (peer(at(1000)), peer(at(1100)));
        assert!(stuck.rate(at(1150)) < newcomer.rate(at(1150)));
    }

    #[test]
    fn who_moves_nothing_goes_before_who_moves_something() {
        let (stuck, moving) = (peer(at(1000)), peer(at(1000)));
        moving.moved(10_000);
        assert!(stuck.rate(at(9000)) < moving.rate(at(9000)));
    }

    #[test]
    fn beyond_the_limit_the_slowest_is_cut_and_the_rest_is_not() {
        let (peers, clock) = (SlowPeers::default(), Clock::for_test());
        let slowest = peer(at(0));
        clock.advance(Duration::from_secs(5));
        let others: Vec<_> = (0..MAX_SLOW_PEERS).map(|_| peer(at(5000))).collect();
        let _slowest = peers.wait_for(&slowest, &clock);
        let _others: Vec<_> = others.iter().map(|peer| peers.wait_for(peer, &clock)).collect();
        assert!(slowest.socket.has_arrived(), "its end");
        let waited_for = peers.waited_for.lock();
        assert_eq!(waited_for.len(), MAX_SLOW_PEERS);
        assert!(!waited_for.iter().any(|peer| Arc::ptr_eq(peer, &slowest)));
    }

    #[test]
    fn a_few_keep_the_time_for_all_whoever_leaves() {
        let (peers, clock) = (SlowPeers::default(), Clock::for_test());
        let all: Vec<_> = (0..3 * TIMEKEEPERS).map(|_| peer(at(0))).collect();
        let mut waits: Vec<_> = all.iter().map(|peer| peers.wait_for(peer, &clock)).collect();
        waits.iter_mut().for_each(|wait| assert_eq!(wait.step(TIMEOUT), STEP, "the first one"));
        while !waits.is_empty() {
            let timekeepers =
                waits.iter_mut().filter_map(|wait| (wait.step(TIMEOUT) == STEP).then_some(())).count();
            assert_eq!(timekeepers, TIMEKEEPERS.min(waits.len()));
            waits.remove(0);
        }
    }

    #[test]
    fn a_panic_ends_the_wait() {
        let (peers, peer) = (SlowPeers::default(), peer(at(0)));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _waited_for = peers.wait_for(&peer, &Clock::for_test());
            panic!("while it is waited for");
        }));
        assert!(outcome.is_err());
        assert_eq!(peers.waited_for(), 0);
    }
}
