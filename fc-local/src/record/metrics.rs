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
    /// When most invocations were at once: how many had an instance.
    pub running: usize,
    /// And how many waited for one.
    pub waiting: usize,
    /// Instances at its end.
    pub instances: usize,
    /// What they take in all, as last seen.
    pub memory_mb: f64,
    /// Invocations that ended, and how many of them failed.
    pub ended: u64,
    pub failed: u64,
}

/// How many invocations have an instance, and wait for one.
#[derive(Clone, Copy, Default)]
pub struct Load {
    pub running: usize,
    pub waiting: usize,
}

impl Load {
    fn total(self) -> usize {
        self.running + self.waiting
    }
}

#[derive(Default)]
pub struct Metrics {
    samples: VecDeque<Sample>,
    /// As it was last.
    load: Load,
}

impl Metrics {
    /// The sample of this second, which `count` adds to. It begins with what goes on; a second in which nothing changed has one
    /// where that is something.
    pub fn at(&mut self, now: f64, load: Load, count: impl FnOnce(&mut Sample)) {
        let second = (now / 1000.0) as u64;
        // Whoever reports a moment late counts to the newest second.
        let last = self.samples.back().copied();
        if last.is_none_or(|last| last.second < second) {
            let Load { running, waiting } = self.load;
            let last = last.unwrap_or(Sample { second: second.saturating_sub(1), ..Sample::default() });
            let quiet = if self.load.total() == 0 { second } else { last.second + 1 };
            for second in quiet.max(second.saturating_sub(MAX_SAMPLES as u64))..=second {
                if self.samples.len() == MAX_SAMPLES {
                    self.samples.pop_front();
                }
                self.samples.push_back(Sample { second, running, waiting, ended: 0, failed: 0, ..last });
            }
        }
        self.load = load;
        if let Some(last) = self.samples.back_mut() {
            let most = Load { running: last.running, waiting: last.waiting };
            // One that waits for no time is at once with itself.
            if (load.total(), load.running) > (most.total(), most.running) {
                (last.running, last.waiting) = (load.running, load.waiting);
            }
            count(last);
        }
    }

    /// Those from `second` on.
    pub fn since(&self, second: u64) -> Vec<Sample> {
        let from = self.samples.partition_point(|sample| sample.second < second);
        self.samples.range(from..).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(running: usize, waiting: usize) -> Load {
        Load { running, waiting }
    }

    #[test]
    fn a_second_has_one_sample_and_the_oldest_ones_go() {
        let mut metrics = Metrics::default();
        metrics.at(1000.0, load(2, 0), |_| {});
        metrics.at(1999.9, load(1, 0), |sample| sample.ended += 1);
        metrics.at(900.0, load(0, 0), |sample| sample.ended += 1);
        assert_eq!(metrics.since(0), [Sample { second: 1, running: 2, ended: 2, ..Sample::default() }]);
        for second in 2..=MAX_SAMPLES + 1 {
            metrics.at(second as f64 * 1000.0, load(0, 0), |_| {});
        }
        assert_eq!((metrics.samples.len(), metrics.since(0)[0].second), (MAX_SAMPLES, 2));
        assert_eq!(metrics.since(3_600).len(), 2);
    }

    #[test]
    fn what_goes_on_is_in_every_second_and_nothing_counts_twice() {
        let mut metrics = Metrics::default();
        for at in [1000.0, 1100.0, 1200.0] {
            metrics.at(at, load(0, 1), |_| {});
            metrics.at(at + 1.0, load(1, 0), |_| {});
            metrics.at(at + 50.0, load(0, 0), |_| {});
        }
        metrics.at(2500.0, load(0, 2), |_| {});
        metrics.at(6000.0, load(2, 0), |_| {});
        metrics.at(6500.0, load(0, 0), |_| {});
        metrics.at(9000.0, load(1, 0), |_| {});
        let found: Vec<_> = metrics.since(0).iter().map(|it| (it.second, it.running, it.waiting)).collect();
        let wanted = [(1, 1, 0), (2, 0, 2), (3, 0, 2), (4, 0, 2), (5, 0, 2), (6, 2, 0), (9, 1, 0)];
        assert_eq!(found, wanted);
        metrics.at(1e10, load(0, 0), |_| {});
        assert_eq!(metrics.samples.len(), MAX_SAMPLES, "a machine that has slept for long");
    }

    #[test]
    fn a_second_begins_with_what_goes_on() {
        let mut metrics = Metrics::default();
        metrics.at(1000.0, load(3, 1), |sample| (sample.instances, sample.memory_mb) = (2, 40.0));
        metrics.at(1500.0, load(1, 1), |sample| sample.failed += 1);
        metrics.at(2000.0, load(0, 0), |sample| sample.ended += 1);
        metrics.at(3000.0, load(0, 1), |_| {});
        let going = Sample { instances: 2, memory_mb: 40.0, ..Sample::default() };
        let wanted = [
            Sample { second: 2, running: 1, waiting: 1, ended: 1, ..going },
            Sample { second: 3, waiting: 1, ..going },
        ];
        assert_eq!(metrics.since(2), wanted);
    }
}
