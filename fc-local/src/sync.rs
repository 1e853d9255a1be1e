//! Locks and condition variables that know no poison. What they guard is not known here.

use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

pub use std::sync::MutexGuard;

/// A mutex without poison. Poison tells of a panic between two steps of a change; the changes under these
/// locks leave every value usable after each step, and one thread's panic must not end the calls of all the
/// others.
#[derive(Debug, Default)]
pub struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(std::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unless somebody holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A condition variable for [`Mutex`].
#[derive(Debug, Default)]
pub struct Condvar(std::sync::Condvar);

impl Condvar {
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits for a notification, for `timeout` at the most.
    pub fn wait_timeout<'a, T>(&self, guard: MutexGuard<'a, T>, timeout: Duration) -> MutexGuard<'a, T> {
        self.0.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for as long as `is_waiting` says so of what the lock guards.
    pub fn wait_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        is_waiting: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.0.wait_while(guard, is_waiting).unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`wait_while`](Self::wait_while), for `timeout` at the most.
    pub fn wait_timeout_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
        is_waiting: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        let waited = self.0.wait_timeout_while(guard, timeout, is_waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_under_a_lock_does_not_close_it() {
        let lock = Mutex::new(1);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            *lock.lock() = 2;
            let _guard = lock.lock();
            panic!("under the lock");
        }));
        assert!(outcome.is_err());
        assert_eq!(lock.try_lock().map(|guard| *guard), Some(2));
        let held = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(held);
    }

    #[test]
    fn a_wait_ends_at_once_when_there_is_nothing_to_wait_for() {
        let (lock, changed) = (Mutex::new(0), Condvar::default());
        assert_eq!(*changed.wait_while(lock.lock(), |value| *value != 0), 0);
        assert_eq!(*changed.wait_timeout_while(lock.lock(), Duration::MAX, |value| *value != 0), 0);
    }

    #[test]
    fn a_wait_with_a_timeout_ends_without_a_notification() {
        let (lock, changed) = (Mutex::new(0), Condvar::default());
        assert_eq!(*changed.wait_timeout(lock.lock(), Duration::ZERO), 0);
        assert_eq!(*changed.wait_timeout_while(lock.lock(), Duration::ZERO, |value| *value == 0), 0);
    }
}
