//! Something that happens once, and those who wait for it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Latch {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Latch {
    /// It has happened; opening it again does nothing.
    pub fn open(&self) {
        *self.lock() = true;
        self.opened.notify_all();
    }

    pub fn wait(&self) {
        drop(self.opened.wait_while(self.lock(), |is_open| !*is_open));
    }

    /// Whether it has happened within `timeout`.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let waited = self.opened.wait_timeout_while(self.lock(), timeout, |is_open| !*is_open);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
