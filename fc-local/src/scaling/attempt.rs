//! A start, an initialization or a PreStop before a freeze under way: calls wait for its outcome and share
//! it. Who makes it, and of which instance, is not known here.

use super::unavailable::Unavailable;
use crate::sync::{Condvar, Mutex};

#[derive(Default)]
pub struct Attempt {
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Ready,
    Failed(Unavailable),
    /// It failed so, and may succeed elsewhere: choose again, unless that has been done too often.
    Elsewhere(Unavailable),
    /// Neither: choose again.
    Again,
}

impl Attempt {
    /// Ends the attempt; the first outcome stays.
    pub fn finish(&self, outcome: Outcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.done.notify_all();
    }

    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.lock().clone()
    }

    /// Bounded by the attempt itself: start and hooks have timeouts.
    pub fn wait(&self) -> Outcome {
        let outcome = self.done.wait_while(self.outcome.lock(), |outcome| outcome.is_none());
        outcome.clone().unwrap_or(Outcome::Again)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_outcome_is_shared_by_those_who_wait_before_and_by_those_who_wait_after() {
        let attempt = Attempt::default();
        assert_eq!(attempt.outcome(), None);
        thread::scope(|scope| {
            let waiting = [0; 3].map(|_| scope.spawn(|| attempt.wait()));
            attempt.finish(Outcome::Ready);
            for waiting in waiting {
                assert_eq!(waiting.join().expect("an outcome"), Outcome::Ready);
            }
        });
        assert_eq!(attempt.wait(), Outcome::Ready);
    }

    #[test]
    fn the_first_outcome_stays() {
        let attempt = Attempt::default();
        attempt.finish(Outcome::Ready);
        attempt.finish(Outcome::Again);
        assert_eq!(attempt.outcome(), Some(Outcome::Ready));
    }
}
