use fc_runtime::{Context, Error, Function, Request, Response};
use std::fmt;
use std::io::{self, Read, Write};
use support::{TestServer, config, get, post};

struct PanickingReader;

impl Read for PanickingReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("in a reader")
    }
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("in a Drop");
    }
}

impl Read for PanicsWhenDropped {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

/// Panics when it is asked what it says.
#[derive(Debug)]
struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a secret")
    }
}

impl std::error::Error for Unprintable {}

#[test]
fn an_error_that_cannot_be_printed_is_a_500_wherever_it_comes_from() {
    let server = TestServer::start(config(), |_, request| match request.path() {
        "/stream" => Ok(Response::stream(|_, _| Err(Unprintable.into()))),
        "/caused" => Err(anyhow::anyhow!("x").context(Unprintable)),
        "/fine" => Ok("fine".into()),
        _ => Err(Unprintable.into()),
    });
    let mut client = server.client();
    for path in ["/", "/stream", "/caused"] {
        client.send(get(path));
        assert_eq!(client.reply().status, 500, "{path}");
    }
    assert_eq!(server.request(post("/invoke", "")).status, 404);
    client.send(get("/fine"));
    assert_eq!(client.reply().text(), "fine");
}

fn respond(path: &str) -> Response {
    match path {
        "/invoke-panics" => panic!("a secret"),
        "/payload" => std::panic::panic_any(PanicsWhenDropped),
        "/reader" => Response::reader(PanickingReader, None),
        "/stream" => Response::stream(|_, _| panic!("in a stream")),
        "/later" => Response::stream(|_, out| {
            out.write_all(b"begun")?;
            out.flush()?;
            panic!("in a stream that has begun")
        }),
        "/dropped" => Response::reader(PanicsWhenDropped, None),
        "/invalid" => Response::reader(PanicsWhenDropped, None).with_status(0),
        _ => "fine".into(),
    }
}

#[test]
fn a_panic_is_a_500_whose_message_stays_in_the_log() {
    let server = TestServer::start(config(), |_, request| Ok(respond(request.path())));
    let mut client = server.client();
    for path in ["/invoke-panics", "/payload", "/reader", "/stream", "/invalid"] {
        client.send(get(path));
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("x-fc-status")), (500, Some("404")), "{path}");
        assert!(!reply.text().contains("secret"), "{}", reply.text());
    }
    client.send(get("/"));
    assert_eq!(client.reply().text(), "fine", "the connection lives on");
}

#[test]
fn an_event_that_panics_is_a_404_whose_message_stays_in_the_log() {
    let server = TestServer::start(config(), |_, _| -> anyhow::Result<Response> { panic!("a secret") });
    let reply = server.request(post("/invoke", ""));
    assert_eq!((reply.status, reply.header("x-fc-status")), (404, Some("404")));
    assert!(!reply.text().contains("secret") && reply.text().contains("FunctionPanic"), "{}", reply.text());
}

#[test]
fn a_panic_after_the_first_byte_costs_that_connection_alone() {
    let server = TestServer::start(config(), |_, request| Ok(respond(request.path())));
    let mut client = server.client();
    client.send(get("/later"));
    client.head();
    assert_eq!(client.chunk(), b"begun");
    client.assert_closed();
    assert_eq!(server.request(get("/")).text(), "fine");
}

#[test]
fn a_panic_in_the_drop_of_a_body_is_contained() {
    let server = TestServer::start(config(), |_, request| Ok(respond(request.path())));
    assert_eq!(server.request(get("/dropped")).status, 200);
    assert_eq!(server.request(get("/")).text(), "fine");
}

struct Fragile;

impl Function for Fragile {
    fn initialize(_: &Context) -> anyhow::Result<Self> {
        Ok(Fragile)
    }

    fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
        Ok("fine".into())
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        panic!("in pre_stop")
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("in the Drop of the function");
    }
}

#[test]
fn a_panic_in_pre_stop_or_while_the_old_value_goes_is_contained() {
    let server = TestServer::start_function(config(), Fragile::initialize);
    assert_eq!(server.request(get("/")).text(), "fine");
    assert_eq!(server.request(get("/pre-stop")).status, 404);
    assert_eq!(server.request(post("/initialize", "")).status, 200);
    assert_eq!(server.request(get("/")).text(), "fine");
    // The stop runs pre_stop once more, and drops the last value.
    let error = server.stop().unwrap_err();
    assert!(matches!(&error, Error::PreStop { message } if message == "panic: in pre_stop"), "{error}");
}

#[test]
fn a_thousand_panics_leave_the_server_as_it_was() {
    let server = TestServer::start(config().max_workers(4), |_, request| Ok(respond(request.path())));
    let mut client = server.client();
    for _ in 0..1000 {
        client.send(get("/invoke-panics"));
        assert_eq!(client.reply().status, 500);
    }
    assert_eq!(server.request(get("/")).text(), "fine");
}
