use fc_runtime::Response;
use std::io::Write;
use std::time::Duration;
use support::{TestServer, config, get, post};

fn path_server() -> TestServer {
    TestServer::start(config(), |_, request| Ok(Response::text(request.path().to_owned())))
}

#[test]
fn a_connection_serves_request_after_request() {
    let server = path_server();
    let mut client = server.client();
    for number in 0..100 {
        client.send(get(&format!("/{number}")));
        let reply = client.reply();
        assert_eq!(reply.text(), format!("/{number}"));
        assert_eq!(reply.header("connection"), None);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = path_server();
    let mut client = server.client();
    let wire: String = (0..500).map(|number| get(&format!("/{number}"))).collect();
    client.send(&wire);
    for number in 0..500 {
        assert_eq!(client.reply().text(), format!("/{number}"));
    }
}

#[test]
fn a_pipelined_request_behind_an_unread_body_is_found() {
    let server = path_server();
    let mut client = server.client();
    let chunked =
        "POST /chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n";
    client.send([post("/known", "GET / HTTP/1.1\r\n\r\n").as_str(), chunked, &get("/last")].concat());
    for path in ["/known", "/chunked", "/last"] {
        assert_eq!(client.reply().text(), path);
    }
}

#[test]
fn an_unread_body_that_comes_late_is_taken_in_before_the_next_request() {
    let server = path_server();
    let mut client = server.client();
    client.send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.text(), reply.header("connection")), ("/early", None));
    client.send([&[b'x'; 40_000][..], get("/next").as_bytes()].concat());
    assert_eq!(client.reply().text(), "/next");
}

#[test]
fn a_large_unread_body_costs_the_connection_and_not_the_response() {
    let server = path_server();
    let mut client = server.client();
    client.send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
    // Enough that the answer would be reset if the server closed with all of it unread.
    let _ = client.try_send(&vec![b'x'; 1_000_000]);
    let reply = client.reply();
    assert_eq!((reply.text(), reply.header("connection")), ("/early", Some("close")));
}

#[test]
fn a_connection_that_was_not_announced_to_close_goes_on_behind_any_unread_body() {
    let server = TestServer::start(config(), |_, request| {
        let path = request.path().to_owned();
        Ok(if path.starts_with("/stream") {
            Response::stream(move |_, out| Ok(out.write_all(path.as_bytes())?))
        } else {
            path.into()
        })
    });
    let body = vec![b'x'; 1_000_000];
    let chunked = [b"f4240\r\n", &body[..], b"\r\n0\r\n\r\n"].concat();
    for (path, framing, body) in [
        ("/chunked", "Transfer-Encoding: chunked", &chunked),
        ("/stream-chunked", "Transfer-Encoding: chunked", &chunked),
        ("/stream-known", "Content-Length: 1000000", &body),
    ] {
        let mut client = server.client();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n"));
        let reply = client.reply();
        assert_eq!((reply.text(), reply.header("connection")), (path, None));
        client.send([body, get("/next").as_bytes()].concat());
        assert_eq!(client.reply().text(), "/next", "{path}");
    }
}

#[test]
fn close_is_honoured_and_announced() {
    let server = path_server();
    for connection in ["close", "keep-alive, Close", "x , close"] {
        let mut client = server.client();
        client
            .send(format!("GET /c HTTP/1.1\r\nHost: h\r\nConnection: {connection}\r\n\r\n{}", get("/more")));
        let reply = client.reply();
        assert_eq!((reply.text(), reply.header("connection")), ("/c", Some("close")));
        client.assert_closed();
    }
}

#[test]
fn http_10_closes_unless_asked_to_keep_alive() {
    let server = path_server();
    let mut client = server.client();
    client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.text(), reply.header("connection")), ("/a", Some("keep-alive")));
    let reply = client.reply();
    assert_eq!((reply.text(), reply.header("connection")), ("/b", Some("close")));
    client.assert_closed();
}

#[test]
fn an_idle_connection_is_closed_only_when_asked_for() {
    let server =
        TestServer::start(config().idle_timeout(Some(Duration::from_millis(50))), |_, _| Ok("x".into()));
    let mut client = server.client();
    client.send(get("/"));
    assert_eq!(client.reply().status, 200);
    client.assert_closed();
}

#[test]
fn a_thousand_idle_connections_cost_no_threads() {
    let server = path_server();
    let mut clients: Vec<_> = (0..1000).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(get("/idle"));
        assert_eq!(client.reply().status, 200);
    }
    let mut last = clients.pop().unwrap();
    last.send(get("/threads"));
    assert_eq!(last.reply().status, 200);
    drop(server);
}

/// A stream that has written nothing when it fails is answered as if there had been none: what its own framing
/// would have cost the connection is not counted.
#[test]
fn a_stream_that_fails_before_its_first_byte_costs_an_http_10_client_no_connection() {
    let server = TestServer::start(config(), |_, request| match request.path() {
        "/stream" => Ok(Response::stream(|_, _| anyhow::bail!("at once"))),
        path => Ok(Response::text(path.to_owned())),
    });
    let mut client = server.client();
    client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (500, Some("keep-alive")));
    client.send("GET /next HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(client.reply().text(), "/next");
}

#[test]
fn a_stream_that_fails_before_its_first_byte_leaves_a_large_body_that_nobody_will_read() {
    let server = TestServer::start(config(), |_, _| Ok(Response::stream(|_, _| anyhow::bail!("at once"))));
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (500, Some("close")));
    client.assert_closed();
}

#[test]
fn a_client_that_was_asked_for_its_body_keeps_its_connection_when_the_response_is_a_stream() {
    let server = TestServer::start(config(), |_, mut request| {
        let body = request.bytes()?;
        Ok(Response::stream(move |_, out| Ok(out.write_all(&body)?)))
    });
    let mut client = server.client();
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(client.reply().status, 100);
        client.send("hello");
        let reply = client.reply();
        assert_eq!((reply.text(), reply.header("connection")), ("hello", None));
    }
}

#[test]
fn a_malformed_body_that_the_function_makes_nothing_of_is_told_in_the_head_of_its_stream() {
    let server = TestServer::start(config(), |_, mut request| {
        let _ = request.bytes();
        Ok(Response::stream(|_, out| Ok(out.write_all(b"all the same")?)))
    });
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    let reply = client.reply();
    assert_eq!((reply.text(), reply.header("connection")), ("all the same", Some("close")));
    client.assert_closed();
}
