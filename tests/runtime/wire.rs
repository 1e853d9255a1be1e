use fc_runtime::Response;
use support::{Client, Reply, TestServer, config, get, post};

fn mirror() -> TestServer {
    TestServer::start(config(), |_, mut request| {
        let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
        let line = format!("{} {}{query} ", request.method(), request.path());
        Ok(Response::bytes([line.into_bytes(), request.bytes()?].concat()))
    })
}

/// Refused with this status, closed, and nothing after it taken for a request.
fn assert_refused(server: &TestServer, wire: &[u8], status: u16) {
    let mut client = server.client();
    client.send(wire);
    let reply = client.reply();
    assert_eq!(reply.status, status, "{}", client.scene());
    assert_eq!(reply.header("connection"), Some("close"), "{}", client.scene());
    assert_eq!(reply.text().lines().count(), 1, "one line of reason\n{}", client.scene());
    client.assert_closed();
}

#[test]
fn malformed_requests_are_refused_and_nothing_behind_them_is_read() {
    let server = mirror();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    for (wire, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: h\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h/p\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /#f HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("get\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nExpect: something\r\nContent-Length: 5\r\n\r\nhello", 417),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n", 400),
    ] {
        assert_refused(&server, [wire, smuggled].concat().as_bytes(), status);
    }
}

#[test]
fn a_refused_body_is_refused_also_when_the_function_does_not_read_it() {
    let server = TestServer::start(config(), |_, _| Ok("unread".into()));
    for body in ["x\r\n", "5\r\nhello!", "5 \r\nhello\r\n0\r\n\r\n", "-1\r\n"] {
        let wire = format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_refused(&server, wire.as_bytes(), 400);
    }
}

/// The reply to `wire` sent in pieces, each on its own once the server has nothing left to read.
fn split(server: &TestServer, wire: &[u8], cut: usize) -> Reply {
    let mut client = server.client();
    client.send(&wire[..cut]);
    client.send(&wire[cut..]);
    client.reply()
}

#[test]
fn a_request_may_arrive_in_any_two_pieces() {
    let server = mirror();
    let chunked = "PUT /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n";
    for (wire, expected) in [(post("/x", "hello"), "POST /x hello"), (chunked.into(), "PUT /a?b abcde")] {
        for cut in 1..wire.len() {
            let reply = split(&server, wire.as_bytes(), cut);
            assert_eq!((reply.status, reply.text()), (200, expected), "cut at {cut}");
        }
    }
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = mirror();
    let mut client = server.client();
    for byte in post("/x", "hello").bytes() {
        client.send([byte]);
    }
    assert_eq!(client.reply().text(), "POST /x hello");
}

#[test]
fn every_method_that_is_a_token_reaches_the_function() {
    let server = mirror();
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "X-Y!z"] {
        let reply = server.request(format!("{method} /m HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(reply.text(), format!("{method} /m "));
    }
    let reply = server.request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(reply.text(), "OPTIONS * ");
}

#[test]
fn an_absolute_target_wins_over_host() {
    let server = TestServer::start(config(), |_, request| {
        Ok(Response::text(format!("{:?} {} {:?}", request.header("host"), request.path(), request.query())))
    });
    let reply = server.request("GET http://real:81/p?q HTTP/1.1\r\nHost: other\r\n\r\n");
    assert_eq!(reply.text(), "Some(\"real:81\") /p Some(\"q\")");
}

#[test]
fn headers_reach_the_function_in_order_and_in_any_case() {
    let server = TestServer::start(config(), |_, request| {
        let all: Vec<_> = request
            .headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-a"))
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        let text = format!("{:?} {} {:?}", request.header("X-A"), all.join("|"), request.header("none"));
        Ok(Response::text(text))
    });
    let reply = server.request("GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-b: 2\r\nx-a:  3 \r\n\r\n");
    assert_eq!(reply.text(), "Some(\"1\") 1|3 None");
}

#[test]
fn upgrade_is_ignored() {
    let server = mirror();
    let reply = server.request("GET /u HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
    assert_eq!((reply.status, reply.text()), (200, "GET /u "));
}

#[test]
fn a_client_that_ends_its_sending_still_gets_its_answer() {
    let server = mirror();
    let mut client = server.client();
    client.send(get("/half"));
    client.end_sending();
    assert_eq!(client.reply().text(), "GET /half ");
    client.assert_closed();
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

#[test]
fn mutated_requests_are_answered_or_refused_and_never_harm_the_server() {
    let server = mirror();
    let seeds = [
        post("/x", "hello"),
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into(),
        "GET http://h/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n".into(),
    ];
    let mut random = Random(20_261_122);
    for _ in 0..1500 {
        let mut wire = seeds[random.below(seeds.len())].clone().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(wire.len());
            match random.below(4) {
                0 => wire[at] = random.below(256) as u8,
                1 => drop(wire.remove(at)),
                2 => wire.insert(at, b"\r\n :;,0\0"[random.below(8)]),
                _ => wire.extend_from_within(at..),
            }
        }
        let mut client = Client::connect(server.address);
        // The server may refuse and close before everything is sent.
        let _ = client.try_send(&wire);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        let answered = client.rest();
        assert!(
            answered.is_empty() || answered.starts_with(b"HTTP/1.1 "),
            "neither silence nor a response\n{}",
            client.scene()
        );
    }
    assert_eq!(server.request(get("/alive")).text(), "GET /alive ");
}
