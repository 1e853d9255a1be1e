//! What each worker counts of what it serves, and their sum. A worker alone writes its counters, so that counting takes
//! no locked instruction and no cache line of another's: it is never turned off. What is served is not known here.

use crate::sync::{AtomicU64, Ordering};
use std::array;
use std::time::Duration;

/// Calls are counted apart by how long they took.
pub(crate) const BUCKETS: usize = 17;

/// Those of one worker.
#[derive(Default)]
pub(crate) struct Counters {
    failures: AtomicU64,
    refused: AtomicU64,
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
    nanoseconds: AtomicU64,
    calls: [AtomicU64; BUCKETS],
}

impl Counters {
    /// A call of the function is over, which belongs into this bucket. It is counted last: who sees it sees all of it.
    pub(crate) fn call(&self, took: Duration, bucket: usize, has_failed: bool) {
        add(&self.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        if has_failed {
            add(&self.failures, 1);
        }
        if let Some(calls) = self.calls.get(bucket) {
            add(calls, 1);
        }
    }

    /// A request was answered without the function.
    pub(crate) fn refused(&self) {
        add(&self.refused, 1);
    }

    pub(crate) fn received(&self, bytes: u64) {
        add(&self.bytes_received, bytes);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.bytes_sent, bytes as u64);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(count), Ordering::Release);
}

/// The sum of several workers' counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub failures: u64,
    pub refused: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// The time of all calls.
    pub time: Duration,
    /// By how long they took.
    pub calls: [u64; BUCKETS],
}

impl Totals {
    /// What was counted last is read first, so that no call is seen without its failure, its time and its bytes.
    pub(crate) fn plus(self, counters: &Counters) -> Totals {
        let value = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let mut calls = self.calls.iter().zip(&counters.calls).map(|(sum, calls)| sum + value(calls));
        let calls = array::from_fn(|_| calls.next().unwrap_or_default());
        let refused = self.refused + value(&counters.refused);
        Totals {
            failures: self.failures + value(&counters.failures),
            refused,
            bytes_received: self.bytes_received + value(&counters.bytes_received),
            bytes_sent: self.bytes_sent + value(&counters.bytes_sent),
            time: self.time + Duration::from_nanos(value(&counters.nanoseconds)),
            calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_several_have_counted_adds_up() {
        let (one, other) = (Counters::default(), Counters::default());
        for (counters, bytes) in [(&one, 3), (&other, 40), (&other, 500)] {
            counters.received(bytes);
            counters.sent(2 * bytes as usize);
            counters.refused();
            counters.call(Duration::from_secs(bytes), bytes as usize % BUCKETS, bytes == 3);
        }
        let totals = Totals::default().plus(&one).plus(&other);
        let mut calls = [0; BUCKETS];
        (calls[3], calls[40 % BUCKETS], calls[500 % BUCKETS]) = (1, 1, 1);
        let time = Duration::from_secs(543);
        let expected = Totals { failures: 1, refused: 3, bytes_received: 543, bytes_sent: 1086, time, calls };
        assert_eq!(totals, expected);
    }

    #[test]
    fn who_sees_a_call_sees_all_of_it() {
        const CALLS: u64 = 100_000;
        let counters = Counters::default();
        thread::scope(|scope| {
            scope.spawn(|| (0..CALLS).for_each(|_| counters.call(Duration::from_nanos(1), 0, true)));
            let mut seen = 0;
            while seen < CALLS {
                let totals = Totals::default().plus(&counters);
                seen = totals.calls[0];
                let of_them = (totals.failures, totals.time.as_nanos() as u64);
                assert!(of_them.0 >= seen && of_them.1 >= seen, "{seen} calls, but {of_them:?}");
            }
        });
    }
}
