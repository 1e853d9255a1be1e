//! The workers there are: how many, how many there may be, when each began the code that it runs, and what they have
//! counted.

use crate::clock::Moment;
use crate::counters::{Counters, Totals};
use crate::sync::{Arc, AtomicU64, Condvar, Mutex, Ordering};
use std::mem;
use std::time::Duration;

pub(super) struct WorkerSlots {
    limit: usize,
    workers: Mutex<Workers>,
    vacated: Condvar,
}

#[derive(Default)]
struct Workers {
    present: Vec<Arc<Worker>>,
    /// What those have counted that have left.
    left: Totals,
}

/// What others see of a worker.
#[derive(Default)]
struct Worker {
    stopwatch: Stopwatch,
    counters: Counters,
}

/// A worker's place among them; the worker counts before its thread runs, and until this is dropped.
pub(crate) struct WorkerSlot {
    slots: Arc<WorkerSlots>,
    worker: Arc<Worker>,
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
        WorkerSlots { limit, workers: Mutex::default(), vacated: Condvar::default() }
    }

    /// A place for one more worker, unless there are as many as there may be.
    pub(super) fn take(self: &Arc<Self>) -> Option<WorkerSlot> {
        let mut workers = self.workers.lock();
        if workers.present.len() >= self.limit {
            return None;
        }
        let worker = Arc::<Worker>::default();
        workers.present.push(worker.clone());
        Some(WorkerSlot { slots: self.clone(), worker })
    }

    pub(super) fn for_each(&self, look: impl FnMut(&Stopwatch)) {
        self.workers.lock().present.iter().map(|worker| &worker.stopwatch).for_each(look);
    }

    /// What all workers have counted that there are and were.
    pub(super) fn totals(&self) -> Totals {
        let workers = self.workers.lock();
        workers.present.iter().fold(workers.left.clone(), |totals, worker| totals.plus(&worker.counters))
    }

    /// Waits until at most `count` workers are left, for `timeout` at the most.
    pub(super) fn wait_for_vacancy(&self, count: usize, timeout: Duration) {
        let workers = self.workers.lock();
        let is_taken = |workers: &mut Workers| workers.present.len() > count;
        drop(self.vacated.wait_timeout_while(workers, timeout, is_taken));
    }

    pub(super) fn taken(&self) -> usize {
        self.workers.lock().present.len()
    }
}

impl WorkerSlot {
    pub(super) fn stopwatch(&self) -> &Stopwatch {
        &self.worker.stopwatch
    }

    /// Of the worker's own thread alone.
    pub(crate) fn counters(&self) -> &Counters {
        &self.worker.counters
    }
}

impl Drop for WorkerSlot {
    fn drop(&mut self) {
        let mut workers = self.slots.workers.lock();
        workers.present.retain(|other| !Arc::ptr_eq(other, &self.worker));
        workers.left = mem::take(&mut workers.left).plus(&self.worker.counters);
        drop(workers);
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
    fn what_a_worker_has_counted_outlives_it() {
        let slots = Arc::new(WorkerSlots::new(2));
        let (one, other) = (slots.take().unwrap(), slots.take().unwrap());
        one.counters().received(3);
        other.counters().received(40);
        assert_eq!(slots.totals().bytes_received, 43);
        drop(one);
        assert_eq!(slots.totals().bytes_received, 43);
        let third = slots.take().unwrap();
        third.counters().received(500);
        drop((other, third));
        assert_eq!(slots.totals().bytes_received, 543);
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
