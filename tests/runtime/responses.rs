use fc_runtime::{Response, StatusError};
use std::io::{Cursor, Write};
use support::{TestServer, config, get, post};

fn server(respond: impl Fn(&str) -> anyhow::Result<Response> + Send + Sync + 'static) -> TestServer {
    TestServer::start(config(), move |_, request| respond(request.path()))
}

#[test]
fn a_response_carries_status_headers_date_and_length() {
    let server =
        server(|_| Ok(Response::text("hi").with_status(201).with_header("X-A", "1").with_header("x-a", "2")));
    let reply = server.request(get("/"));
    assert_eq!((reply.status, reply.text()), (201, "hi"));
    assert!(reply.head.starts_with("HTTP/1.1 201 Created\r\n"), "{}", reply.head);
    assert_eq!(reply.header("content-length"), Some("2"));
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("x-fc-status"), Some("200"));
    let date = reply.header("date").unwrap();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    let repeated: Vec<_> =
        reply.head.lines().filter(|line| line.to_lowercase().starts_with("x-a:")).collect();
    assert_eq!(repeated, ["X-A: 1", "x-a: 2"]);
}

#[test]
fn a_reader_is_sent_with_its_length_or_in_chunks() {
    let bytes: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
    let server = server({
        let bytes = bytes.clone();
        move |path| {
            let length = (path == "/known").then_some(bytes.len() as u64);
            Ok(Response::reader(Cursor::new(bytes.clone()), length))
        }
    });
    let (known, chunked) = (server.request(get("/known")), server.request(get("/chunked")));
    assert_eq!(known.header("content-length"), Some("100000"));
    assert_eq!(chunked.header("transfer-encoding"), Some("chunked"));
    assert!(known.body == bytes && chunked.body == bytes);
}

#[test]
fn a_reader_longer_than_announced_is_cut_there_and_the_connection_lives() {
    let server = server(|_| Ok(Response::reader(Cursor::new(b"0123456789"), Some(4))));
    let mut client = server.client();
    for _ in 0..2 {
        client.send(get("/"));
        assert_eq!(client.reply().text(), "0123");
    }
}

#[test]
fn a_reader_shorter_than_announced_closes_the_connection() {
    let server = server(|_| Ok(Response::reader(Cursor::new(vec![b'x'; 50_000]), Some(50_001))));
    let mut client = server.client();
    client.send(get("/"));
    assert!(client.head().contains("content-length: 50001"));
    assert!(client.rest().len() <= 50_000);
}

#[test]
fn a_stream_that_fails_has_no_final_chunk() {
    let server = server(|_| {
        Ok(Response::stream(|_, out| {
            out.write_all(b"begun")?;
            out.flush()?;
            anyhow::bail!("failed later")
        }))
    });
    let mut client = server.client();
    client.send(get("/"));
    client.head();
    assert_eq!(client.chunk(), b"begun");
    client.assert_closed();
}

#[test]
fn a_stream_that_fails_before_its_first_byte_is_an_ordinary_failure() {
    let server = server(|_| {
        Ok(Response::stream(|_, out| {
            out.write_all(b"not sent")?;
            Err(StatusError::new(409, "too late").into())
        }))
    });
    let mut client = server.client();
    for _ in 0..2 {
        client.send(get("/"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("x-fc-status")), (409, Some("200")));
        assert_eq!(reply.text(), r#"{"errorMessage":"too late","errorType":"FunctionError"}"#);
    }
}

#[test]
fn head_has_the_header_of_get_and_no_body() {
    let server = server(|path| match path {
        "/bytes" => Ok("hello".into()),
        "/reader" => Ok(Response::reader(Cursor::new(b"hello"), Some(5))),
        _ => Ok(Response::stream(|_, _| panic!("a body nobody wants is not produced"))),
    });
    let mut client = server.client();
    client.expects_no_body = true;
    for (path, length) in [("/bytes", Some("5")), ("/reader", Some("5")), ("/stream", None)] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("content-length")), (200, length), "{path}");
    }
}

#[test]
fn statuses_without_a_body_have_none() {
    let server = server(|path| Ok(Response::text("nothing").with_status(path[1..].parse()?)));
    let mut client = server.client();
    for (status, length) in [(204, None), (304, None), (205, Some("0"))] {
        client.send(get(&format!("/{status}")));
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("content-length")), (status, length));
        assert_eq!(reply.header("transfer-encoding"), None);
    }
}

#[test]
fn http_10_gets_a_stream_without_chunks_that_ends_with_the_connection() {
    let server = server(|_| {
        Ok(Response::stream(|_, out| {
            out.write_all(b"one ")?;
            out.flush()?;
            Ok(out.write_all(b"two")?)
        }))
    });
    let mut client = server.client();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let reply = client.reply();
    assert_eq!((reply.text(), reply.header("connection")), ("one two", Some("close")));
    assert_eq!(reply.header("transfer-encoding"), None);
}

#[test]
fn an_invalid_header_or_status_is_a_500_and_keeps_the_connection() {
    let server = server(|path| {
        Ok(match path {
            "/split" => Response::text("x").with_header("a", "b\r\nset-cookie: c"),
            "/name" => Response::text("x").with_header("a b", "c"),
            "/framing" => Response::text("x").with_header("Content-Length", "100"),
            "/status" => Response::text("x").with_status(99),
            _ => "fine".into(),
        })
    });
    let mut client = server.client();
    for path in ["/split", "/name", "/framing", "/status"] {
        client.send(get(path));
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("x-fc-status")), (500, Some("404")), "{path}");
        assert!(!reply.head.contains("set-cookie"), "{}", reply.head);
    }
    client.send(get("/"));
    assert_eq!(client.reply().text(), "fine");
}

#[test]
fn an_events_caller_is_told_the_message_and_an_http_client_is_not() {
    let server = server(|_| Err(anyhow::anyhow!("row 7 is \"locked\"").context("database")));
    let event = server.request(post("/invoke", ""));
    assert_eq!((event.status, event.header("x-fc-status")), (404, Some("404")));
    assert_eq!(
        event.text(),
        r#"{"errorMessage":"database: row 7 is \"locked\"","errorType":"FunctionError"}"#
    );
    let http = server.request("GET / HTTP/1.1\r\nHost: h\r\nx-fc-request-id: 1-abc\r\n\r\n");
    assert_eq!((http.status, http.header("x-fc-status")), (500, Some("404")));
    assert!(http.text().contains("1-abc") && !http.text().contains("database"), "{}", http.text());
}

#[test]
fn a_status_errors_status_and_message_are_for_every_http_client() {
    let server =
        server(|_| Err(anyhow::Error::from(StatusError::new(422, "no such color")).context("order")));
    let reply = server.request(get("/"));
    assert_eq!(reply.status, 422);
    assert_eq!(reply.text(), r#"{"errorMessage":"order: no such color","errorType":"FunctionError"}"#);
    assert_eq!(server.request(post("/invoke", "")).status, 404);
}
