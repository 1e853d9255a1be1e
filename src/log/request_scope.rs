//! Whose lines a thread logs: what is logged on an invocation's own thread carries its request id.

use std::cell::RefCell;

thread_local! {
    /// The id of the request that this thread serves, empty outside of one.
    static REQUEST_ID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What this thread logs belongs to one request for as long as this lives.
pub(crate) struct RequestScope(());

impl RequestScope {
    pub(crate) fn enter(request_id: &str) -> RequestScope {
        set(request_id);
        RequestScope(())
    }
}

impl Drop for RequestScope {
    fn drop(&mut self) {
        set("");
    }
}

/// Does nothing while the thread ends: what it logs then belongs to nobody.
fn set(request_id: &str) {
    let _ = REQUEST_ID.try_with(|current| {
        if let Ok(mut current) = current.try_borrow_mut() {
            current.clear();
            current.push_str(request_id);
        }
    });
}

/// Appends the id of the request that this thread serves; `-` outside of one, and also while the thread ends:
/// a thread-local's destructor may log.
#[cfg_attr(not(feature = "logger"), allow(dead_code, reason = "the logger writes it"))]
pub(crate) fn append_request_id(line: &mut Vec<u8>) {
    let before = line.len();
    let _ = REQUEST_ID.try_with(|current| {
        if let Ok(id) = current.try_borrow() {
            line.extend_from_slice(id.as_bytes());
        }
    });
    if line.len() == before {
        line.push(b'-');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{bounded, spawn};
    use std::time::Duration;

    fn current() -> String {
        let mut line = Vec::new();
        append_request_id(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_panic_ends_the_scope() {
        assert_eq!(current(), "-");
        let outcome = std::panic::catch_unwind(|| {
            let _scope = RequestScope::enter("id-1");
            assert_eq!(current(), "id-1");
            panic!("in the scope");
        });
        assert!(outcome.is_err());
        assert_eq!(current(), "-");
    }

    #[test]
    fn a_thread_that_ends_may_ask() {
        struct AsksWhenDropped(crate::sync::Sender<String>);
        impl Drop for AsksWhenDropped {
            fn drop(&mut self) {
                self.0.send(current()).unwrap();
            }
        }
        thread_local!(static LATE: RefCell<Option<AsksWhenDropped>> = const { RefCell::new(None) });
        let (answer, answered) = bounded(1);
        spawn("ends", crate::sync::STACK_SIZE, move || {
            LATE.set(Some(AsksWhenDropped(answer)));
            // Used after the other one, so it is destroyed before it.
            let _scope = RequestScope::enter("id-2");
        })
        .unwrap();
        assert_eq!(answered.recv_timeout(Duration::from_secs(30)).as_deref(), Ok("-"));
    }
}
