//! How many calls run at once: the rest waits in a queue, first come first served. What a call is, is not
//! known here.

use crate::sync::{Arc, Mutex};
use std::collections::VecDeque;
use std::mem;

/// What queued calls may hold together: a small part of the platform's smallest instance (128 MB).
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;

pub(crate) struct ConcurrencyLimit<T> {
    limit: usize,
    calls: Mutex<Calls<T>>,
    /// Has a queued call run whose turn has come.
    hand_on: Box<dyn Fn(T, Permit<T>) + Send + Sync>,
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
pub(crate) enum Admission<T> {
    /// It runs now.
    Admitted(T, Permit<T>),
    Queued,
    /// Too much waits already.
    Full(T),
}

/// A call's place among those that run. When it is dropped, the next call has it, and is handed on.
pub(crate) struct Permit<T>(Arc<ConcurrencyLimit<T>>);

/// A call that holds no place while it waits. It has begun, so it goes on whatever the limit says.
pub(crate) struct Suspended<'a, T> {
    limit: &'a ConcurrencyLimit<T>,
}

impl<T> ConcurrencyLimit<T> {
    /// A limit of so many calls. `hand_on` has a call run that was queued.
    pub(crate) fn new(
        limit: usize,
        hand_on: impl Fn(T, Permit<T>) + Send + Sync + 'static,
    ) -> Arc<ConcurrencyLimit<T>> {
        let calls = Calls { running: 0, suspended: 0, queue: VecDeque::new(), queued_bytes: 0 };
        Arc::new(ConcurrencyLimit { limit, calls: Mutex::new(calls), hand_on: Box::new(hand_on) })
    }

    /// Takes a place, or queues the call as long as what is queued does not hold too many bytes.
    pub(crate) fn enter(self: &Arc<Self>, call: T, bytes_of: impl FnOnce(&T) -> usize) -> Admission<T> {
        let mut calls = self.calls.lock();
        if calls.running < self.limit {
            calls.running += 1;
            return Admission::Admitted(call, Permit(self.clone()));
        }
        let bytes = bytes_of(&call);
        if calls.queued_bytes + bytes > MAX_QUEUED_BYTES {
            return Admission::Full(call);
        }
        calls.queued_bytes += bytes;
        calls.queue.push_back(Queued { call, bytes });
        Admission::Queued
    }

    /// Whether one call runs at a time.
    pub(crate) fn is_one(&self) -> bool {
        self.limit == 1
    }

    /// How many calls have begun and not ended.
    pub(crate) fn begun(&self) -> usize {
        let calls = self.calls.lock();
        calls.running + calls.suspended
    }

    /// How many calls wait for a place.
    pub(crate) fn queued(&self) -> usize {
        self.calls.lock().queue.len()
    }

    /// Whether no call runs, waits or is queued.
    pub(crate) fn is_idle(&self) -> bool {
        let calls = self.calls.lock();
        calls.running + calls.suspended == 0 && calls.queue.is_empty()
    }

    /// Gives a place up, to the next call if there is one.
    fn leave(self: &Arc<Self>, suspended: usize) {
        let mut calls = self.calls.lock();
        calls.running -= 1;
        calls.suspended += suspended;
        if calls.running < self.limit
            && let Some(Queued { call, bytes }) = calls.queue.pop_front()
        {
            calls.queued_bytes -= bytes;
            calls.running += 1;
            drop(calls);
            (self.hand_on)(call, Permit(self.clone()));
        }
    }
}

impl<T> Permit<T> {
    /// Nobody is left who would run a call: those that are queued go with this one.
    pub(crate) fn clear_queue(self) {
        let mut calls = self.0.calls.lock();
        calls.queued_bytes = 0;
        let queue = mem::take(&mut calls.queue);
        drop(calls);
        drop(queue); // outside of the lock
    }

    /// Gives the place up for as long as the call waits.
    pub(crate) fn suspend(&self) -> Suspended<'_, T> {
        let suspended = Suspended { limit: &self.0 };
        self.0.leave(1);
        suspended
    }
}

impl<T> Drop for Permit<T> {
    fn drop(&mut self) {
        self.0.leave(0);
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
    use crate::sync::{Receiver, bounded};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// Calls are letters; those that were queued arrive where their turn has come.
    struct Scene {
        limit: Arc<ConcurrencyLimit<char>>,
        handed_on: Receiver<(char, Permit<char>)>,
    }

    fn scene(limit: usize) -> Scene {
        let (hand_on, handed_on) = bounded(8);
        let limit = ConcurrencyLimit::new(limit, move |call, permit| {
            let _ = hand_on.send((call, permit)); // its receiver is gone at the end of a test
        });
        Scene { limit, handed_on }
    }

    impl Scene {
        fn admitted(&self, call: char) -> Permit<char> {
            match self.limit.enter(call, |_| 1) {
                Admission::Admitted(admitted, permit) if admitted == call => permit,
                _ => panic!("{call} is not admitted"),
            }
        }

        fn queue(&self, call: char) {
            assert!(matches!(self.limit.enter(call, |_| 1), Admission::Queued), "{call}");
        }

        fn handed_on(&self) -> Option<(char, Permit<char>)> {
            self.handed_on.try_recv().ok()
        }
    }

    #[test]
    fn calls_beyond_the_limit_wait_in_order() {
        let scene = scene(2);
        let (a, b) = (scene.admitted('a'), scene.admitted('b'));
        scene.queue('c');
        scene.queue('d');
        assert!(scene.handed_on().is_none());
        assert_eq!(scene.limit.queued(), 2);
        drop(b);
        let (c, c_permit) = scene.handed_on().unwrap();
        drop(a);
        let (d, d_permit) = scene.handed_on().unwrap();
        assert_eq!((c, d, scene.limit.begun()), ('c', 'd', 2));
        drop((c_permit, d_permit));
        assert!(scene.limit.is_idle() && scene.handed_on().is_none());
    }

    #[test]
    fn a_suspended_call_leaves_its_place_and_goes_on_whatever_the_limit() {
        let scene = scene(1);
        let a = scene.admitted('a');
        scene.queue('b');
        let suspended = a.suspend();
        let (_, b) = scene.handed_on().unwrap();
        assert_eq!(scene.limit.begun(), 2);
        drop(suspended);
        scene.queue('c');
        drop(b);
        assert!(scene.handed_on().is_none(), "the one that went on is still there");
        drop(a);
        assert_eq!(scene.handed_on().unwrap().0, 'c');
    }

    #[test]
    fn what_is_queued_holds_a_limited_number_of_bytes() {
        let scene = scene(1);
        let a = scene.admitted('a');
        assert!(matches!(scene.limit.enter('b', |_| MAX_QUEUED_BYTES), Admission::Queued));
        assert!(matches!(scene.limit.enter('c', |_| 1), Admission::Full('c')));
        drop(a);
        let _b = scene.handed_on().unwrap();
        scene.queue('c');
    }

    #[test]
    fn a_panic_gives_the_place_to_the_next_call() {
        let scene = scene(1);
        let a = scene.admitted('a');
        scene.queue('b');
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let a = a;
            let _suspended = a.suspend();
            panic!("while the call waits");
        }));
        let (b, _permit) = scene.handed_on().unwrap();
        assert_eq!((outcome.is_err(), b, scene.limit.begun()), (true, 'b', 1));
    }

    #[test]
    fn a_call_that_is_lost_on_its_way_gives_its_place_to_the_next_one() {
        let limit = ConcurrencyLimit::new(1, |_, permit: Permit<usize>| drop(permit));
        let Admission::Admitted(_, permit) = limit.enter(0, |_| 1) else { panic!("not admitted") };
        for call in 1..=3 {
            assert!(matches!(limit.enter(call, |_| 1), Admission::Queued));
        }
        drop(permit);
        assert!(limit.is_idle());
    }

    #[test]
    fn a_queue_that_nobody_runs_any_more_ends_at_once_however_long_it_is() {
        let limit = ConcurrencyLimit::new(1, |_, permit: Permit<usize>| permit.clear_queue());
        let Admission::Admitted(_, permit) = limit.enter(0, |_| 0) else { panic!("not admitted") };
        for call in 1..=1_000_000 {
            assert!(matches!(limit.enter(call, |_| 0), Admission::Queued));
        }
        drop(permit);
        assert!(limit.is_idle());
    }
}
