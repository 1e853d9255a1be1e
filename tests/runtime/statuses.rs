use fc_runtime::{Response, StatusError};
use std::io::{self, Read, Write};
use std::time::Duration;
use support::{Client, TestServer, config, get};

const SHORT: Duration = Duration::from_millis(100);

/// What it answers depends on the path.
fn server() -> TestServer {
    let config = config().max_body(100).head_timeout(SHORT).body_timeout(SHORT).health_path("/health");
    TestServer::start(config, |_, mut request| match request.path() {
        "/panics" => panic!("as asked"),
        "/fails" => Err(StatusError::new(404, "no such thing").into()),
        "/unread" => Ok("unread".into()),
        "/streams" => Ok(Response::stream(|body, out| Ok(io::copy(body, out).map(drop)?))),
        "/half" => {
            request.body().read_exact(&mut [0; 2])?;
            Ok("half".into())
        }
        _ => Ok(request.bytes()?.into()),
    })
}

/// The reply to a HEAD, of which nothing follows its head.
fn bare(client: &mut Client, wire: &str) -> (u16, Option<String>) {
    client.expects_no_body = true;
    let _ = client.try_send(wire.as_bytes()); // it may be refused before its end
    let reply = client.reply();
    (reply.status, reply.header("content-length").map(str::to_owned))
}

#[test]
fn a_refusal_of_head_has_the_length_of_its_content_and_no_content() {
    let server = server();
    let host = "HTTP/1.1\r\nHost: h\r\n";
    for (status, rest) in [
        (400, "/ HTTP/1.1\r\n\r\n".to_owned()),
        (400, "/ HTTP/1.1\nHost: h\n\n".to_owned()),
        (400, format!("no-target {host}\r\n")),
        (400, format!("/ {host}Content-Length: 99999999999999999999\r\n\r\n")),
        (400, format!("/ {host}X-Fc-Control-Path: a\r\nX-Fc-Control-Path: b\r\n\r\n")),
        (400, format!("/ {host}Transfer-Encoding: chunked\r\n\r\nx\r\n")),
        (408, "/ HTTP/1.1\r\nHo".to_owned()),
        (408, format!("/ {host}Content-Length: 9\r\n\r\nabc")),
        (408, format!("/ {host}Transfer-Encoding: chunked\r\n\r\n9\r\nabc")),
        (413, format!("/ {host}Content-Length: 101\r\n\r\n")),
        (413, format!("/ {host}Transfer-Encoding: chunked\r\n\r\n65\r\n")),
        (414, format!("/{} {host}\r\n", "a".repeat(9_000))),
        (414, format!("/{}", "a".repeat(40_000))),
        (417, format!("/ {host}Expect: something\r\n\r\n")),
        (431, format!("/ {host}{}\r\n", "a:\r\n".repeat(8200))),
        (431, format!("/ {host}A: {}", "a".repeat(40_000))),
        (501, format!("/ {host}Transfer-Encoding: gzip, chunked\r\n\r\n")),
        (505, "/ HTTP/2.0\r\nHost: h\r\n\r\n".to_owned()),
    ] {
        // As the first request, behind empty lines, and behind another one on the same connection.
        for (is_first, empty_lines) in [(true, ""), (true, "\r\n\r\n"), (false, "")] {
            let mut client = server.client();
            if !is_first {
                assert_eq!(bare(&mut client, &format!("HEAD / {host}\r\n")).0, 200);
            }
            let (refused, length) = bare(&mut client, &format!("{empty_lines}HEAD {rest}"));
            assert_eq!(refused, status, "{}", client.scene());
            assert!(length.is_some_and(|length| length != "0"), "{}", client.scene());
            client.assert_closed();
        }
    }
}

#[test]
fn what_only_looks_like_head_is_refused_with_a_reason() {
    let server = server();
    for wire in
        ["HEADER / HTTP/2.0\r\n\r\n", "head / HTTP/2.0\r\n\r\n", "GET HEAD HTTP/1.1\r\nHost: h\r\n\r\n"]
    {
        let reply = server.request(wire);
        assert!(reply.status >= 400 && !reply.body.is_empty(), "{wire:?} {reply:?}");
    }
}

#[test]
fn whatever_answers_a_head_says_the_length_that_a_get_has() {
    let server = server();
    for (path, status) in [("/panics", 500), ("/fails", 404), ("/health", 200), ("/unread", 200)] {
        let length = server.request(get(path)).header("content-length").map(str::to_owned);
        let mut client = server.client();
        for _ in 0..2 {
            let wire = format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n");
            assert_eq!(bare(&mut client, &wire), (status, length.clone()), "{path}");
        }
    }
}

#[test]
fn a_head_that_asks_for_a_close_has_no_content_before_it() {
    let server = server();
    let mut client = server.client();
    assert_eq!(bare(&mut client, "HEAD /unread HTTP/1.1\r\nHost: h\r\nConnection: , close,\r\n\r\n").0, 200);
    client.assert_closed();
}

#[test]
fn a_later_minor_version_is_served_as_the_one_that_is_known() {
    let server = server();
    let mut client = server.client();
    for minor in 1..=9 {
        client.send(format!("POST / HTTP/1.{minor}\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
        client.send("2\r\nhi\r\n0\r\n\r\n");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text(), reply.header("connection")), (200, "hi", None), "1.{minor}");
        assert!(reply.head.starts_with("HTTP/1.1 "), "{}", reply.head);
    }
    for version in ["HTTP/0.9", "HTTP/2.0", "HTTP/2.1", "HTTP/9.9"] {
        assert_eq!(server.request(format!("GET / {version}\r\nHost: h\r\n\r\n")).status, 505, "{version}");
    }
    assert_eq!(server.request("GET / HTTP/1.10\r\nHost: h\r\n\r\n").status, 400);
}

#[test]
fn a_list_may_have_empty_members() {
    let server = server();
    for expect in ["100-continue,", ", 100-continue", "100-continue, ,100-Continue"] {
        let mut client = server.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: h\r\nExpect: {expect}\r\nContent-Length: 5\r\n\r\n"));
        assert_eq!(client.reply().status, 100, "{expect:?}");
        client.send("hello");
        assert_eq!(client.reply().text(), "hello");
    }
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: ,, te ,close,\r\n\r\n");
    assert_eq!(client.reply().header("connection"), Some("close"));
    client.assert_closed();
}

#[test]
fn a_method_over_its_limit_is_not_implemented() {
    let server = server();
    for length in [65, 9_000, 40_000] {
        let mut client = server.client();
        let _ = client.try_send(format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", "M".repeat(length)).as_bytes());
        assert_eq!(client.reply().status, 501, "{length}");
        client.assert_closed();
    }
}

const CONTINUE: &str = "POST {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n";

/// A body of five bytes in both framings.
const BODIES: [[&str; 2]; 2] = [
    ["Content-Length: 5\r\n\r\n", "hello"],
    ["Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n0\r\nX-T: v\r\n\r\n"],
];

#[test]
fn a_function_that_has_read_its_body_after_expect_keeps_its_connection() {
    let server = server();
    for path in ["/", "/streams"] {
        let mut client = server.client();
        for [framing, body] in BODIES {
            for waits in [true, false] {
                client.send([&*CONTINUE.replace("{path}", path), framing].concat());
                if waits {
                    assert_eq!(client.reply().status, 100, "{path}");
                }
                client.send(body);
                let mut reply = client.reply();
                if !waits && reply.status == 100 {
                    reply = client.reply(); // it was asked before its body came
                }
                assert_eq!((reply.status, reply.text()), (200, "hello"), "{path} {framing:?}");
                assert_eq!(reply.header("connection"), None, "{path} {framing:?}");
            }
        }
        client.send(get("/unread"));
        assert_eq!(client.reply().text(), "unread");
    }
}

#[test]
fn a_client_that_sends_its_body_with_its_expectation_keeps_its_connection_read_or_not() {
    let server = server();
    for path in ["/", "/streams", "/half", "/unread"] {
        let mut client = server.client();
        for [framing, body] in BODIES {
            client.send([&*CONTINUE.replace("{path}", path), framing, body, &get("/unread")].concat());
            let reply = client.reply();
            assert_eq!((reply.status, reply.header("connection")), (200, None), "{path} {framing:?}");
            assert_eq!(client.reply().text(), "unread", "{path} {framing:?}");
        }
    }
}

#[test]
fn a_stream_that_does_not_ask_for_the_body_ends_the_connection() {
    let server =
        TestServer::start(config(), |_, _| Ok(Response::stream(|_, out| Ok(out.write_all(b"no need")?))));
    let mut client = server.client();
    client.send([&*CONTINUE.replace("{path}", "/"), "Content-Length: 5\r\n\r\n"].concat());
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    client.assert_closed();
}
