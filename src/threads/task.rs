//! What a worker that was woken or made is to do.

use crate::sync::{Arc, AtomicUsize, Ordering};

/// A worker's next step. What `Work` is, only the pool's user knows.
#[derive(Debug)]
pub(crate) enum Task<T> {
    /// Wait for events, and drop this when there is one.
    Wait(Waiting),
    Work(T),
    /// End the thread.
    Leave,
}

/// Somebody waits for events, or is about to: it counts before it does, and until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

/// How many wait for events.
#[derive(Default)]
pub(super) struct WaitingCount(Arc<AtomicUsize>);

impl WaitingCount {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// One more, however many there are.
    pub(super) fn add(&self) -> Waiting {
        self.0.fetch_add(1, Ordering::SeqCst);
        Waiting(self.0.clone())
    }

    /// One more, unless `is_enough` says of how many there are that they are enough.
    pub(super) fn add_unless(&self, is_enough: impl Fn(usize) -> bool) -> Option<Waiting> {
        let add = |count| (!is_enough(count)).then_some(count + 1);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).ok()?;
        Some(Waiting(self.0.clone()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_panic_ends_the_wait_that_was_promised() {
        let count = WaitingCount::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _waiting = count.add();
            assert_eq!(count.get(), 1);
            panic!("before it waited");
        }));
        assert!(outcome.is_err());
        assert_eq!(count.get(), 0);
    }
}
