//! Locks, atomics, threads and channels: the one source of them in this crate, so that a model checker can
//! take their place. What they are used for is not known here.

use std::io;
use std::thread;
use std::time::Duration;

pub(crate) use crossbeam_channel::{Receiver, Sender, bounded};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, MutexGuard, OnceLock, RwLock, Weak};
#[cfg(not(target_os = "linux"))]
pub(crate) use std::thread::available_parallelism;
pub(crate) use std::thread::{Thread, ThreadId, panicking, park, park_timeout, sleep};

/// A lock without poison. A poisoned lock tells of a panic in the middle of a change. No code of the author's runs
/// under these locks, so that it would be an error of ours; that may cost what was being changed, and is not to
/// cost everything else.
#[derive(Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A condition variable for [`Mutex`].
#[derive(Default)]
pub(crate) struct Condvar(std::sync::Condvar);

impl Condvar {
    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits for as long as `is_waiting` says so of what the lock guards.
    pub(crate) fn wait_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        is_waiting: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.0.wait_while(guard, is_waiting).unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// As [`wait_while`](Self::wait_while), for `timeout` at the most.
    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
        is_waiting: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        let waited = self.0.wait_timeout_while(guard, timeout, is_waiting);
        waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
    }
}

/// An event that happens once, and those who wait for it.
#[derive(Default)]
pub(crate) struct OnceEvent {
    has_happened: Mutex<bool>,
    happened: Condvar,
}

impl OnceEvent {
    /// Lets everybody go on who waits for it, now or later.
    pub(crate) fn set(&self) {
        *self.has_happened.lock() = true;
        self.happened.notify_all();
    }

    pub(crate) fn has_happened(&self) -> bool {
        *self.has_happened.lock()
    }

    pub(crate) fn wait(&self) {
        drop(self.happened.wait_while(self.has_happened.lock(), |has_happened| !*has_happened));
    }

    /// Whether it has happened within `timeout`.
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> bool {
        *self.happened.wait_timeout_while(self.has_happened.lock(), timeout, |has_happened| !*has_happened)
    }
}

pub(crate) fn thread_id() -> ThreadId {
    thread::current().id()
}

/// What a main thread has on most systems: code that ran there for a while is not to fail on another thread.
pub(crate) const STACK_SIZE: usize = 8 * 1024 * 1024;

/// A thread that nobody joins, with so much stack. Its body is boxed, so that the code which makes threads is in the binary once and not
/// for each of them: that is 4 KB.
pub(crate) fn spawn(
    name: &str,
    stack_size: usize,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<Thread> {
    let body: Box<dyn FnOnce() + Send> = Box::new(body);
    let builder = thread::Builder::new().name(name.into()).stack_size(stack_size);
    Ok(builder.spawn(body)?.thread().clone())
}

/// Runs its code when the thread unwinds past it: for what is owed to others whatever happens.
pub(crate) struct OnUnwind<F: FnMut()>(Option<F>);

impl<F: FnMut()> OnUnwind<F> {
    pub(crate) fn new(code: F) -> OnUnwind<F> {
        OnUnwind(Some(code))
    }

    /// What was owed is going to be done.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        if let Some(code) = &mut self.0 {
            code();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_panic_under_a_lock_does_not_close_it() {
        let lock = Mutex::new(1);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut value = lock.lock();
            *value = 2;
            panic!("under the lock");
        }));
        assert!(outcome.is_err());
        assert_eq!(*lock.lock(), 2);
    }

    #[test]
    fn what_is_owed_is_done_by_an_unwinding_thread_and_not_otherwise() {
        let mut done = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _owed = OnUnwind::new(|| done += 1);
            panic!("before it was done");
        }));
        assert_eq!((outcome.is_err(), done), (true, 1));
        OnUnwind::new(|| done += 1).disarm();
        assert_eq!(done, 1);
    }

    #[test]
    fn an_event_is_seen_by_those_who_wait_before_and_by_those_who_wait_after() {
        let event = Arc::new(OnceEvent::default());
        let before = event.clone();
        let (done, is_done) = bounded(1);
        spawn("waits", STACK_SIZE, move || {
            before.wait();
            done.send(()).unwrap();
        })
        .unwrap();
        assert!(!event.wait_timeout(Duration::ZERO));
        event.set();
        event.set();
        is_done.recv_timeout(Duration::from_secs(30)).unwrap();
        event.wait();
        assert!(event.wait_timeout(Duration::ZERO));
    }
}
