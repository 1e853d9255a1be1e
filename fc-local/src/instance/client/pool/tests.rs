use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::instance::client::request::BodySource;
use crate::instance::client::wait::{Deadline, Recipient};

/// No test waits for longer.
const WATCHDOG: Duration = Duration::from_secs(30);

/// A server that handles one connection after the other as told: each script is the responses to one
/// connection's requests; after the last one it closes. Returns what it received.
fn server(scripts: Vec<Vec<&'static str>>) -> (Pool, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let serving = thread::spawn(move || {
        let mut received = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.set_read_timeout(Some(WATCHDOG)).expect("a timeout");
            for response in script {
                received.push(request(&mut stream));
                stream.write_all(response.as_bytes()).expect("a peer");
            }
        }
        received
    });
    (Pool::new(Ipv4Addr::LOCALHOST.into(), port), serving)
}

/// One request with its body, whose length its head tells.
fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a whole head");
        text.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&text).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("a whole body");
    if head.contains("transfer-encoding: chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a whole chunked body");
            body.push(byte[0]);
        }
    }
    head + &String::from_utf8_lossy(&body)
}

fn head(method: &str) -> RequestHead {
    RequestHead {
        method: method.to_owned(),
        bytes: format!("{method} / HTTP/1.1\r\nhost: x\r\n").into_bytes(),
        expects_continue: false,
    }
}

fn send(pool: &Pool, method: &str, body: RequestBody<'_>) -> Result<Reply, Error> {
    pool.send(&head(method), body, &Patience::of(Deadline::after(WATCHDOG)))
}

fn text(mut reply: Reply) -> String {
    String::from_utf8(reply.body.read_all(1000).expect("a whole body")).expect("text")
}

/// Somebody who goes away when told.
#[derive(Default)]
struct MayGo(AtomicBool);

impl Recipient for MayGo {
    fn has_gone(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn a_connection_is_used_again_after_its_last_byte() {
    let (pool, server) = server(vec![vec![OK, OK]]);
    for _ in 0..2 {
        assert_eq!(text(send(&pool, "POST", RequestBody::Bytes(b"a")).expect("a reply")), "ok");
    }
    assert_eq!(server.join().expect("served").len(), 2);
}

#[test]
fn a_connection_that_says_close_is_not_used_again() {
    for response in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let (pool, server) = server(vec![vec![response]]);
        assert_eq!(text(send(&pool, "GET", RequestBody::Bytes(b"")).expect("a reply")), "ok");
        assert_eq!(pool.idle_state(), None);
        server.join().expect("served");
    }
}

/// A pooled connection whose server reads the next request and then closes without an answer.
fn dies_on_the_second_request(after: Vec<&'static str>) -> (Pool, JoinHandle<Vec<String>>) {
    let (pool, server) = server(vec![vec![OK, ""], after]);
    assert_eq!(text(send(&pool, "GET", RequestBody::Bytes(b"")).expect("a reply")), "ok");
    (pool, server)
}

#[test]
fn a_dead_pooled_connection_is_retried_for_idempotent_methods() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        let (pool, server) = dies_on_the_second_request(vec![OK]);
        assert_eq!(
            send(&pool, method, RequestBody::Bytes(b"")).expect("a retried reply").status,
            200,
            "{method}"
        );
        assert_eq!(server.join().expect("served").len(), 3, "{method}");
    }
}

#[test]
fn a_dead_pooled_connection_is_not_retried_for_other_methods() {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let (pool, server) = dies_on_the_second_request(vec![]);
        let error = send(&pool, method, RequestBody::Bytes(b"x")).err().expect(method);
        assert!(matches!(error, Error::Dropped(_)), "{method}: {error:?}");
        drop(TcpStream::connect(pool.address()).expect("the last script"));
        assert_eq!(server.join().expect("served").len(), 2, "{method}");
    }
}

#[test]
fn a_pooled_connection_that_dies_after_it_has_begun_to_answer_is_not_retried() {
    for beginning in ["H", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 103 Early Hints\r\n\r\n"] {
        let (pool, server) = server(vec![vec![OK, beginning]]);
        assert_eq!(text(send(&pool, "GET", RequestBody::Bytes(b"")).expect("a reply")), "ok");
        let error = send(&pool, "GET", RequestBody::Bytes(b"")).err().expect(beginning);
        assert!(matches!(error, Error::BrokenOff(_)), "{beginning}: {error:?}");
        assert_eq!(server.join().expect("served").len(), 2, "{beginning}");
    }
}

#[test]
fn a_fresh_connection_that_dies_is_not_retried() {
    let (pool, server) = server(vec![vec![""]]);
    assert!(matches!(send(&pool, "GET", RequestBody::Bytes(b"")), Err(Error::Dropped(_))));
    server.join().expect("served");
}

#[test]
fn bodies_end_where_their_framing_says() {
    for (response, wanted) in [
        (OK, "ok"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nt: v\r\n\r\n",
            "abc0123456789",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil close", "until close"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", "x"),
    ] {
        let (pool, server) = server(vec![vec![response]]);
        assert_eq!(text(send(&pool, "GET", RequestBody::Bytes(b"")).expect("a reply")), wanted);
        server.join().expect("served");
    }
}

#[test]
fn a_body_that_breaks_off_is_an_error() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    ] {
        let (pool, server) = server(vec![vec![response]]);
        let mut reply = send(&pool, "GET", RequestBody::Bytes(b"")).expect("a head");
        assert!(reply.body.read_all(1000).is_err(), "{response}");
        server.join().expect("served");
    }
}

#[test]
fn what_is_not_http_is_a_bad_response() {
    for response in [
        "hello\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
    ] {
        let (pool, server) = server(vec![vec![response]]);
        assert!(matches!(send(&pool, "GET", RequestBody::Bytes(b"")), Err(Error::BadReply(_))), "{response}");
        server.join().expect("served");
    }
}

#[test]
fn a_body_of_unknown_length_is_sent_in_chunks() {
    let (pool, server) = server(vec![vec![OK]]);
    let mut body: &[u8] = b"streamed";
    assert_eq!(text(send(&pool, "PUT", RequestBody::Stream(&mut body, None)).expect("a reply")), "ok");
    let received = server.join().expect("served");
    assert!(
        received[0].ends_with("transfer-encoding: chunked\r\n\r\n8\r\nstreamed\r\n0\r\n\r\n"),
        "{}",
        received[0]
    );
}

#[test]
fn waiting_ends_at_its_limit_and_when_the_caller_has_gone() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let pool = Pool::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().expect("bound").port());
    let limit = Patience::of(Deadline::after(Duration::from_millis(1)));
    assert!(matches!(pool.send(&head("GET"), RequestBody::Bytes(b""), &limit), Err(Error::TimedOut)));
    let gone = Patience { deadline: Deadline::after(WATCHDOG), recipient: Arc::new(MayGo(true.into())) };
    assert!(matches!(pool.send(&head("GET"), RequestBody::Bytes(b""), &gone), Err(Error::CallerGone)));
}

#[test]
fn a_reply_before_the_whole_request_is_the_reply() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let pool = Pool::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().expect("bound").port());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").expect("a peer");
        stream
    });
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(0);
            Ok(buffer.len())
        }
    }
    impl BodySource for Endless {
        fn waits_for(&mut self) -> Option<std::os::fd::BorrowedFd<'_>> {
            None
        }

        fn end_waits_in(&mut self, _: Duration) {}
    }
    let mut endless = Endless;
    let reply = send(&pool, "POST", RequestBody::Stream(&mut endless, Some(1 << 40))).expect("a reply");
    assert_eq!(reply.status, 413);
    assert!(reply.upload.is_some());
    serving.join().expect("served");
}

#[test]
fn a_reset_that_a_look_ahead_found_is_no_end_of_the_body() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let pool = Pool::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().expect("bound").port());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.read_exact(&mut [0]).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil").expect("a peer");
        // The rest of the request that nobody has read makes a reset of the close.
        drop(stream);
    });
    let mut reply = send(&pool, "POST", RequestBody::Bytes(b"x")).expect("a reply");
    serving.join().expect("served");
    let mut beginning = [0; 5];
    let read = reply.body.read_exact(&mut beginning);
    while read.is_ok() && reply.body.would_wait() {
        thread::yield_now();
    }
    assert!(reply.body.read(&mut [0]).is_err(), "the reply is not whole");
}

#[test]
fn whoever_goes_away_during_a_silent_body_ends_it() {
    for head_of_reply in ["transfer-encoding: chunked\r\n", "content-length: 9\r\n", ""] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let pool = Pool::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().expect("bound").port());
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            request(&mut stream);
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head_of_reply}\r\n").as_bytes()).expect("a peer");
            assert_eq!(stream.read(&mut [0]).expect("its end"), 0, "and the connection is closed");
        });
        let recipient = Arc::new(MayGo::default());
        let patience = Patience { deadline: Deadline::after(WATCHDOG), recipient: recipient.clone() };
        let reply = pool.send(&head("GET"), RequestBody::Bytes(b""), &patience);
        let mut reply = reply.expect("a head");
        recipient.0.store(true, Ordering::SeqCst);
        let error = reply.body.read(&mut [0]).expect_err("nothing comes");
        assert!(matches!(Error::of_body(error), Error::CallerGone), "{head_of_reply:?}");
        drop(reply);
        serving.join().expect("served");
    }
}
