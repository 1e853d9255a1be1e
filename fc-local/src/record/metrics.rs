//! How much was there at once, second by second? What is counted is not known here.

use std::collections::VecDeque;

use serde::Serialize;

/// Seconds that are kept: an hour.
const MAX_SAMPLES: usize = 3_600;

/// What one second saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Its number, from the epoch.
    pub second: u64,
    /// The most invocations that had an instance at once.
    pub running: usize,
    /// The most that waited for one at once.
    pub waiting: usize,
    /// Instances at its end.
    pub instances: usize,
    /// What they take in all, as last seen.
    pub memory_mb: f64,
    /// Invocations that ended, and how many of them failed.
    pub ended: u64,
    pub failed: u64,
}

#[derive(Default)]
pub struct Metrics(VecDeque<Sample>);

impl Metrics {
    /// The sample of this second, which `count` adds to; a second in which nothing changed has none.
    pub fn at(&mut self, now: f64, count: impl FnOnce(&mut Sample)) {
        let second = (now / 1000.0) as u64;
        // Whoever reports a moment late counts to the newest second.
        if self.0.back().is_none_or(|last| last.second < second) {
            if self.0.len() == MAX_SAMPLES {
                self.0.pop_front();
            }
            self.0.push_back(Sample { second, ..Sample::default() });
        }
        if let Some(last) = self.0.back_mut() {
            count(last);
        }
    }

    /// Those from `second` on.
    pub fn since(&self, second: u64) -> Vec<Sample> {
        let from = self.0.partition_point(|sample| sample.second < second);
        self.0.range(from..).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_sample_and_the_oldest_ones_go() {
        let mut metrics = Metrics::default();
        metrics.at(1000.0, |sample| sample.running = 2);
        metrics.at(1999.9, |sample| sample.ended += 1);
        metrics.at(900.0, |sample| sample.ended += 1);
        assert_eq!(metrics.since(0), [Sample { second: 1, running: 2, ended: 2, ..Sample::default() }]);
        for second in 2..=MAX_SAMPLES + 1 {
            metrics.at(second as f64 * 1000.0, |_| {});
        }
        assert_eq!((metrics.0.len(), metrics.since(0)[0].second), (MAX_SAMPLES, 2));
        assert_eq!(metrics.since(3_600).len(), 2);
    }
}
