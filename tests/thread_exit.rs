//! What may run while a thread ends: the destructors of an author's thread-locals, which log. A panic there ends the
//! process, so that this is a test of its own.

use fc_runtime::{Context, Function, Request, Response};
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{TestServer, config, get, post, until};

static ENDED: AtomicUsize = AtomicUsize::new(0);

/// Logs, and says that it got through.
struct LogsWhenDropped;

impl Drop for LogsWhenDropped {
    fn drop(&mut self) {
        log::info!("a thread ends");
        log::error!("and says so {} times", 2);
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static LATE: RefCell<Option<LogsWhenDropped>> = const { RefCell::new(None) };
}

/// Its first use on a thread comes before any line is logged there, so that it is the last to be destroyed.
fn use_thread_local() {
    LATE.with_borrow_mut(|late| {
        late.get_or_insert(LogsWhenDropped);
    });
    log::info!("at work");
}

struct Logs;

impl Function for Logs {
    fn initialize(_: &Context) -> anyhow::Result<Logs> {
        use_thread_local();
        Ok(Logs)
    }

    fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
        use_thread_local();
        Ok("fine".into())
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        use_thread_local();
        Ok(())
    }
}

#[test]
fn a_thread_that_ends_may_log() {
    fc_runtime::logger::init();
    let server = TestServer::start_function(config(), Logs::initialize);
    for _ in 0..20 {
        assert_eq!(server.request(get("/")).status, 200);
    }
    assert_eq!(server.request(post("/initialize", "")).status, 200);
    server.stop().unwrap();
    // A worker that served, and the one that ran `pre_stop`.
    until("the threads have ended", || ENDED.load(Ordering::SeqCst) >= 2);
}
