//! Those peers for which a worker is blocked. They do not count as running calls, but their number
//! is limited: beyond it the one that makes the least progress is cut.

use crate::clock::Moment;
use crate::link::Link;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// With 256 running calls this leaves room below the platform's 1,024 threads.
const MAX_STALLED: usize = 512;

#[derive(Default)]
pub(crate) struct Stalls {
    links: Mutex<Vec<Arc<Link>>>,
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
        let slowest = links.iter().enumerate().min_by_key(|(_, link)| link.rate(now));
        if let Some((at, _)) = slowest {
            links.swap_remove(at).cut();
            log::warn!("over {MAX_STALLED} peers are waited for: the slowest one is cut");
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
