//! Whose lines a thread logs: what is logged on an invocation's own thread carries its request id, and its trace's.

use crate::sync::{AtomicBool, Ordering};
use std::cell::RefCell;

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current { request_id: String::new(), trace_id: None }) };
}

/// The request that this thread serves.
struct Current {
    /// Empty outside of one.
    request_id: String,
    trace_id: Option<TraceId>,
}

/// Its hexadecimal digits.
pub(crate) type TraceId = [u8; 32];

/// Whether anybody writes lines by what is noted here; else no trace is looked for.
static IS_READ: AtomicBool = AtomicBool::new(false);

/// What this thread logs belongs to one request for as long as this lives.
pub(crate) struct RequestScope(());

impl RequestScope {
    pub(crate) fn enter(request_id: &str, trace_id: impl FnOnce() -> Option<TraceId>) -> RequestScope {
        set(request_id, if IS_READ.load(Ordering::Relaxed) { trace_id() } else { None });
        RequestScope(())
    }
}

impl Drop for RequestScope {
    fn drop(&mut self) {
        set("", None);
    }
}

/// Does nothing while the thread ends: what it logs then belongs to nobody.
fn set(request_id: &str, trace_id: Option<TraceId>) {
    let _ = CURRENT.try_with(|current| {
        if let Ok(mut current) = current.try_borrow_mut() {
            current.request_id.clear();
            current.request_id.push_str(request_id);
            current.trace_id = trace_id;
        }
    });
}

/// There is somebody.
#[cfg_attr(not(feature = "logger"), allow(dead_code, reason = "the logger does"))]
pub(crate) fn will_be_read() {
    IS_READ.store(true, Ordering::Relaxed);
}

/// Has `write` write the ids of the request that this thread serves, and of its trace. The first one is empty outside of a
/// request, and also while the thread ends: a thread-local's destructor may log.
#[cfg_attr(not(feature = "logger"), allow(dead_code, reason = "the logger writes them"))]
pub(crate) fn with_ids(mut write: impl FnMut(&str, Option<&str>)) {
    let written = CURRENT.try_with(|current| {
        let current = current.try_borrow().ok()?;
        let trace_id = current.trace_id.as_ref().and_then(|id| std::str::from_utf8(id).ok());
        write(&current.request_id, trace_id);
        Some(())
    });
    if !matches!(written, Ok(Some(()))) {
        write("", None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{bounded, spawn};
    use std::time::Duration;

    /// Both ids, with `-` for one that is not there.
    fn current() -> String {
        let mut ids = String::new();
        with_ids(|request_id, trace_id| ids = format!("{request_id}/{}", trace_id.unwrap_or("-")));
        ids
    }

    fn enter(request_id: &str) -> RequestScope {
        will_be_read();
        RequestScope::enter(request_id, || Some([b'a'; 32]))
    }

    #[test]
    fn a_panic_ends_the_scope() {
        assert_eq!(current(), "/-");
        let outcome = std::panic::catch_unwind(|| {
            let _scope = enter("id-1");
            assert_eq!(current(), format!("id-1/{}", "a".repeat(32)));
            panic!("in the scope");
        });
        assert!(outcome.is_err());
        assert_eq!(current(), "/-");
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
            let _scope = enter("id-2");
        })
        .unwrap();
        assert_eq!(answered.recv_timeout(Duration::from_secs(30)).as_deref(), Ok("/-"));
    }
}
