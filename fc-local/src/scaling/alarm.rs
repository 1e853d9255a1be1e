//! When is the housekeeper woken? At the earliest time that anybody asked for. What it does then is not known
//! here.

use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

/// How long a wait lasts for which no time is set.
const LONG: Duration = Duration::from_secs(3600);

/// An alarm clock. A busy gateway sets it with every call, so that a time which is due anyhow costs nothing.
#[derive(Default)]
pub struct Alarm {
    due: Mutex<EarliestTime>,
    earlier: Condvar,
}

/// The earliest of the times asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct EarliestTime(Option<Instant>);

impl Alarm {
    /// Wakes whoever waits by `at` at the latest.
    pub fn ring_by(&self, at: Instant) {
        if self.due.lock().ask_for(at) {
            self.earlier.notify_one();
        }
    }

    /// Sleeps until the alarm rings, which unsets it.
    pub fn wait(&self) {
        let mut due = self.due.lock();
        loop {
            let now = Instant::now();
            if due.take_at(now) {
                return;
            }
            let left = due.left_at(now);
            due = self.earlier.wait_timeout(due, left);
        }
    }
}

impl EarliestTime {
    /// Whether `at` is earlier than all asked for before.
    fn ask_for(&mut self, at: Instant) -> bool {
        let is_earlier = self.0.is_none_or(|due| at < due);
        if is_earlier {
            self.0 = Some(at);
        }
        is_earlier
    }

    /// Whether it has come; it is unset then.
    fn take_at(&mut self, now: Instant) -> bool {
        let has_come = self.0.is_some_and(|due| due <= now);
        if has_come {
            self.0 = None;
        }
        has_come
    }

    fn left_at(&self, now: Instant) -> Duration {
        self.0.map_or(LONG, |due| due.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_earliest_of_the_times_asked_for_counts() {
        let start = Instant::now();
        let mut due = EarliestTime::default();
        for (after, is_earlier, left) in
            [(9, true, 9), (5, true, 5), (7, false, 5), (5, false, 5), (1, true, 1)]
        {
            assert_eq!(due.ask_for(start + after * SECOND), is_earlier, "{after}");
            assert_eq!(due.left_at(start), left * SECOND, "{after}");
        }
    }

    #[test]
    fn a_time_that_has_come_is_taken_once() {
        let start = Instant::now();
        let mut due = EarliestTime::default();
        assert!(!due.take_at(start), "nobody asked");
        due.ask_for(start + SECOND);
        assert!(!due.take_at(start));
        assert!(due.take_at(start + SECOND) && !due.take_at(start + 2 * SECOND));
        assert_eq!(due.left_at(start), LONG);
        assert!(due.ask_for(start + 3 * SECOND), "the next one is the earliest again");
    }

    #[test]
    fn a_wait_ends_when_the_time_asked_for_has_come() {
        let alarm = Alarm::default();
        alarm.ring_by(Instant::now());
        alarm.wait();
        assert_eq!(*alarm.due.lock(), EarliestTime(None));
    }

    #[test]
    fn an_earlier_time_wakes_whoever_waits_for_a_later_one() {
        let alarm = Alarm::default();
        alarm.ring_by(Instant::now() + LONG);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| alarm.wait());
            alarm.ring_by(Instant::now());
            waiting.join().expect("woken");
        });
    }
}
