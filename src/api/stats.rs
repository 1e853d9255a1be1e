//! What a server says of itself: counts, and how long its calls took. How it is counted is not known here.

use crate::counters::{BUCKETS, Totals};
use std::time::Duration;

/// What a server has done since it began to listen, and what it does now; see [`Running::stats`](crate::Running::stats).
///
/// A call is one of the function: an event or an HTTP call, and no hook, no health probe, no request of these figures.
/// Calls go on while they are read. One that is in [`requests`](Stats::requests) is in all that is said of it, and not
/// in flight any more; one that ends meanwhile may be in neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that are over.
    pub requests: u64,
    /// Those of them that failed as the platform counts it, or would: an error (for an HTTP caller from status 500 on), a
    /// panic, an invalid response, one that broke off or that nobody took to its end, a request body that was malformed or
    /// stalled. A response of the function's own is none, whatever its status.
    pub failures: u64,
    /// Requests that were answered without the function: malformed, too large, too slow, or over the limits (503).
    pub refused: u64,
    /// Calls that have begun and are not over.
    pub in_flight: usize,
    /// Calls that wait for [`max_workers`](crate::ServerConfig::max_workers).
    pub queued: usize,
    /// Threads that serve, or wait for something to serve.
    pub threads: usize,
    /// Open connections, idle ones too.
    pub connections: usize,
    /// Bytes received, heads included.
    pub bytes_received: u64,
    /// Bytes sent, heads included.
    pub bytes_sent: u64,
    /// How long the calls took that are over.
    pub durations: Histogram,
}

impl Stats {
    pub(crate) fn of(totals: Totals) -> Stats {
        Stats {
            requests: totals.calls.iter().sum(),
            failures: totals.failures,
            refused: totals.refused,
            bytes_received: totals.bytes_received,
            bytes_sent: totals.bytes_sent,
            durations: Histogram { counts: totals.calls, sum: totals.time },
            ..Stats::default()
        }
    }
}

/// How many calls took how long: from the arrival of the head, or of the whole of a body up to 16 KB, to the last byte that
/// was sent, and what it waits for its turn among that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histogram {
    /// The first is of calls that took no longer than the first bound, the next of longer ones up to the second, and so on;
    /// the last one is of those over the last bound.
    pub counts: [u64; 17],
    /// The time that all of them took together.
    pub sum: Duration,
}

impl Histogram {
    /// Up to which time a call belongs to a count: the defaults of Prometheus' clients, with shorter and longer calls.
    pub const BOUNDS: [Duration; 16] = [
        Duration::from_micros(1_000),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_millis(1_000),
        Duration::from_millis(2_500),
        Duration::from_secs(5),
        Duration::from_secs(10),
        Duration::from_secs(30),
        Duration::from_secs(60),
        Duration::from_secs(300),
    ];

    /// To which count a call belongs.
    pub(crate) fn bucket(took: Duration) -> usize {
        const QUICK: Duration = Histogram::BOUNDS[0];
        if took <= QUICK {
            return 0; // most are, and the table is a page that a start then does without
        }
        Histogram::BOUNDS.iter().take_while(|bound| took > **bound).count()
    }
}

const _: () = assert!(Histogram::BOUNDS.len() + 1 == BUCKETS, "one more for calls over the last bound");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_belongs_to_the_bucket_whose_bound_it_does_not_exceed() {
        for (bucket, bound) in Histogram::BOUNDS.into_iter().enumerate() {
            assert_eq!(Histogram::bucket(bound), bucket);
            assert_eq!(Histogram::bucket(bound + Duration::from_nanos(1)), bucket + 1);
        }
        assert_eq!(Histogram::bucket(Duration::ZERO), 0);
        assert_eq!(Histogram::bucket(Duration::MAX), BUCKETS - 1);
        assert!(Histogram::BOUNDS.is_sorted());
    }
}
