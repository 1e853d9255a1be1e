//! Peers that a worker is blocked on. Their calls do not count as running, so their number is limited here:
//! beyond the limit the one that makes the least progress is cut.

use crate::clock::Moment;
use crate::net::socket::Socket;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};
use std::time::Duration;

/// It stays below the platform's 1,024 threads with everything else that may be there.
pub(crate) const MAX_SLOW_PEERS: usize = 512;

/// Credit of every peer, so that one who has only begun does not look slow: what a socket has at once.
const CREDIT: u64 = 64 * 1024;

/// The log line about cut peers comes so often: there may be thousands of them.
const LOG_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct SlowPeers {
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    waited_for: Vec<Arc<SlowPeer>>,
    cut: u64,
    logged: Option<Moment>,
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
    pub(crate) fn wait_for<'a>(&'a self, peer: &'a Arc<SlowPeer>, now: Moment) -> WaitedFor<'a> {
        let mut inside = self.inside.lock();
        inside.waited_for.push(peer.clone());
        let cut = if inside.waited_for.len() > MAX_SLOW_PEERS { inside.cut_slowest(now) } else { None };
        drop(inside);
        let waited_for = WaitedFor { peers: self, peer };
        if let Some(count) = cut {
            log::warn!("over {MAX_SLOW_PEERS} slow peers: {count} cut so far");
        }
        waited_for
    }

    #[cfg(test)]
    pub(crate) fn waited_for(&self) -> usize {
        self.inside.lock().waited_for.len()
    }
}

impl Inside {
    /// Returns how many were cut so far when that is to be logged.
    fn cut_slowest(&mut self, now: Moment) -> Option<u64> {
        let rates = self.waited_for.iter().map(|peer| peer.rate(now)).enumerate();
        let (slowest, _) = rates.min_by_key(|(_, rate)| *rate)?;
        self.waited_for.swap_remove(slowest).socket.cut(); // under the lock, where it is still waited for
        self.cut += 1;
        if self.logged.is_some_and(|logged| now.since(logged) < LOG_EVERY) {
            return None;
        }
        self.logged = Some(now);
        Some(self.cut)
    }
}

impl Drop for WaitedFor<'_> {
    fn drop(&mut self) {
        let mut inside = self.peers.inside.lock();
        if let Some(at) = inside.waited_for.iter().position(|other| Arc::ptr_eq(other, self.peer)) {
            inside.waited_for.swap_remove(at);
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
        let peers = SlowPeers::default();
        let slowest = peer(at(0));
        let others: Vec<_> = (0..MAX_SLOW_PEERS).map(|_| peer(at(5000))).collect();
        let _slowest = peers.wait_for(&slowest, at(5000));
        let _others: Vec<_> = others.iter().map(|peer| peers.wait_for(peer, at(5000))).collect();
        assert!(slowest.socket.has_arrived(), "its end");
        let inside = peers.inside.lock();
        assert_eq!((inside.waited_for.len(), inside.cut), (MAX_SLOW_PEERS, 1));
        assert!(!inside.waited_for.iter().any(|peer| Arc::ptr_eq(peer, &slowest)));
    }

    #[test]
    fn a_panic_ends_the_wait() {
        let (peers, peer) = (SlowPeers::default(), peer(at(0)));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _waited_for = peers.wait_for(&peer, at(0));
            panic!("while it is waited for");
        }));
        assert!(outcome.is_err());
        assert!(peers.inside.lock().waited_for.is_empty());
    }
}
