//! How much memory an instance takes, and whether that is more than it may.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::instance::procfs;
use crate::sync::Mutex;

/// Looking for new members of a group means reading all of /proc: seldom.
const MEMBERS_EVERY: Duration = Duration::from_millis(500);

pub struct Memory {
    group: Pid,
    limit: u64,
    peak: AtomicU64,
    exceeded: AtomicBool,
    members: Mutex<(Vec<i32>, Option<Instant>)>,
}

impl Memory {
    pub fn new(group: Pid, limit_mb: u64) -> Memory {
        let leader = group.as_raw_nonzero().get();
        Memory {
            group,
            limit: limit_mb * 1024 * 1024,
            peak: AtomicU64::new(0),
            exceeded: AtomicBool::new(false),
            members: Mutex::new((vec![leader], None)),
        }
    }

    /// Looks at the group; true the first time it is over its limit.
    pub fn sample(&self) -> bool {
        let mut members = self.members.lock();
        if members.1.is_none_or(|last| last.elapsed() > MEMBERS_EVERY) {
            *members = (procfs::group_members(self.group), Some(Instant::now()));
        }
        let now: u64 = match members.0.as_slice() {
            // The kernel remembers the peak of a single process, also between two looks.
            [only] => procfs::peak(*only),
            all => all.iter().map(|pid| procfs::resident(*pid)).sum(),
        };
        drop(members);
        self.peak.fetch_max(now, Ordering::Relaxed);
        now > self.limit && !self.exceeded.swap(true, Ordering::SeqCst)
    }

    /// The most seen so far, in MB, the leader's own peak included while it lives.
    pub fn peak_mb(&self) -> f64 {
        self.peak.fetch_max(procfs::peak(self.group.as_raw_nonzero().get()), Ordering::Relaxed);
        self.peak.load(Ordering::Relaxed) as f64 / (1024.0 * 1024.0)
    }

    pub fn limit_mb(&self) -> u64 {
        self.limit / (1024 * 1024)
    }
}
