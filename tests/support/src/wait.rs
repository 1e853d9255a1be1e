//! Waits for what has no event of its own, each with a watchdog. What has one is waited for where it happens.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
pub const WATCHDOG: Duration = Duration::from_secs(30);

/// How often a condition is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Waits until `condition` gives a value, for `limit` at the most.
pub fn eventually_within<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        thread::park_timeout(ASK_EVERY);
    }
}

pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_within(WATCHDOG, what, condition)
}

pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, || condition().then_some(()));
}
