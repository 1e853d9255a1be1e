//! Workers that nothing is to be done by, and what they are woken for. A channel between threads would be this with
//! every flavour it has, a thirtieth of a function's binary.

use super::Duty;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a burst leaves behind: with 256 running calls and 512 peers that are waited for, it stays below the platform's
/// 1,024 threads.
const MAX_SPARES: usize = 200;

pub(super) struct Spares<J> {
    inside: Mutex<Inside<J>>,
    /// There is a duty, or there will never be one.
    changed: Condvar,
}

struct Inside<J> {
    /// Those that wait here, with those that are on their way to a duty.
    count: usize,
    /// At most one for each of them.
    duties: VecDeque<Duty<J>>,
    closed: bool,
}

impl<J> Spares<J> {
    pub fn new() -> Spares<J> {
        let inside = Inside { count: 0, duties: VecDeque::new(), closed: false };
        Spares { inside: Mutex::new(inside), changed: Condvar::new() }
    }

    /// Has one of them do this; gives it back when there is none.
    pub fn give(&self, duty: Duty<J>) -> Result<(), Duty<J>> {
        let mut inside = self.lock();
        if inside.duties.len() >= inside.count {
            return Err(duty);
        }
        inside.duties.push_back(duty);
        drop(inside);
        self.changed.notify_one();
        Ok(())
    }

    /// Makes the calling worker one of them until there is something for it to do, or for `lifetime`.
    pub fn wait(&self, lifetime: Duration) -> Duty<J> {
        let mut inside = self.lock();
        if inside.count >= MAX_SPARES {
            return Duty::Leave;
        }
        inside.count += 1;
        let (mut inside, _) = self
            .changed
            .wait_timeout_while(inside, lifetime, |inside| inside.duties.is_empty() && !inside.closed)
            .unwrap_or_else(PoisonError::into_inner);
        inside.count -= 1;
        inside.duties.pop_front().unwrap_or(Duty::Leave)
    }

    /// Ends all of them, also those that come later.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Inside<J>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
