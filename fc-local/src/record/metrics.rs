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

/// How many invocations have an instance, and wait for one.
#[derive(Clone, Copy, Default)]
pub struct Load {
    pub running: usize,
    pub waiting: usize,
}

#[derive(Default)]
pub struct Metrics {
    samples: VecDeque<Sample>,
    /// As it was last.
    load: Load,
}

impl Metrics {
    /// The sample of this second, which `count` adds to; a second in which nothing changed has none. It begins with what goes on.
    pub fn at(&mut self, now: f64, load: Load, count: impl FnOnce(&mut Sample)) {
        let second = (now / 1000.0) as u64;
        // Whoever reports a moment late counts to the newest second.
        let last = self.samples.back().copied();
        if last.is_none_or(|last| last.second < second) {
            if self.samples.len() == MAX_SAMPLES {
                self.samples.pop_front();
            }
            let Load { running, waiting } = self.load;
            let last = last.unwrap_or_default();
            self.samples.push_back(Sample { second, running, waiting, ended: 0, failed: 0, ..last });
        }
        self.load = load;
        if let Some(last) = self.samples.back_mut() {
            last.running = last.running.max(load.running);
            last.waiting = last.waiting.max(load.waiting);
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
