//! How much memory does an instance take, and is that more than it may? What happens to one that takes too
//! much is decided elsewhere.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::procfs;
use crate::sync::Mutex;

/// How often new processes of the instance are looked for.
const MEMBERS_EVERY: Duration = Duration::from_millis(500);

/// How often what is in use is told.
const TOLD_EVERY: Duration = Duration::from_millis(250);

const MEGABYTE: u64 = 1024 * 1024;

pub struct Memory {
    leader: Pid,
    limit: u64,
    peak: AtomicU64,
    exceeded: AtomicBool,
    members: Mutex<Members>,
}

/// The processes of the instance as they were last looked for.
struct Members {
    pids: Vec<Pid>,
    looked_at: Option<Instant>,
    told_at: Option<Instant>,
}

impl Memory {
    pub fn new(leader: Pid, limit_mb: u64) -> Memory {
        Memory {
            leader,
            limit: limit_mb * MEGABYTE,
            peak: AtomicU64::new(0),
            exceeded: AtomicBool::new(false),
            members: Mutex::new(Members { pids: vec![leader], looked_at: None, told_at: None }),
        }
    }

    /// Looks at the processes that `find` finds; true the first time that they are over their limit.
    pub fn sample(&self, now: Instant, find: impl FnOnce() -> Vec<Pid>) -> bool {
        let used = {
            let mut members = self.members.lock();
            if members.is_due(now) {
                (members.pids, members.looked_at) = (find(), Some(now));
            }
            members.used()
        };
        self.peak.fetch_max(used, Ordering::Relaxed);
        used > self.limit && !self.exceeded.swap(true, Ordering::SeqCst)
    }

    /// What is in use now, in MB; `None` when that was told a moment ago.
    pub fn in_use_mb(&self, now: Instant) -> Option<f64> {
        let mut members = self.members.lock();
        if members.told_at.is_some_and(|last| now.saturating_duration_since(last) < TOLD_EVERY) {
            return None;
        }
        members.told_at = Some(now);
        let bytes: u64 = members.pids.iter().map(|pid| procfs::resident(*pid)).sum();
        Some(bytes as f64 / MEGABYTE as f64)
    }

    /// The most seen so far, in MB, the leader's own peak included while it lives.
    pub fn peak_mb(&self) -> f64 {
        self.peak.fetch_max(procfs::peak(self.leader), Ordering::Relaxed);
        self.peak.load(Ordering::Relaxed) as f64 / MEGABYTE as f64
    }

    pub fn limit_mb(&self) -> u64 {
        self.limit / MEGABYTE
    }
}

impl Members {
    fn is_due(&self, now: Instant) -> bool {
        self.looked_at.is_none_or(|last| now.saturating_duration_since(last) > MEMBERS_EVERY)
    }

    /// Bytes in use by all of them.
    fn used(&self) -> u64 {
        match self.pids.as_slice() {
            // The kernel remembers the peak of a single process, also between two looks.
            [only] => procfs::peak(*only),
            all => all.iter().map(|pid| procfs::resident(*pid)).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::getpid;

    use super::*;

    fn of_this_process(limit_mb: u64) -> Memory {
        Memory::new(getpid(), limit_mb)
    }

    #[test]
    fn a_limit_is_exceeded_once() {
        let memory = of_this_process(0);
        memory.members.lock().looked_at = Some(Instant::now());
        let now = Instant::now();
        let sample = || memory.sample(now, || unreachable!("it is not due"));
        assert_eq!([sample(), sample()], [true, false]);
        assert!(memory.peak_mb() > 0.0);
    }

    #[test]
    fn what_is_within_the_limit_is_no_more_than_measured() {
        let memory = of_this_process(1 << 20);
        assert!(!memory.sample(Instant::now(), || vec![getpid()]));
        assert_eq!(memory.limit_mb(), 1 << 20);
    }

    #[test]
    fn members_are_looked_for_at_the_first_look_and_then_seldom() {
        let start = Instant::now();
        let members = |looked_at| Members { pids: Vec::new(), looked_at, told_at: None };
        assert!(members(None).is_due(start));
        for (after, due) in [(0, false), (500, false), (501, true)] {
            assert_eq!(members(Some(start)).is_due(start + Duration::from_millis(after)), due, "{after} ms");
        }
    }
}
