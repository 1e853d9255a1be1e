//! Waits, each with a watchdog.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
pub const WATCHDOG: Duration = Duration::from_secs(30);

/// Waits for something that has no event of its own.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < WATCHDOG, "not within {WATCHDOG:?}: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}
