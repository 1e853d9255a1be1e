//! Code that may hang, and that somebody waits for no longer than so long.

use crate::clock::{Allowance, Clock};
use crate::sync::{Arc, OnceEvent, spawn};
use std::time::Duration;

/// Runs `code` on a thread of its own; whether it was done within `timeout`, in which a freeze does not count. Without a thread to spare it
/// runs on this one, for as long as it takes.
pub(crate) fn run_aside(
    name: &str,
    stack_size: usize,
    clock: &Clock,
    timeout: Duration,
    code: impl Fn() + Clone + Send + 'static,
) -> bool {
    let done = Arc::new(OnceEvent::default());
    let (aside, is_done) = (code.clone(), done.clone());
    let spawned = spawn(name, stack_size, move || {
        let _done = SetWhenDropped(is_done);
        let aside = aside; // gone before it counts as done, with what it took along
        aside();
    });
    match spawned {
        Ok(_) => {
            let mut time = Allowance::of(timeout);
            while !time.left().is_zero() && !time.spend(clock, |step| done.wait_timeout(step)) {}
            done.has_happened()
        }
        Err(_) => {
            code();
            true
        }
    }
}

/// Code that panics is done too.
struct SetWhenDropped(Arc<OnceEvent>);

impl Drop for SetWhenDropped {
    fn drop(&mut self) {
        self.0.set();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{STACK_SIZE, bounded};

    const WATCHDOG: Duration = Duration::from_secs(30);

    #[test]
    fn code_that_returns_or_panics_is_done() {
        assert!(run_aside("returns", STACK_SIZE, &Clock::new(), WATCHDOG, || ()));
        assert!(run_aside("panics", STACK_SIZE, &Clock::new(), WATCHDOG, || panic!("aside")));
    }

    #[test]
    fn code_that_hangs_is_left_alone() {
        let (go_on, may_go_on) = bounded::<()>(1);
        assert!(!run_aside("hangs", STACK_SIZE, &Clock::new(), Duration::ZERO, move || {
            let _ = may_go_on.recv(); // until the test is over
        }));
        drop(go_on);
    }
}
