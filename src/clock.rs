//! Time as this server counts it: time in which the process was frozen does not count against a peer. Nobody
//! waits in here, and nothing but this file asks the system what time it is for a deadline.

use crate::sync::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest wait in one piece: of a longer one nobody could tell a freeze from its end.
pub(crate) const STEP: Duration = Duration::from_secs(1);

/// A wait that ends so much later than asked for was not scheduled late: the process was stopped.
const FREEZE: Duration = Duration::from_secs(1);

/// A point in counted time, as nanoseconds since the clock was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) fn plus(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(nanoseconds(duration)))
    }

    /// The time from `earlier` until this, zero when it is later.
    pub(crate) fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// For an atomic that is 0 when there is no moment.
    pub(crate) fn to_nonzero_bits(self) -> u64 {
        self.0.max(1)
    }

    /// What [`to_nonzero_bits`](Self::to_nonzero_bits) made.
    pub(crate) fn from_bits(bits: u64) -> Moment {
        Moment(bits)
    }
}

/// One per server, shared by everything that keeps a deadline.
pub(crate) struct Clock {
    source: Source,
    frozen: AtomicU64,
}

/// Where uncorrected time comes from.
enum Source {
    System(Instant),
    /// A test moves it, and may have the reading with this number panic, counted down to 0.
    #[cfg(test)]
    Test {
        elapsed: AtomicU64,
        panics_in: AtomicU64,
    },
}

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock { source: Source::System(Instant::now()), frozen: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Moment {
        self.at(self.frozen.load(Ordering::Relaxed))
    }

    /// Reports a wait that began at `began` and was to end `timeout` later. When it overshot as only a frozen
    /// process does, every deadline gets back what it had left when the wait began. Of several threads that
    /// saw the same freeze, the first one counts it.
    pub(crate) fn waited(&self, began: Moment, timeout: Duration) {
        let frozen = self.frozen.load(Ordering::Relaxed);
        let now = self.at(frozen);
        if now > began.plus(timeout).plus(FREEZE) {
            let longer = frozen + nanoseconds(now.since(began));
            // Whoever was faster has counted it.
            let _ = self.frozen.compare_exchange(frozen, longer, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Time that is not corrected for freezes and never goes back, for what is measured.
    pub(crate) fn elapsed(&self) -> Moment {
        self.at(0)
    }

    fn at(&self, frozen: u64) -> Moment {
        let elapsed = match &self.source {
            Source::System(made) => nanoseconds(made.elapsed()),
            #[cfg(test)]
            Source::Test { elapsed, panics_in } => {
                assert!(panics_in.fetch_sub(1, Ordering::SeqCst) != 0, "the clock is to fail here");
                elapsed.load(Ordering::SeqCst)
            }
        };
        Moment(elapsed.saturating_sub(frozen))
    }
}

/// A clock that stands until a test moves it.
#[cfg(test)]
impl Clock {
    pub(crate) fn for_test() -> Clock {
        let source = Source::Test { elapsed: AtomicU64::new(0), panics_in: AtomicU64::new(u64::MAX) };
        Clock { source, frozen: AtomicU64::new(0) }
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let Source::Test { elapsed, .. } = &self.source else { panic!("the system's clock cannot be moved") };
        elapsed.fetch_add(nanoseconds(duration), Ordering::SeqCst);
    }

    /// Has one reading panic, after so many that do not: a fault of this crate wherever it looks at the time.
    pub(crate) fn panic_after(&self, readings: u64) {
        let Source::Test { panics_in, .. } = &self.source else { panic!("the system's clock never panics") };
        panics_in.store(readings, Ordering::SeqCst);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_wait_that_overshot_by_more_than_a_second_gives_its_time_back() {
        let clock = Clock::for_test();
        clock.advance(40 * SECOND);
        let began = clock.now();
        clock.advance(60 * SECOND);
        clock.waited(began, 10 * SECOND);
        assert_eq!(clock.now(), began, "none of a frozen wait counts");
        clock.waited(began, 10 * SECOND);
        assert_eq!(clock.now(), began, "and the same freeze is counted once");
        clock.advance(SECOND);
        assert_eq!(clock.now(), began.plus(SECOND));
    }

    #[test]
    fn a_wait_that_ended_in_time_or_only_late_changes_nothing() {
        let clock = Clock::for_test();
        let began = clock.now();
        for advanced in [SECOND, SECOND] {
            clock.advance(advanced);
            clock.waited(began, SECOND);
        }
        assert_eq!(clock.now(), began.plus(2 * SECOND));
    }

    #[test]
    fn measured_time_goes_on_in_a_freeze() {
        let clock = Clock::for_test();
        clock.advance(60 * SECOND);
        clock.waited(Moment::default(), SECOND);
        assert_eq!((clock.now(), clock.elapsed()), (Moment::default(), Moment::default().plus(60 * SECOND)));
    }

    #[test]
    fn a_moment_survives_as_bits_and_is_never_taken_for_none() {
        let later = Moment::default().plus(SECOND);
        assert_eq!(Moment::from_bits(later.to_nonzero_bits()), later);
        assert_ne!(Moment::default().to_nonzero_bits(), 0);
    }
}
