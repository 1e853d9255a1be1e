//! The HTTP trigger: what passes through, what is added and taken away, and streaming both ways.

use std::io::Write as _;

use serde_json::Value;

use crate::harness::{Said as _, example, python_script, start, start_with};
use support::{Scratch, get};

#[test]
fn methods_paths_headers_and_bodies_reach_the_function_as_sent() {
    let fc = start(&[]);
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let response =
            fc.request(method, "/a%20b/c?x=1&y=%2F", "X-Mixed-Case: Value\r\nCookie: a=b\r\n", b"body");
        let seen = response.json();
        assert_eq!(
            (seen["method"].as_str(), seen["target"].as_str()),
            (Some(method), Some("/a%20b/c?x=1&y=%2F"))
        );
        assert_eq!(seen["body"], "Ym9keQ==");
        let headers = &seen["headers"];
        assert_eq!(
            (headers["x-mixed-case"].as_str(), headers["cookie"].as_str()),
            (Some("Value"), Some("a=b"))
        );
        assert_eq!(headers["host"], "test");
        assert_eq!(headers["x-fc-control-path"], "/http-invoke");
        assert_eq!(headers["x-fc-request-id"].as_str(), response.header("x-fc-request-id"));
        assert_eq!(
            (&headers["x-forwarded-for"], &headers["x-fc-client-ip"]),
            (&"127.0.0.1".into(), &"127.0.0.1".into())
        );
    }
}

#[test]
fn status_headers_and_body_pass_through_except_the_platforms_own() {
    let fc = start(&[]);
    let response = fc.get("/");
    assert_eq!(response.header("x-custom"), Some("yes"));
    assert_eq!(response.header("set-cookie"), Some("a=b"));
    assert_eq!((response.header("x-fc-secret"), response.header("server")), (None, None));
    for status in [201, 302, 404, 500] {
        let response = fc.get(&format!("/status?code={status}"));
        assert_eq!((response.status, response.text()), (status, "as asked"));
    }
    // For an HTTP call the function's failure is the function's response.
    let failed = fc.get("/fail");
    assert_eq!((failed.status, failed.header("x-fc-status")), (200, None));
}

#[test]
fn head_is_answered_without_a_body() {
    let fc = start(&[]);
    let response = fc.request("HEAD", "/", "", b"");
    assert_eq!((response.status, response.header("x-custom")), (200, Some("yes")));
}

/// What a server of a few lines does with a body that it should not have.
#[test]
fn a_body_of_a_status_that_has_none_is_dropped_and_the_call_is_fine() {
    let script = r"
import os, socket
s = socket.create_server(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
while True:
    c, _ = s.accept()
    f = c.makefile('rb')
    line = f.readline()
    while f.readline().strip(): pass
    if not line: continue
    _, status, framing = line.split()[1].split(b'/')
    c.sendall(b'HTTP/1.1 %s x\r\nconnection: close\r\n' % status)
    if framing == b'chunked': c.sendall(b'transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n')
    if framing == b'length': c.sendall(b'content-length: 4\r\n\r\nbody')
    if framing == b'large': c.sendall(b'content-length: 100000\r\n\r\n' + b'x' * 100000)
    if framing == b'until-close': c.sendall(b'\r\nbody')
    f.close(); c.close()
";
    let mut fc = start_with(Scratch::new(), &[], &python_script(script));
    let mut client = fc.client();
    for status in [204, 205, 304] {
        for framing in ["chunked", "length", "large", "until-close"] {
            let target = format!("/{status}/{framing}");
            client.send(get(&target));
            let response = client.reply();
            assert_eq!((response.status, response.text()), (status, ""), "{target}");
            fc.wait_for_log(&format!("GET {target} {status} "));
        }
    }
    assert!(fc.stop().success());
    assert!(!fc.log().contains("failed after"), "{}", fc.log());
}

#[test]
fn hook_paths_of_a_client_are_ordinary_calls() {
    let fc = start(&["--initializer", "--pre-stop"]);
    let seen = fc.request("POST", "/initialize", "", b"").json();
    assert_eq!(seen["headers"]["x-fc-control-path"], "/http-invoke");
    assert_eq!(fc.get("/pre-stop").json()["headers"]["x-fc-control-path"], "/http-invoke");
}

#[test]
fn hop_by_hop_headers_stay_on_their_hop() {
    let fc = start(&[]);
    let seen = fc
        .request("GET", "/", "Connection: keep-alive, Upgrade\r\nTE: trailers\r\nUpgrade: h2c\r\n", b"")
        .json();
    for name in ["connection", "te", "upgrade"] {
        assert!(seen["headers"].get(name).is_none(), "{name}");
    }
}

/// Answers with fields that its `Connection` names, and white space where a proxy removes it.
const NAMES_FIELDS: &str = r#"
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
class H(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        seen = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.wfile.write(b'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nConnection:x-other\r\nX-Hop: 1\r\n'
            b'x-OTHER: 2\r\nX-End \t: 3\r\nContent-Length : ' + str(len(seen)).encode() + b'\r\n\r\n' + seen)
    def log_message(self, *a): pass
HTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), H).serve_forever()
"#;

#[test]
fn fields_that_connection_names_stay_on_their_hop_both_ways() {
    let fc = start_with(Scratch::new(), &[], &python_script(NAMES_FIELDS));
    let fields = "Connection: X-Hop, Host\r\nX-Hop: a\r\nConnection: x-fc-request-id,X-OTHER\r\nx-other: b\r\nX-End: c\r\n";
    let reply = fc.request("GET", "/", fields, b"");
    let seen = reply.json();
    for name in ["x-hop", "x-other", "connection"] {
        assert!(seen.get(name).is_none() && reply.header(name).is_none(), "{name}: {reply:?}");
    }
    assert_eq!((seen["x-end"].as_str(), reply.header("x-end")), (Some("c"), Some("3")));
    assert_eq!(seen["host"], "test", "nobody takes that away");
    assert!(seen.get("x-fc-request-id").is_some(), "nor what is the platform's");
}

#[test]
fn a_websocket_is_said_once_not_to_be_done_here() {
    let mut fc = start(&[]);
    let fields = "Connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n";
    for _ in 0..2 {
        let seen = fc.request("GET", "/", fields, b"").json();
        assert_eq!(
            (&seen["headers"]["upgrade"], &seen["headers"]["sec-websocket-version"]),
            (&Value::Null, &"13".into())
        );
    }
    fc.request("GET", "/", "Connection: Upgrade\r\nUpgrade: h2c\r\n", b"");
    assert!(fc.stop().success());
    assert_eq!(fc.log().matches("# a client asks for a WebSocket").count(), 1, "{}", fc.log());
}

#[test]
fn a_client_connection_is_kept_between_calls() {
    let fc = start(&[]);
    let mut client = fc.client();
    for _ in 0..3 {
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
}

#[test]
fn a_chunked_response_streams() {
    let fc = start(&["--timeout", "20s"]);
    let gate = fc.scratch.gate("gate");
    let mut client = fc.client();
    client.send(get(&format!("/stream?fifo={}", gate.path)));
    let head = client.reply_head();
    assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")));
    assert_eq!(client.chunk(), b"first", "before the function goes on");
    gate.let_pass(1);
    assert_eq!(client.chunk(), b"second");
    assert_eq!(client.chunk(), b"");
}

#[test]
fn a_response_that_breaks_off_is_cut_without_its_end() {
    let fc = start(&[]);
    let mut client = fc.client();
    client.send(get("/break-off"));
    let all = String::from_utf8(client.rest()).expect("text");
    assert!(all.contains("first") && !all.contains("\r\n0\r\n"), "{all}");
}

#[test]
fn a_request_body_streams_to_a_function_that_answers_meanwhile() {
    let fc = start(&["--timeout", "20s"]);
    let mut client = fc.client();
    client.send("POST /duplex HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut head = None;
    for word in ["one", "two", "three"] {
        client.send(format!("{:x}\r\n{word}\r\n", word.len()));
        head.get_or_insert_with(|| client.reply_head());
        assert_eq!(client.chunk(), word.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.chunk(), b"");
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let fc = start(&["--timeout", "60s"]);
    let body: Vec<u8> = (0..8 * 1024 * 1024_u32).map(|i| (i % 251) as u8).collect();
    let response = fc.request("POST", "/raw", "", &body);
    assert_eq!(response.body.len(), body.len());
    assert!(response.body == body, "the same bytes");
}

#[test]
fn a_large_echo_of_this_crates_example_passes_at_full_duplex() {
    let fc = start_with(Scratch::new(), &["--timeout", "60s"], &example("echo"));
    let body: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|i| (i % 241) as u8).collect();
    let mut client = fc.client();
    let mut sending = client.stream.try_clone().expect("a handle");
    std::thread::scope(|scope| {
        let reply = scope.spawn(move || client.reply());
        write!(sending, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len())
            .expect("a peer");
        sending.write_all(&body).expect("a reading peer");
        let reply = reply.join().expect("read");
        assert!(reply.body == body, "{} of {} bytes", reply.body.len(), body.len());
    });
}

#[test]
fn a_post_on_a_connection_the_function_closed_meanwhile_is_not_sent_twice() {
    // The function closes after every response without saying so: what the platform's users complain of.
    let script = "
import os, socket
s = socket.create_server(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
while True:
    c, _ = s.accept()
    n = 0
    while True:
        data = b''
        while b'\\r\\n\\r\\n' not in data:
            more = c.recv(65536)
            if not more: break
            data += more
        if b'\\r\\n\\r\\n' not in data: break
        open(os.environ['TRACE'], 'a').write('request\\n')
        n += 1
        if n == 2: break
        c.sendall(b'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok')
    c.close()
";
    let fc = start_with(Scratch::new(), &[], &python_script(script));
    assert_eq!(fc.request("POST", "/", "", b"").status, 200);
    let response = fc.request("POST", "/", "", b"");
    assert_eq!(response.status, 502);
    assert!(response.error_message().starts_with("Process exited unexpectedly before completing request"));
    assert_eq!(fc.trace().len(), 2, "neither lost nor doubled");
    assert_eq!(fc.request("POST", "/", "", b"").status, 200);
    assert_eq!(fc.get("/").status, 200, "an idempotent one is retried");
    assert_eq!(fc.trace().len(), 5);
}

#[test]
fn the_authority_of_an_absolute_target_is_the_host_that_the_function_sees() {
    let fc = start(&[]);
    let mut client = fc.client();
    client.send("GET http://other:8080/a?b HTTP/1.1\r\nHost: test\r\n\r\n");
    let seen = client.reply().json();
    assert_eq!(
        (seen["target"].as_str(), seen["headers"]["host"].as_str()),
        (Some("/a?b"), Some("other:8080"))
    );
}

/// A client that ends its sending after a whole request still wants its response (RFC 9112 section 9.6).
#[test]
fn a_client_that_ends_its_sending_after_a_request_gets_its_response() {
    let fc = start(&["--timeout", "20s"]);
    let gate = fc.scratch.gate("gate");
    let event = format!(r#"{{"path":"/wait","fifo":"{}"}}"#, gate.path);
    let chunk = format!("{:x}\r\n{event}\r\n0\r\n\r\n", event.len());
    let invoke = "POST /2023-03-30/functions/local/invocations HTTP/1.1\r\nhost: x";
    for (calls, wire) in [
        get(&format!("/wait?fifo={}", gate.path)),
        format!("GET /wait?fifo={} HTTP/1.0\r\n\r\n", gate.path),
        format!(
            "POST /wait?fifo={} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}",
            gate.path
        ),
        format!("{invoke}\r\ncontent-length: {}\r\n\r\n{event}", event.len()),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = fc.client();
        client.send(&wire);
        client.end_sending();
        fc.wait_for_trace("waiting", calls + 1);
        // A caller that goes away is noticed by the same look, so that the first has been looked at by then.
        let mut other = fc.client();
        other.send(get("/hang"));
        fc.wait_for_trace("hanging", calls + 1);
        drop(other);
        fc.wait_for_logs("the client closed the connection before the response", calls + 1);
        gate.let_pass(1);
        assert_eq!(client.reply().status, 200, "{wire}\n{}", client.scene());
        client.assert_closed();
    }
    assert!(!fc.log().contains("/wait failed after"), "{}", fc.log());
}

/// Answers by the head alone: 417 where it is asked to, else 200; with `/ask` it wants the body first.
const ANSWERS_BY_THE_HEAD: &str = r#"
import os, socket, threading
def serve(c):
    data = b''
    while b'\r\n\r\n' not in data:
        piece = c.recv(1)
        if not piece: return
        data += piece
    expects = b'expect: 100-continue' in data.lower()
    path = data.split()[1]
    if path == b'/ask':
        if expects: c.sendall(b'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
        body = c.recv(5, socket.MSG_WAITALL)
    if path == b'/silent': body = c.recv(5, socket.MSG_WAITALL)
    status = b'417 no' if path == b'/refuse' and expects else b'200 ok'
    c.sendall(b'HTTP/1.1 ' + status + b'\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok')
    c.shutdown(socket.SHUT_RDWR)
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
s.listen(100)
while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
"#;

#[test]
fn a_client_that_waits_to_be_asked_for_its_body_gets_an_early_answer_at_once() {
    let fc = start_with(Scratch::new(), &["--timeout", "600s"], &python_script(ANSWERS_BY_THE_HEAD));
    for framing in ["content-length: 5", "content-length: 500000", "transfer-encoding: chunked"] {
        for (path, status) in [("/refuse", 417), ("/accept", 200)] {
            let mut client = fc.client();
            client.send(format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n{framing}\r\n\r\n"
            ));
            assert_eq!(client.reply().status, status, "{path} {framing}\n{}", client.scene());
        }
    }
    // One that asks has the body sent, and so has one that says nothing of it.
    for path in ["/ask", "/silent"] {
        let mut client = fc.client();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
        ));
        assert_eq!(client.reply().status, 100, "{path}");
        client.send("hello");
        assert_eq!((client.reply().status, path), (200, path));
    }
}
