//! Code that has lately been quick runs without somebody waiting in its stead: this notices within about a
//! millisecond when it is not quick this time. What the code is, and who waits instead, is not known here.

use crate::clock::{Clock, Moment};
use crate::sync::{Arc, AtomicBool, AtomicU32, OnceLock, Ordering, Thread, park, park_timeout};
use crate::threads::slots::{WorkerSlot, WorkerSlots};
use std::time::Duration;

/// A thread switch and its cache misses cost about 5 µs: below a few of those, waking a spare for a call
/// costs more than the call.
const QUICK: Duration = Duration::from_micros(20);

/// So many calls in a row have to be quick before the next one counts as quick.
pub(super) const QUICK_CALLS: u32 = 16;

/// How often the watchdog looks.
const TICK: Duration = Duration::from_millis(1);

/// From when on a call is late: well above what is quick, so that a thread that was switched out is not taken
/// for one.
const LATE: Duration = Duration::from_micros(100);

/// The watchdog goes to sleep after so many looks at nothing.
const IDLE_TICKS: u32 = 50;

pub(super) struct Watchdog {
    clock: Arc<Clock>,
    /// Calls that were quick, since the last one that was not.
    quick_calls: AtomicU32,
    /// Its own thread, once it has one.
    thread: OnceLock<Thread>,
    sleeps: AtomicBool,
}

/// A run of code on a worker, which is timed until this is dropped.
pub(crate) struct TimedRun<'a> {
    watchdog: &'a Watchdog,
    slot: &'a WorkerSlot,
    began: Moment,
    is_watched: bool,
}

/// What a look at all workers found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Workers in code that counts as quick and may still be.
    pub quick: usize,
    /// Those whose code turned out to be late just now.
    pub late: usize,
}

impl Watchdog {
    pub(super) fn new(clock: Arc<Clock>) -> Watchdog {
        Watchdog {
            clock,
            quick_calls: AtomicU32::new(0),
            thread: OnceLock::new(),
            sleeps: AtomicBool::new(true),
        }
    }

    /// Begins a timed run. One that counts as quick is watched.
    pub(super) fn begin_run<'a>(&'a self, slot: &'a WorkerSlot) -> TimedRun<'a> {
        let began = self.clock.elapsed();
        let is_watched = self.quick_calls.load(Ordering::Relaxed) >= QUICK_CALLS;
        if is_watched {
            slot.stopwatch().start(began);
        }
        TimedRun { watchdog: self, slot, began, is_watched }
    }

    /// Has the watchdog look from now on; true when it has no thread yet.
    pub(super) fn wake(&self) -> bool {
        if !self.sleeps.swap(false, Ordering::SeqCst) {
            return false;
        }
        match self.thread.get() {
            Some(thread) => {
                thread.unpark();
                false
            }
            None => true,
        }
    }

    /// Its thread is made.
    pub(super) fn set_thread(&self, thread: Thread) {
        let _ = self.thread.set(thread); // only who was told that there is none makes one
    }

    /// There is no thread to be had for it.
    pub(super) fn could_not_wake(&self) {
        self.sleeps.store(true, Ordering::SeqCst);
    }

    /// Ends the wait of its thread, so that it sees that it is over.
    pub(super) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// The watchdog's thread: looks while quick code runs, and hands on what it found.
    pub(super) fn watch(&self, slots: &WorkerSlots, is_over: impl Fn() -> bool, found: impl Fn(Look)) {
        let mut idle_ticks = 0;
        while !is_over() {
            park_timeout(TICK);
            let look = self.look(slots);
            let is_idle = look.quick + look.late == 0;
            if look.late > 0 {
                found(look);
            }
            idle_ticks = if is_idle { idle_ticks + 1 } else { 0 };
            if idle_ticks >= IDLE_TICKS {
                idle_ticks = 0;
                self.sleep(slots, &is_over);
            }
        }
    }

    fn sleep(&self, slots: &WorkerSlots, is_over: &impl Fn() -> bool) {
        self.sleeps.store(true, Ordering::SeqCst);
        // Whoever began before that has not woken it.
        slots.for_each(|stopwatch| {
            if stopwatch.started().is_some() {
                self.sleeps.store(false, Ordering::SeqCst);
            }
        });
        while self.sleeps.load(Ordering::SeqCst) && !is_over() {
            park();
        }
    }

    pub(super) fn look(&self, slots: &WorkerSlots) -> Look {
        let now = self.clock.elapsed();
        let mut look = Look { quick: 0, late: 0 };
        slots.for_each(|stopwatch| {
            let Some(started) = stopwatch.started() else { return };
            if now.since(started) < LATE {
                look.quick += 1;
            } else if stopwatch.stop_run_of(started) {
                look.late += 1;
            }
        });
        // Those that come now are likely to be like that, and there may be many: it would be a tick for every few.
        if look.late > 0 {
            self.quick_calls.store(0, Ordering::Relaxed);
        }
        look
    }

    #[cfg(test)]
    pub(super) fn quick_calls(&self) -> u32 {
        self.quick_calls.load(Ordering::SeqCst)
    }
}

impl TimedRun<'_> {
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched
    }
}

/// Learns from how long the run took.
impl Drop for TimedRun<'_> {
    fn drop(&mut self) {
        let Watchdog { clock, quick_calls, .. } = self.watchdog;
        if self.is_watched {
            self.slot.stopwatch().stop();
        }
        if clock.elapsed().since(self.began) > QUICK {
            quick_calls.store(0, Ordering::Relaxed);
        } else if !self.is_watched {
            quick_calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> (Arc<Clock>, Watchdog, Arc<WorkerSlots>) {
        let clock = Arc::new(Clock::for_test());
        clock.advance(LATE); // a run that began at zero would be a nanosecond short
        (clock.clone(), Watchdog::new(clock), Arc::new(WorkerSlots::new(8)))
    }

    fn run_for(clock: &Clock, watchdog: &Watchdog, slot: &WorkerSlot, time: Duration) -> bool {
        let run = watchdog.begin_run(slot);
        clock.advance(time);
        run.is_watched()
    }

    #[test]
    fn code_counts_as_quick_after_enough_quick_calls_and_until_one_that_is_not() {
        let (clock, watchdog, slots) = scene();
        let slot = slots.take().unwrap();
        for _ in 0..QUICK_CALLS {
            assert!(!run_for(&clock, &watchdog, &slot, QUICK));
        }
        assert!(run_for(&clock, &watchdog, &slot, QUICK));
        assert!(run_for(&clock, &watchdog, &slot, QUICK * 2));
        assert!(!run_for(&clock, &watchdog, &slot, QUICK), "the count begins anew");
    }

    #[test]
    fn quick_code_is_late_once_and_then_watched_no_more() {
        let (clock, watchdog, slots) = scene();
        watchdog.quick_calls.store(QUICK_CALLS, Ordering::SeqCst);
        let (slow, quick) = (slots.take().unwrap(), slots.take().unwrap());
        let _slow = watchdog.begin_run(&slow);
        clock.advance(LATE);
        let _quick = watchdog.begin_run(&quick);
        assert_eq!(watchdog.look(&slots), Look { quick: 1, late: 1 });
        assert_eq!(watchdog.look(&slots), Look { quick: 1, late: 0 });
    }

    /// Six calls that were slow at once held others up for a tick for every two of them.
    #[test]
    fn after_a_late_call_none_counts_as_quick_though_it_still_runs() {
        let (clock, watchdog, slots) = scene();
        watchdog.quick_calls.store(QUICK_CALLS, Ordering::SeqCst);
        let (slow, next) = (slots.take().unwrap(), slots.take().unwrap());
        let _slow = watchdog.begin_run(&slow);
        clock.advance(LATE);
        watchdog.look(&slots);
        assert!(!watchdog.begin_run(&next).is_watched());
    }

    #[test]
    fn a_panic_ends_the_run() {
        let (clock, watchdog, slots) = scene();
        watchdog.quick_calls.store(QUICK_CALLS, Ordering::SeqCst);
        let slot = slots.take().unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _run = watchdog.begin_run(&slot);
            clock.advance(LATE);
            panic!("in the run");
        }));
        assert!(outcome.is_err());
        assert_eq!(watchdog.look(&slots), Look { quick: 0, late: 0 });
        assert_eq!(watchdog.quick_calls(), 0);
    }
}
