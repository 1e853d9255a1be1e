//! How many calls run at once: the rest waits its turn, first come first served. What runs them is
//! not known here.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What those that wait may hold together.
const HELD_LIMIT: usize = 32 * 1024 * 1024;

pub(crate) struct Gate<T> {
    limit: usize,
    inside: Mutex<Inside<T>>,
}

struct Inside<T> {
    count: usize,
    queue: VecDeque<(T, usize)>,
    held_bytes: usize,
}

/// What became of a call that wanted in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<T> {
    In(T),
    Queued,
    /// Too much waits already.
    Full(T),
}

impl<T> Gate<T> {
    pub fn new(limit: usize) -> Gate<T> {
        Gate { limit, inside: Mutex::new(Inside { count: 0, queue: VecDeque::new(), held_bytes: 0 }) }
    }

    /// Goes in, or waits in the queue as long as what waits there holds not too many bytes.
    pub fn enter(&self, call: T, bytes_of: impl FnOnce(&T) -> usize) -> Entry<T> {
        let mut inside = self.lock();
        if inside.count < self.limit {
            inside.count += 1;
            return Entry::In(call);
        }
        let bytes = bytes_of(&call);
        if inside.held_bytes + bytes > HELD_LIMIT {
            return Entry::Full(call);
        }
        inside.held_bytes += bytes;
        inside.queue.push_back((call, bytes));
        Entry::Queued
    }

    /// Goes out. Whoever is returned has gone in instead.
    pub fn leave(&self) -> Option<T> {
        let mut inside = self.lock();
        inside.count -= 1;
        if inside.count >= self.limit {
            return None;
        }
        let (next, bytes) = inside.queue.pop_front()?;
        inside.held_bytes -= bytes;
        inside.count += 1;
        Some(next)
    }

    /// Nobody is inside, and nobody waits.
    pub fn is_idle(&self) -> bool {
        let inside = self.lock();
        inside.count == 0 && inside.queue.is_empty()
    }

    /// Goes in again whatever the limit: it has begun already.
    pub fn reenter(&self) {
        self.lock().count += 1;
    }

    /// Goes back to the head of the queue: there is nobody to run it.
    pub fn retreat(&self, call: T) {
        let mut inside = self.lock();
        inside.count -= 1;
        inside.queue.push_front((call, 0));
    }

    fn lock(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(gate: &Gate<char>, call: char) -> Entry<char> {
        gate.enter(call, |_| 1)
    }

    #[test]
    fn those_beyond_the_limit_wait_in_order() {
        let gate = Gate::new(2);
        assert_eq!(enter(&gate, 'a'), Entry::In('a'));
        assert_eq!(enter(&gate, 'b'), Entry::In('b'));
        assert_eq!(enter(&gate, 'c'), Entry::Queued);
        assert_eq!(enter(&gate, 'd'), Entry::Queued);
        assert_eq!(gate.leave(), Some('c'));
        assert_eq!(gate.leave(), Some('d'));
        assert_eq!(gate.leave(), None);
    }

    #[test]
    fn one_that_comes_back_in_is_not_kept_out_and_makes_others_wait() {
        let gate = Gate::new(1);
        assert_eq!(enter(&gate, 'a'), Entry::In('a'));
        assert_eq!(enter(&gate, 'b'), Entry::Queued);
        assert_eq!(gate.leave(), Some('b'));
        gate.reenter();
        assert_eq!(enter(&gate, 'c'), Entry::Queued);
        assert_eq!(gate.leave(), None, "the one that came back is still in");
        assert_eq!(gate.leave(), Some('c'));
    }

    #[test]
    fn what_waits_holds_a_limited_number_of_bytes() {
        let gate = Gate::new(1);
        assert_eq!(enter(&gate, 'a'), Entry::In('a'));
        assert_eq!(gate.enter('b', |_| HELD_LIMIT), Entry::Queued);
        assert_eq!(enter(&gate, 'c'), Entry::Full('c'));
        assert_eq!(gate.leave(), Some('b'));
        assert_eq!(enter(&gate, 'c'), Entry::Queued);
    }
}
