//! A program's own logger that fails at every line: it is code like any other of the author's. A process has one
//! logger, so that this is a test of its own.

use fc_runtime::{Context, Function, Request, Response};
use log::{LevelFilter, Log, Metadata, Record};
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{TestServer, config, get, post};

struct Panics;

static LINES: AtomicUsize = AtomicUsize::new(0);

impl Log for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // The lines of the author's own code are the author's own business.
        if record.target().starts_with("fc_runtime") {
            LINES.fetch_add(1, Ordering::SeqCst);
            panic!("in the logger");
        }
    }

    fn flush(&self) {}
}

struct Fails;

impl Drop for Fails {
    fn drop(&mut self) {
        panic!("in a Drop");
    }
}

impl Function for Fails {
    fn initialize(_: &Context) -> anyhow::Result<Fails> {
        Ok(Fails)
    }

    fn invoke(&self, _: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        match request.path() {
            "/fine" => Ok("fine".into()),
            "/dropped" => Ok(Response::reader(std::io::empty(), None).with_status(7)),
            _ => anyhow::bail!("no"),
        }
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        anyhow::bail!("no")
    }
}

#[test]
fn a_logger_that_panics_costs_its_lines_and_nothing_else() {
    log::set_logger(&Panics).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let config = config().max_workers(1).max_connections(2);
    let server = TestServer::start_function(config, Fails::initialize);
    for round in 0..20 {
        // The second and the third connection close idle ones, which is a line too.
        for (wire, status) in [
            (get("/fine"), 200),
            (get("/fails"), 500),
            (post("/invoke", "x"), 404),
            (get("/dropped"), 500),
            (get("/pre-stop"), 404),
            (post("/initialize", ""), 200),
            ("GET / HTTP/3.0\r\n\r\n".into(), 505),
        ] {
            assert_eq!(server.request(&wire).status, status, "round {round}: {wire}");
        }
    }
    assert!(LINES.load(Ordering::SeqCst) > 20 * 7, "it is asked for every line");
    assert!(server.stop().is_err(), "pre_stop fails, and that is all");
}
