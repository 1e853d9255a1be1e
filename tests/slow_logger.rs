//! A program's own logger that takes its time. A process has one logger, so that this is a test of its own.

use fc_runtime::Response;
use log::{LevelFilter, Log, Metadata, Record};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use support::{TestServer, config, get, until};

static WRITERS: AtomicUsize = AtomicUsize::new(0);
static MAY_GO_ON: Mutex<bool> = Mutex::new(false);
static GO_ON: Condvar = Condvar::new();

/// Holds up whoever says that a connection is closed.
struct StandsStill;

impl Log for StandsStill {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.args().to_string().starts_with("connection closed") {
            WRITERS.fetch_add(1, Ordering::SeqCst);
            drop(GO_ON.wait_while(MAY_GO_ON.lock().unwrap(), |may_go_on| !*may_go_on).unwrap());
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_that_stands_still_holds_up_nobody_but_who_writes_to_it() {
    log::set_logger(&StandsStill).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let server = TestServer::start(config(), |_, _| Ok(Response::from("fine")));
    for closed in 1..=8 {
        drop(server.client());
        until("the line is written", || WRITERS.load(Ordering::SeqCst) == closed);
        let mut client = server.client();
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
        client.send("bad\r\n\r\n");
        assert_eq!(client.reply().status, 400);
        std::mem::forget(client); // its close would be one more
    }
    *MAY_GO_ON.lock().unwrap() = true;
    GO_ON.notify_all();
}
