use fc_runtime::{CallKind, Context, Function, Request, Response, ServerConfig, StatusError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Gate, Passage, TestServer, config, gate, get, post};

#[derive(Default)]
struct Counts {
    initialize: AtomicUsize,
    invoke: AtomicUsize,
    pre_stop: AtomicUsize,
}

impl Counts {
    fn all(&self) -> (usize, usize, usize) {
        let load = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (load(&self.initialize), load(&self.invoke), load(&self.pre_stop))
    }
}

/// Answers with the number of the initialization that built it.
struct Numbered {
    number: usize,
    counts: Arc<Counts>,
    passage: Option<Passage>,
}

impl Function for Numbered {
    fn invoke(&self, context: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        self.counts.invoke.fetch_add(1, Ordering::SeqCst);
        if let (Some(passage), "/gate") = (&self.passage, request.path()) {
            passage.pass();
        }
        if request.path() == "/large" {
            return Ok(Response::bytes(vec![b'x'; LARGE]));
        }
        let kind = match context.kind() {
            CallKind::Event => "event",
            CallKind::Http => "http",
            _ => "hook",
        };
        Ok(Response::text(format!("{kind} {}", self.number)))
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        self.counts.pre_stop.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn numbered(config: ServerConfig, passage: Option<Passage>) -> (TestServer, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let shared = counts.clone();
    let server = TestServer::start_function(config, move |_| {
        let number = shared.initialize.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Numbered { number, counts: shared.clone(), passage: passage.clone() })
    });
    (server, counts)
}

const INITIALIZE: &str = "POST /initialize HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
/// More than the system takes of a response that nobody reads.
const LARGE: usize = 16 * 1024 * 1024;
const PRE_STOP: &str = "GET /pre-stop HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_life_goes_from_initialize_over_invocations_to_pre_stop() {
    let (server, counts) = numbered(config(), None);
    assert_eq!(server.request(INITIALIZE).status, 200);
    assert_eq!(server.request(INITIALIZE).status, 200);
    assert_eq!(server.request(post("/invoke", "{}")).text(), "event 1");
    assert_eq!(server.request(get("/")).text(), "http 1");
    assert_eq!(server.request(PRE_STOP).status, 200);
    assert_eq!(server.request(PRE_STOP).status, 200);
    assert_eq!(counts.all(), (1, 2, 1));
}

#[test]
fn the_first_invocation_initializes_when_no_hook_did() {
    let (server, counts) = numbered(config(), None);
    assert_eq!(server.request(get("/")).text(), "http 1");
    assert_eq!(server.request(INITIALIZE).status, 200);
    assert_eq!(counts.all(), (1, 1, 0));
}

#[test]
fn initialize_after_pre_stop_builds_a_new_value() {
    let (server, counts) = numbered(config(), None);
    for number in 1..=3 {
        assert_eq!(server.request(INITIALIZE).status, 200);
        assert_eq!(server.request(get("/")).text(), format!("http {number}"));
        assert_eq!(server.request(PRE_STOP).status, 200);
    }
    assert_eq!(counts.all(), (3, 3, 3));
}

#[test]
fn an_invocation_is_over_for_the_hooks_before_the_last_byte_of_its_response() {
    let (server, counts) = numbered(config(), None);
    let mut caller = server.client();
    caller.send(get("/large"));
    let head = caller.head(); // and most of its body is still to be sent
    assert_eq!(server.request(PRE_STOP).status, 200);
    assert!(head.contains(&format!("content-length: {LARGE}")), "{head}");
    assert_eq!(caller.take(LARGE).len(), LARGE);
    caller.send(INITIALIZE);
    assert_eq!(caller.reply().status, 200);
    assert_eq!(counts.all(), (2, 1, 1), "initialized again: nothing was in use when pre_stop ran");
}

#[test]
fn an_invocation_after_pre_stop_is_served_and_flushed_by_the_next_one() {
    let (server, counts) = numbered(config(), None);
    assert_eq!(server.request(get("/")).text(), "http 1");
    for _ in 0..2 {
        assert_eq!(server.request(PRE_STOP).status, 200);
        assert_eq!(server.request(get("/")).text(), "http 1");
    }
    server.stop().unwrap();
    assert_eq!(counts.all(), (1, 3, 3), "the stop is a pre_stop too");
}

#[test]
fn pre_stop_before_anything_else_runs_nothing() {
    let (server, counts) = numbered(config(), None);
    assert_eq!(server.request(PRE_STOP).status, 200);
    assert_eq!(counts.all(), (0, 0, 0));
}

#[test]
fn a_hundred_initializes_at_once_run_one() {
    let (test, passage) = gate();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let server = TestServer::start_function(config(), move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
        passage.pass();
        Ok(Numbered { number, counts: Arc::default(), passage: None })
    });
    let mut clients: Vec<_> = (0..100).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(INITIALIZE);
    }
    let mut invocation = server.client();
    invocation.send(get("/"));
    test.wait_for(1);
    invocation.assert_silent();
    test.let_go(1);
    for client in &mut clients {
        assert_eq!(client.reply().status, 200);
    }
    assert_eq!(invocation.reply().text(), "http 1");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failed_initialize_answers_with_its_status_and_is_tried_again() {
    let attempts = AtomicUsize::new(0);
    let server =
        TestServer::start_function(config(), move |_| match attempts.fetch_add(1, Ordering::SeqCst) {
            0 => Err(StatusError::new(404, "not yet").into()),
            1 => Err(anyhow::anyhow!("broken").context("building")),
            2 => panic!("secret"),
            number => Ok(Numbered { number, counts: Arc::default(), passage: None }),
        });
    let reply = server.request(INITIALIZE);
    assert_eq!(
        (reply.status, reply.text()),
        (404, r#"{"errorMessage":"not yet","errorType":"InitializationError"}"#)
    );
    let reply = server.request(INITIALIZE);
    assert_eq!(
        (reply.status, reply.text()),
        (500, r#"{"errorMessage":"building: broken","errorType":"InitializationError"}"#)
    );
    let reply = server.request(INITIALIZE);
    assert_eq!((reply.status, reply.text().contains("secret")), (500, false), "{}", reply.text());
    assert_eq!(server.request(INITIALIZE).status, 200);
    assert_eq!(server.request(get("/")).text(), "http 3");
}

#[test]
fn a_client_cannot_reach_a_hook_through_an_http_trigger() {
    let (server, counts) = numbered(config(), None);
    for (method, path) in [("GET", "/pre-stop"), ("POST", "/initialize"), ("GET", "/pre-freeze")] {
        let wire = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nX-FC-Control-Path: /http-invoke\r\n\r\n");
        assert_eq!(server.request(wire).text(), "http 1");
    }
    assert_eq!(counts.all(), (1, 3, 0));
    let hook = "GET /any HTTP/1.1\r\nHost: h\r\nx-fc-control-path: /pre-stop\r\n\r\n";
    assert_eq!(server.request(hook).status, 200);
    assert_eq!(counts.all(), (1, 3, 1));
}

#[test]
fn pre_freeze_is_answered_without_the_function() {
    let (server, counts) = numbered(config(), None);
    assert_eq!(server.request(get("/pre-freeze")).status, 200);
    assert_eq!(counts.all(), (0, 0, 0));
}

#[test]
fn without_hooks_everybody_is_an_http_client() {
    let (server, counts) = numbered(config().hooks(false), None);
    for wire in [INITIALIZE, PRE_STOP, "GET / HTTP/1.1\r\nHost: h\r\nx-fc-control-path: /pre-stop\r\n\r\n"] {
        let reply = server.request(wire);
        assert_eq!((reply.text(), reply.header("x-fc-status")), ("http 1", None));
    }
    assert_eq!(counts.all(), (1, 3, 0));
}

#[test]
fn without_hooks_no_platform_header_is_believed() {
    let server = TestServer::start(config().hooks(false), |context, _| {
        Ok(Response::text(format!("{} {:?}", context.request_id(), context.function().name)))
    });
    let wire = "GET / HTTP/1.1\r\nHost: h\r\nx-fc-request-id: mine\r\nx-fc-function-name: mine\r\n\r\n";
    let reply = server.request(wire);
    assert!(reply.text().starts_with("1-") && reply.text().ends_with(" None"), "{}", reply.text());
}

#[test]
fn the_health_path_is_answered_without_the_function() {
    let (server, counts) = numbered(config().health_path("/healthz"), None);
    assert_eq!(server.request(get("/healthz")).status, 200);
    assert_eq!(counts.all(), (0, 0, 0));
    assert_eq!(server.request(post("/healthz", "")).text(), "http 1");
}

#[test]
fn pre_stop_runs_beside_invocations() {
    let (test, passage): (Gate, Passage) = gate();
    let (server, counts) = numbered(config(), Some(passage));
    let mut held = server.client();
    held.send(get("/gate"));
    test.wait_for(1);
    assert_eq!(server.request(PRE_STOP).status, 200);
    assert_eq!(counts.all(), (1, 1, 1));
    // A new value serves what comes now, the old one what it has begun.
    assert_eq!(server.request(INITIALIZE).status, 200);
    assert_eq!(server.request(get("/")).text(), "http 2");
    test.let_go(1);
    assert_eq!(held.reply().text(), "http 1");
}
