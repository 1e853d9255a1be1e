//! Time as this server counts it: time in which the process stood still does not count against a peer. Nobody
//! waits in here, and nothing but this file asks the system what time it is for a deadline.

use crate::sync::{AtomicU64, Mutex, Ordering};
use std::time::{Duration, Instant};

/// The longest wait in one piece while somebody has a deadline: who waits so long looks at the time again.
pub(crate) const STEP: Duration = Duration::from_millis(50);

/// Between two looks at the time no more than this counts: a `STEP`, and what a busy system is late by. The rest is a
/// freeze, or a system so busy that a peer is not to blame either.
const LONGEST_LOOK: Duration = Duration::from_millis(75);

/// A look that is closer to the last one than this is not worth writing down.
const GRAIN: Duration = Duration::from_millis(10);

/// A wait that ends so much later than asked for was not scheduled late: the process was stopped.
const FREEZE: Duration = Duration::from_secs(1);

/// What happens often is one log line in so long.
const LOG_EVERY: Duration = Duration::from_secs(1);

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

/// One per server, shared by everything that keeps a deadline. It goes on from one look at it to the next, however
/// far apart they are, by no more than [`LONGEST_LOOK`]: so every freeze is noticed by whoever is the first to ask
/// for the time after it, on whichever path, and nobody has to report one.
pub(crate) struct Clock {
    source: Source,
    looking: Mutex<()>,
    /// Nanoseconds that do not count.
    frozen: AtomicU64,
    /// When the time was last looked at, as the system counts it.
    looked: AtomicU64,
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
        Clock::of(Source::System(Instant::now()))
    }

    fn of(source: Source) -> Clock {
        Clock { source, looking: Mutex::new(()), frozen: AtomicU64::new(0), looked: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Moment {
        self.reading().0
    }

    /// The time as it counts, and by the same look as it is [measured](Self::elapsed).
    pub(crate) fn reading(&self) -> (Moment, Moment) {
        // What is frozen is written before it, and the system is asked last: a freeze in between is looked at.
        let looked = self.looked.load(Ordering::Acquire);
        let frozen = self.frozen.load(Ordering::Acquire);
        let elapsed = self.elapsed();
        if elapsed.0.saturating_sub(looked) >= GRAIN.as_nanos() as u64 {
            return self.look();
        }
        (Moment(elapsed.0.saturating_sub(frozen)), elapsed)
    }

    #[cold]
    fn look(&self) -> (Moment, Moment) {
        let _looking = self.looking.lock();
        let (elapsed, looked) = (self.elapsed().0, self.looked.load(Ordering::Relaxed));
        let too_long = elapsed.saturating_sub(looked).saturating_sub(nanoseconds(LONGEST_LOOK));
        let frozen = self.frozen.load(Ordering::Relaxed) + too_long;
        self.frozen.store(frozen, Ordering::Relaxed);
        self.looked.store(elapsed.max(looked), Ordering::Release);
        (Moment(elapsed.saturating_sub(frozen)), Moment(elapsed))
    }

    /// Time that is not corrected for freezes and never goes back, for what is measured.
    pub(crate) fn elapsed(&self) -> Moment {
        Moment(match &self.source {
            Source::System(made) => nanoseconds(made.elapsed()),
            #[cfg(test)]
            Source::Test { elapsed, panics_in } => {
                assert!(panics_in.fetch_sub(1, Ordering::SeqCst) != 0, "the clock is to fail here");
                elapsed.load(Ordering::SeqCst)
            }
        })
    }
}

/// A bound that is to hold outside of this process too, such as that of a stop: all time is spent, but for that in
/// which the process was plainly stopped.
pub(crate) struct Allowance {
    left: Duration,
}

impl Allowance {
    pub(crate) fn of(time: Duration) -> Allowance {
        Allowance { left: time }
    }

    pub(crate) fn left(&self) -> Duration {
        self.left
    }

    /// Spends what `wait` takes, which is told how long that may be.
    pub(crate) fn spend<T>(&mut self, clock: &Clock, wait: impl FnOnce(Duration) -> T) -> T {
        let (step, began) = (self.left.min(STEP), clock.elapsed());
        let outcome = wait(step);
        let spent = clock.elapsed().since(began);
        self.left = self.left.saturating_sub(if spent > step + FREEZE { step } else { spent });
        outcome
    }
}

/// How often something has happened since that was last logged. It may be thousands of times a second.
#[derive(Default)]
pub(crate) struct Tally {
    count: AtomicU64,
    logged: AtomicU64,
}

impl Tally {
    /// Once more; the number of times, when it is time for a line.
    pub(crate) fn add(&self, clock: &Clock, count: usize) -> Option<u64> {
        let (now, logged) = (clock.elapsed(), self.logged.load(Ordering::Relaxed));
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        if logged != 0 && now.since(Moment(logged)) < LOG_EVERY {
            return None;
        }
        let is_mine =
            self.logged.compare_exchange(logged, now.to_nonzero_bits(), Ordering::Relaxed, Ordering::Relaxed);
        is_mine.ok().map(|_| self.count.swap(0, Ordering::Relaxed))
    }
}

/// A clock that stands until a test moves it.
#[cfg(test)]
impl Clock {
    pub(crate) fn for_test() -> Clock {
        Clock::of(Source::Test { elapsed: AtomicU64::new(0), panics_in: AtomicU64::new(u64::MAX) })
    }

    /// Time passes, and the process runs: somebody looks at the time now and then.
    pub(crate) fn advance(&self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() {
            let step = left.min(STEP);
            self.freeze(step);
            self.now();
            left -= step;
        }
    }

    /// Time passes, and the process stands still.
    pub(crate) fn freeze(&self, duration: Duration) {
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
    fn of_a_freeze_no_more_counts_than_of_the_longest_look() {
        let clock = Clock::for_test();
        clock.advance(40 * SECOND);
        let before = clock.now();
        clock.freeze(3600 * SECOND);
        assert_eq!(clock.now(), before.plus(LONGEST_LOOK), "whoever asks first");
        assert_eq!(clock.now(), before.plus(LONGEST_LOOK), "and the same freeze is left out once");
        clock.advance(SECOND);
        assert_eq!(clock.now(), before.plus(LONGEST_LOOK + SECOND));
    }

    #[test]
    fn freezes_of_any_length_do_not_add_up() {
        for freeze in [100, 200, 400, 900, 1500] {
            let clock = Clock::for_test();
            for _ in 0..40 {
                clock.freeze(Duration::from_millis(freeze));
                clock.now();
            }
            assert_eq!(clock.now().since(Moment::default()), 40 * LONGEST_LOOK, "{freeze} ms");
        }
    }

    #[test]
    fn time_in_which_somebody_looks_counts_to_the_last_nanosecond() {
        let clock = Clock::for_test();
        for step in [STEP, LONGEST_LOOK, GRAIN, GRAIN / 2, Duration::from_nanos(1)] {
            let before = clock.now();
            clock.freeze(step);
            assert_eq!(clock.now().since(before), step);
        }
    }

    #[test]
    fn measured_time_goes_on_in_a_freeze() {
        let clock = Clock::for_test();
        clock.freeze(60 * SECOND);
        assert_eq!(clock.reading(), (Moment(nanoseconds(LONGEST_LOOK)), Moment(nanoseconds(60 * SECOND))));
    }

    #[test]
    fn an_allowance_is_spent_by_a_slow_system_and_not_by_a_freeze() {
        let clock = Clock::for_test();
        let mut time = Allowance::of(2 * SECOND);
        time.spend(&clock, |step| clock.freeze(step + FREEZE));
        assert_eq!(time.left(), SECOND - STEP);
        time.spend(&clock, |_| clock.freeze(3600 * SECOND));
        assert_eq!(time.left(), SECOND - 2 * STEP);
        time.spend(&clock, |_| clock.freeze(SECOND));
        assert_eq!(time.left(), Duration::ZERO);
    }

    #[test]
    fn what_happens_often_is_counted_and_told_once_a_second() {
        let clock = Clock::for_test();
        let tally = Tally::default();
        assert_eq!(tally.add(&clock, 1), Some(1), "the first one is told at once");
        assert_eq!((tally.add(&clock, 1), tally.add(&clock, 2)), (None, None));
        clock.advance(LOG_EVERY + STEP);
        assert_eq!(tally.add(&clock, 1), Some(4));
    }

    #[test]
    fn a_moment_survives_as_bits_and_is_never_taken_for_none() {
        let later = Moment::default().plus(SECOND);
        assert_eq!(Moment::from_bits(later.to_nonzero_bits()), later);
        assert_ne!(Moment::default().to_nonzero_bits(), 0);
    }
}
