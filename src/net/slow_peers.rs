//! Those peers for which a worker is blocked. They do not count as running calls, but their number
//! is limited: beyond it the one that makes the least progress is cut.

use crate::clock::Moment;
use crate::net::socket::Link;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// With 256 running calls this leaves room below the platform's 1,024 threads.
const MAX_STALLED: usize = 512;

#[derive(Default)]
pub(crate) struct Stalls {
    links: Mutex<Vec<Arc<Link>>>,
    cut: AtomicU64,
    /// When that was logged last.
    logged: AtomicU64,
}

impl Stalls {
    /// A worker is about to wait for this peer.
    pub fn enter(&self, link: &Arc<Link>, now: Moment) {
        link.stalls(now);
        let mut links = self.lock();
        links.push(link.clone());
        if links.len() <= MAX_STALLED {
            return;
        }
        let slowest = links.iter().enumerate().min_by_key(|(_, link)| link.rate(now)).map(|(at, _)| at);
        if let Some(at) = slowest {
            links.swap_remove(at).cut(); // here, where it is still waited for
            drop(links);
            self.log_cut(now);
        }
    }

    /// At most once a second: there may be thousands of them.
    fn log_cut(&self, now: Moment) {
        let count = self.cut.fetch_add(1, Ordering::Relaxed) + 1;
        let last = self.logged.load(Ordering::Relaxed);
        let is_due = last == 0 || now.since(Moment(last)) >= Duration::from_secs(1);
        if is_due
            && self.logged.compare_exchange(last, now.0.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            log::warn!("over {MAX_STALLED} peers are waited for: the slowest are cut, {count} so far");
        }
    }

    /// It does not wait any more.
    pub fn leave(&self, link: &Arc<Link>) {
        let mut links = self.lock();
        if let Some(at) = links.iter().position(|other| Arc::ptr_eq(other, link)) {
            links.swap_remove(at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
