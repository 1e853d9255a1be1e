use fc_runtime::{Response, ServerConfig};
use std::io::{self, Read, Write};
use support::{TestServer, config, gate, get, post};

fn echo(config: ServerConfig) -> TestServer {
    TestServer::start(config, |_, _| {
        Ok(Response::stream(|body, out| {
            io::copy(body, out)?;
            Ok(())
        }))
    })
}

fn collect(config: ServerConfig) -> TestServer {
    TestServer::start(config, |_, mut request| Ok(Response::bytes(request.bytes()?)))
}

#[test]
fn an_echo_answers_while_the_request_is_still_coming() {
    let server = echo(config());
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(client.chunk(), b"ping");
    client.send("4\r\npong\r\n");
    assert_eq!(client.chunk(), b"pong");
    client.send(["0\r\n\r\n", &get("/next")].concat());
    assert_eq!(client.chunk(), b"");
    assert_eq!(client.reply().body, b"");
}

#[test]
fn a_large_echo_keeps_its_connection() {
    let server = echo(config());
    let mut client = server.client();
    for _ in 0..3 {
        let sending = client.stream.try_clone().unwrap();
        let sender =
            std::thread::spawn(move || (&sending).write_all(post("/", &"x".repeat(300_000)).as_bytes()));
        let reply = client.reply();
        assert_eq!((reply.body.len(), reply.header("connection")), (300_000, None));
        sender.join().unwrap().unwrap();
    }
}

#[test]
fn bodies_of_every_size_around_the_buffers_come_back_whole() {
    let (streamed, collected) = (echo(config()), collect(config()));
    for size in [0, 1, 4095, 4096, 4097, 16383, 16384, 16385, 65536, 1_000_003] {
        let body: String = (0..size).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
        for server in [&streamed, &collected] {
            let reply = server.request(post("/", &body));
            assert_eq!((reply.status, reply.body.len()), (200, size));
            assert!(reply.body == body.as_bytes(), "a body of {size} bytes changed");
        }
    }
}

#[test]
fn the_client_is_asked_for_its_body_when_the_function_reads_it() {
    let server = collect(config());
    for body in
        ["Content-Length: 5\r\n\r\n|hello", "Transfer-Encoding: chunked\r\n\r\n|5\r\nhello\r\n0\r\n\r\n"]
    {
        let (head, body) = body.split_once('|').unwrap();
        let mut client = server.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n{head}"));
        assert_eq!(client.reply().status, 100);
        client.send(body);
        assert_eq!(client.reply().text(), "hello");
    }
}

#[test]
fn the_client_is_not_asked_for_a_body_that_nobody_reads() {
    let server = TestServer::start(config(), |_, _| Ok(Response::new(403)));
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (403, Some("close")));
    client.assert_closed();
}

/// RFC 9110, section 10.1.1: an interim response is not sent once the final one has begun.
#[test]
fn a_client_that_has_its_response_is_not_asked_for_its_body() {
    let server = TestServer::start(config(), |_, _| {
        Ok(Response::stream(|request, out| {
            out.write_all(b"begun, ")?;
            out.flush()?;
            Ok(io::copy(request, out).map(drop)?)
        }))
    });
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.reply_head().status, 200);
    assert_eq!(client.chunk(), b"begun, ");
    client.send("hello");
    assert_eq!(client.chunk(), b"hello");
    assert_eq!(client.chunk(), b"");
}

#[test]
fn an_expectation_in_http_10_is_ignored() {
    let server = collect(config());
    let reply = server.request("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!((reply.status, reply.text()), (200, "hi"));
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = collect(config().max_body(10));
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n");
    assert_eq!(client.reply().status, 413);
    client.assert_closed();
    assert_eq!(server.request(post("/", "0123456789")).status, 200);
}

#[test]
fn a_chunked_body_over_the_limit_is_refused_whatever_the_function_makes_of_it() {
    for server in [collect(config().max_body(10)), echo(config().max_body(10))] {
        let mut client = server.client();
        client.send(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
        );
        assert_eq!(client.reply().status, 413);
        client.assert_closed();
    }
}

#[test]
fn a_client_that_breaks_off_in_its_body_is_an_error_for_the_function() {
    let (test, passage) = gate();
    let (told, is_told) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let server = TestServer::start(config(), move |_, mut request| {
        passage.pass();
        let error = request.bytes().expect_err("the body is not complete");
        told.lock().unwrap().send(error.kind()).unwrap();
        Err(error.into())
    });
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nonly this");
    test.wait_for(1);
    drop(client);
    test.let_go(1);
    assert_eq!(is_told.recv_timeout(support::WATCHDOG).unwrap(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_stream_learns_that_its_client_has_gone() {
    let (told, is_told) = std::sync::mpsc::channel();
    let server = TestServer::start(config(), move |_, _| {
        let told = told.clone();
        Ok(Response::stream(move |_, out| {
            let gone = (0..).find_map(|_| out.write_all(&[b'x'; 4096]).and_then(|()| out.flush()).err());
            told.send(gone.map(|error| error.kind())).unwrap();
            Ok(())
        }))
    });
    let mut client = server.client();
    client.send(get("/"));
    client.head();
    drop(client);
    let kind = is_told.recv_timeout(support::WATCHDOG).unwrap().unwrap();
    assert!(matches!(kind, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{kind:?}");
}

#[test]
fn the_function_can_see_that_its_client_has_gone() {
    let (test, passage) = gate();
    let (told, is_told) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let server = TestServer::start(config(), move |_, request| {
        assert!(!request.peer_closed());
        passage.pass();
        support::until("the client has gone", || request.peer_closed());
        told.lock().unwrap().send(()).unwrap();
        Ok(Response::new(200))
    });
    let mut client = server.client();
    client.send(get("/"));
    test.wait_for(1);
    drop(client);
    test.let_go(1);
    is_told.recv_timeout(support::WATCHDOG).unwrap();
}

#[test]
fn a_small_body_that_comes_slowly_holds_no_worker() {
    let (test, passage) = gate();
    let server = TestServer::start(config().max_workers(1), move |_, mut request| {
        let body = request.text()?;
        if body == "slow" {
            passage.pass();
        }
        Ok(Response::text(body))
    });
    let mut slow = server.client();
    slow.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nsl");
    // With the only worker's turn taken by the slow one this would wait for ever.
    assert_eq!(server.request(post("/", "quick")).text(), "quick");
    assert!(test.nobody_is_there());
    slow.send("ow");
    test.wait_for(1);
    test.let_go(1);
    assert_eq!(slow.reply().text(), "slow");
}

#[test]
fn a_body_that_waits_for_its_client_does_not_count_as_running() {
    let server = TestServer::start(config().max_workers(1), move |_, mut request| {
        let mut first = [0];
        let count = request.body().read(&mut first)?;
        Ok(Response::text(format!("{count}")))
    });
    let mut slow = server.client();
    slow.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    let mut other = server.client();
    other.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nx");
    assert_eq!(other.reply().text(), "1");
    slow.send("x");
    assert_eq!(slow.reply().text(), "1");
}

#[test]
fn a_body_that_ends_early_is_the_clients_fault_and_not_the_functions() {
    let server = TestServer::start(config(), |_, mut request| Ok(request.bytes()?.into()));
    for body in ["Content-Length: 50000\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"] {
        let mut client = server.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: h\r\n{body}"));
        client.end_sending();
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("connection")), (400, Some("close")), "{body}");
    }
}

#[test]
fn a_malformed_body_that_a_hook_does_not_read_ends_the_connection_and_says_so() {
    let server = TestServer::start(config(), |_, _| Ok("fine".into()));
    let mut client = server.client();
    client.send("POST /initialize HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    client.assert_closed();
}
