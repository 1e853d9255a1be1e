//! How many calls run at once: the rest waits in a queue, first come first served. What a call is, is not
//! known here.

use crate::sync::Mutex;
use std::collections::VecDeque;

/// What queued calls may hold together: a small part of the platform's smallest instance (128 MB).
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;

pub(crate) struct ConcurrencyLimit<T> {
    limit: usize,
    calls: Mutex<Calls<T>>,
}

struct Calls<T> {
    running: usize,
    /// Begun, and waiting for something that is not the author's.
    suspended: usize,
    queue: VecDeque<Queued<T>>,
    queued_bytes: usize,
}

struct Queued<T> {
    call: T,
    bytes: usize,
}

/// What became of a call that wanted to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission<T> {
    /// It runs now, under a [`Permit`].
    Admitted(T),
    Queued,
    /// Too much waits already.
    Full(T),
}

/// A running call's place. With its end the next call has it, and is handed on.
pub(crate) struct Permit<'a, T> {
    limit: &'a ConcurrencyLimit<T>,
    hand_on: &'a dyn Fn(T),
}

/// A call that holds no place while it waits. It has begun, so it goes on whatever the limit says.
pub(crate) struct Suspended<'a, T> {
    limit: &'a ConcurrencyLimit<T>,
}

impl<T> ConcurrencyLimit<T> {
    pub fn new(limit: usize) -> ConcurrencyLimit<T> {
        let calls = Calls { running: 0, suspended: 0, queue: VecDeque::new(), queued_bytes: 0 };
        ConcurrencyLimit { limit, calls: Mutex::new(calls) }
    }

    /// Takes a place, or queues the call as long as what is queued does not hold too many bytes.
    pub fn enter(&self, call: T, bytes_of: impl FnOnce(&T) -> usize) -> Admission<T> {
        let mut calls = self.calls.lock();
        if calls.running < self.limit {
            calls.running += 1;
            return Admission::Admitted(call);
        }
        let bytes = bytes_of(&call);
        if calls.queued_bytes + bytes > MAX_QUEUED_BYTES {
            return Admission::Full(call);
        }
        calls.queued_bytes += bytes;
        calls.queue.push_back(Queued { call, bytes });
        Admission::Queued
    }

    /// The place of a call that was admitted, or handed on by the permit of another one.
    pub fn permit<'a>(&'a self, hand_on: &'a dyn Fn(T)) -> Permit<'a, T> {
        Permit { limit: self, hand_on }
    }

    /// How many calls have begun and not ended.
    pub fn begun(&self) -> usize {
        let calls = self.calls.lock();
        calls.running + calls.suspended
    }

    /// Whether no call runs, waits or is queued.
    pub fn is_idle(&self) -> bool {
        let calls = self.calls.lock();
        calls.running + calls.suspended == 0 && calls.queue.is_empty()
    }

    /// Gives a place up; whoever is returned has it now.
    fn leave(&self, suspended: usize) -> Option<T> {
        let mut calls = self.calls.lock();
        calls.running -= 1;
        calls.suspended += suspended;
        if calls.running >= self.limit {
            return None;
        }
        let Queued { call, bytes } = calls.queue.pop_front()?;
        calls.queued_bytes -= bytes;
        calls.running += 1;
        Some(call)
    }
}

impl<'a, T> Permit<'a, T> {
    /// Gives the place up for as long as the call waits.
    pub fn suspend(&self) -> Suspended<'a, T> {
        let next = self.limit.leave(1);
        let suspended = Suspended { limit: self.limit };
        if let Some(next) = next {
            (self.hand_on)(next);
        }
        suspended
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        if let Some(next) = self.limit.leave(0) {
            (self.hand_on)(next);
        }
    }
}

impl<T> Drop for Suspended<'_, T> {
    fn drop(&mut self) {
        let mut calls = self.limit.calls.lock();
        calls.suspended -= 1;
        calls.running += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn enter(limit: &ConcurrencyLimit<char>, call: char) -> Admission<char> {
        limit.enter(call, |_| 1)
    }

    #[test]
    fn calls_beyond_the_limit_wait_in_order() {
        let (limit, handed_on) = (ConcurrencyLimit::new(2), RefCell::new(String::new()));
        let hand_on = |call| handed_on.borrow_mut().push(call);
        assert_eq!(enter(&limit, 'a'), Admission::Admitted('a'));
        assert_eq!(enter(&limit, 'b'), Admission::Admitted('b'));
        let first = limit.permit(&hand_on);
        let second = limit.permit(&hand_on);
        assert_eq!(enter(&limit, 'c'), Admission::Queued);
        assert_eq!(enter(&limit, 'd'), Admission::Queued);
        drop(first);
        assert_eq!(*handed_on.borrow(), "c");
        drop(second);
        assert_eq!((handed_on.borrow().as_str(), limit.begun()), ("cd", 2));
        drop([limit.permit(&hand_on), limit.permit(&hand_on)]);
        assert!(limit.is_idle() && *handed_on.borrow() == "cd");
    }

    #[test]
    fn a_suspended_call_leaves_its_place_and_goes_on_whatever_the_limit() {
        let (limit, handed_on) = (ConcurrencyLimit::new(1), RefCell::new(String::new()));
        let hand_on = |call| handed_on.borrow_mut().push(call);
        assert_eq!(enter(&limit, 'a'), Admission::Admitted('a'));
        let permit = limit.permit(&hand_on);
        assert_eq!(enter(&limit, 'b'), Admission::Queued);
        let suspended = permit.suspend();
        assert_eq!((handed_on.borrow().as_str(), limit.begun()), ("b", 2));
        let other = limit.permit(&hand_on);
        drop(suspended);
        assert_eq!(enter(&limit, 'c'), Admission::Queued);
        drop(other);
        assert_eq!(*handed_on.borrow(), "b", "the one that went on is still there");
        drop(permit);
        assert_eq!(*handed_on.borrow(), "bc");
    }

    #[test]
    fn what_is_queued_holds_a_limited_number_of_bytes() {
        let limit = ConcurrencyLimit::new(1);
        assert_eq!(enter(&limit, 'a'), Admission::Admitted('a'));
        assert_eq!(limit.enter('b', |_| MAX_QUEUED_BYTES), Admission::Queued);
        assert_eq!(enter(&limit, 'c'), Admission::Full('c'));
        drop(limit.permit(&drop));
        assert_eq!(enter(&limit, 'c'), Admission::Queued);
    }

    #[test]
    fn a_panic_gives_the_place_to_the_next_call() {
        let (limit, handed_on) = (ConcurrencyLimit::new(1), RefCell::new(String::new()));
        let hand_on = |call| handed_on.borrow_mut().push(call);
        assert_eq!(enter(&limit, 'a'), Admission::Admitted('a'));
        assert_eq!(enter(&limit, 'b'), Admission::Queued);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let permit = limit.permit(&hand_on);
            let _suspended = permit.suspend();
            panic!("while the call waits");
        }));
        assert!(outcome.is_err());
        assert_eq!((handed_on.borrow().as_str(), limit.begun()), ("b", 1));
    }
}
