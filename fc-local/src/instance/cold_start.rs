//! Where did the time of a cold start go? An account of its parts, printed once. How it is printed is not
//! known here.

use std::time::Duration;

use crate::sync::Mutex;

pub type Parts = Vec<(&'static str, Duration)>;

/// The account, until it is closed.
pub struct ColdStart(Mutex<Option<Parts>>);

impl ColdStart {
    pub fn new(parts: Parts) -> ColdStart {
        ColdStart(Mutex::new(Some(parts)))
    }

    /// Adds a part, unless the account is closed.
    pub fn add(&self, part: &'static str, time: Duration) {
        if let Some(parts) = &mut *self.0.lock() {
            parts.push((part, time));
        }
    }

    /// Closes the account; its parts the first time.
    pub fn close(&self) -> Option<Parts> {
        self.0.lock().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_closed_once_and_nothing_is_added_afterwards() {
        let account = ColdStart::new(vec![("process", Duration::from_millis(1))]);
        account.add("port", Duration::from_millis(2));
        assert_eq!(account.close().map(|parts| parts.len()), Some(2));
        account.add("first byte", Duration::from_millis(3));
        assert_eq!(account.close(), None);
    }
}
