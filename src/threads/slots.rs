//! The workers there are: how many, how many there may be, and when each began the code that it runs.

use crate::clock::Moment;
use crate::sync::{Arc, AtomicU64, Condvar, Mutex, Ordering};
use std::time::Duration;

pub(super) struct WorkerSlots {
    limit: usize,
    stopwatches: Mutex<Vec<Arc<Stopwatch>>>,
    vacated: Condvar,
}

/// A worker's place among them; the worker counts before its thread runs, and until this is dropped.
pub(crate) struct WorkerSlot {
    slots: Arc<WorkerSlots>,
    stopwatch: Arc<Stopwatch>,
}

/// When a worker began code that is watched; 0 when it runs none.
#[derive(Default)]
pub(super) struct Stopwatch(AtomicU64);

impl Stopwatch {
    pub(super) fn start(&self, now: Moment) {
        self.0.store(now.to_nonzero_bits(), Ordering::SeqCst);
    }

    pub(super) fn stop(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    pub(super) fn started(&self) -> Option<Moment> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            bits => Some(Moment::from_bits(bits)),
        }
    }

    /// Stops the run that began then; false when that one is over.
    pub(super) fn stop_run_of(&self, started: Moment) -> bool {
        let bits = started.to_nonzero_bits();
        self.0.compare_exchange(bits, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl WorkerSlots {
    pub(super) fn new(limit: usize) -> WorkerSlots {
        WorkerSlots { limit, stopwatches: Mutex::default(), vacated: Condvar::default() }
    }

    /// A place for one more worker, unless there are as many as there may be.
    pub(super) fn take(self: &Arc<Self>) -> Option<WorkerSlot> {
        let mut stopwatches = self.stopwatches.lock();
        if stopwatches.len() >= self.limit {
            return None;
        }
        let stopwatch = Arc::<Stopwatch>::default();
        stopwatches.push(stopwatch.clone());
        Some(WorkerSlot { slots: self.clone(), stopwatch })
    }

    pub(super) fn for_each(&self, look: impl FnMut(&Stopwatch)) {
        self.stopwatches.lock().iter().map(Arc::as_ref).for_each(look);
    }

    /// Waits until at most `count` workers are left, for `timeout` at the most.
    pub(super) fn wait_for_vacancy(&self, count: usize, timeout: Duration) {
        let stopwatches = self.stopwatches.lock();
        drop(self.vacated.wait_timeout_while(stopwatches, timeout, |taken| taken.len() > count));
    }

    pub(super) fn taken(&self) -> usize {
        self.stopwatches.lock().len()
    }
}

impl WorkerSlot {
    pub(super) fn stopwatch(&self) -> &Stopwatch {
        &self.stopwatch
    }
}

impl Drop for WorkerSlot {
    fn drop(&mut self) {
        self.slots.stopwatches.lock().retain(|other| !Arc::ptr_eq(other, &self.stopwatch));
        self.slots.vacated.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_panic_vacates_the_slot() {
        let slots = Arc::new(WorkerSlots::new(1));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _slot = slots.take().expect("a free one");
            assert!(slots.take().is_none());
            panic!("in the worker");
        }));
        assert!(outcome.is_err());
        assert_eq!(slots.taken(), 0);
        assert!(slots.take().is_some());
    }

    #[test]
    fn a_run_that_is_over_is_not_stopped_in_the_next_ones_place() {
        let stopwatch = Stopwatch::default();
        let (first, second) = (Moment::default(), Moment::default().plus(Duration::from_secs(1)));
        stopwatch.start(first);
        let started = stopwatch.started().unwrap();
        stopwatch.start(second);
        assert!(!stopwatch.stop_run_of(started));
        assert_eq!(stopwatch.started(), Some(second));
        assert!(stopwatch.stop_run_of(second));
        assert_eq!(stopwatch.started(), None);
    }
}
