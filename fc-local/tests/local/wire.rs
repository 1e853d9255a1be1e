//! The gateway byte by byte: what it takes for a request, and where the next one begins.

#[expect(dead_code, reason = "the reasons are those of other servers")]
#[path = "../../../tests/differential/table.rs"]
mod table;

use crate::harness::{Fc, Said as _, example, python_script, start, start_with};
use support::advisories::ADVISORIES;
use support::{Scratch, get};

/// A function of the library: `echo` answers while it reads, `hello` reads nothing.
fn gateway(function: &str) -> Fc {
    start_with(Scratch::new(), &["--timeout", "20s"], &example(function))
}

/// The trailers of a chunked request, and whatever else ends it, are not left for the next request.
#[test]
fn a_request_behind_a_chunked_one_with_trailers_is_read_as_one_wherever_it_is_cut() {
    let first =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: v\r\n\r\n";
    for function in ["echo", "hello"] {
        let fc = gateway(function);
        for cut in 1..=first.len() {
            let mut client = fc.client();
            client.send(&first[..cut]);
            client.send([&first[cut..], &get("/2"), first, &get("/3")].concat());
            for _ in 0..4 {
                let reply = client.reply();
                assert_eq!(reply.status, 200, "{function}, cut at {cut}\n{}", client.scene());
                assert_eq!(reply.header("connection"), None, "{function}, cut at {cut}");
            }
            client.assert_silent();
        }
    }
}

#[test]
fn what_public_advisories_say_of_other_servers_does_not_hold_of_the_gateway() {
    for function in ["echo", "hello"] {
        let fc = gateway(function);
        for advisory in ADVISORIES {
            assert_eq!(advisory.said_by(fc.address), advisory.statuses, "{function}: {}", advisory.name);
        }
        assert_eq!(fc.get("/").status, 200, "and the gateway lives");
        assert!(!fc.log().contains("/smuggled"), "{}", fc.log());
    }
}

/// The rows that the library is compared with other servers by, through the gateway: a relay that reads a body in its own
/// way takes the same for requests.
#[test]
fn the_gateway_accepts_what_the_server_accepts_and_nothing_else() {
    for function in ["echo", "hello"] {
        let fc = gateway(function);
        let mut found = Vec::new();
        for request in table::REQUESTS {
            let latin: Vec<u8> =
                request.wire.chars().map(|c| u8::try_from(c as u32).expect("Latin-1")).collect();
            let mut client = fc.client();
            // It may be refused before its end.
            if client.try_send(&latin).is_ok() {
                client.end_sending();
            }
            let said = String::from_utf8_lossy(&client.rest()).into_owned();
            let final_ones = said.split("HTTP/1.1 ").skip(1).filter(|rest| !rest.starts_with('1'));
            let is_accepted = final_ones.map(|rest| rest.starts_with("200")).next() == Some(true);
            // What the platform refuses beyond what HTTP says, and a host that is none of ours.
            let is_ours = said.contains("InvalidArgument") || said.contains("AccessDenied");
            if is_accepted != request.accepted && !is_ours {
                found.push(format!("{function}: {} {said}", request.wire.escape_default()));
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

/// The function is called in HTTP/1.1, which asks for one Host.
#[test]
fn the_function_is_told_the_host_that_was_asked_for() {
    let fc = start(&[]);
    for (wire, host) in [
        ("GET / HTTP/1.1\r\nHost: a:1\r\n\r\n", "a:1"),
        ("GET http://b:2/ HTTP/1.1\r\nHost: a:1\r\n\r\n", "b:2"),
        ("GET http://b:2/ HTTP/1.0\r\n\r\n", "b:2"),
        ("GET / HTTP/1.0\r\n\r\n", "127.0.0.1"),
    ] {
        let mut client = fc.client();
        client.send(wire);
        let reply = client.reply();
        assert_eq!((reply.status, reply.json()["headers"]["host"].as_str()), (200, Some(host)), "{wire:?}");
    }
}

/// Answers as its path says, with the head of a GET to a HEAD.
const LENGTHS: &str = "
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class H(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        kind, length = self.path[1:].split('-')
        self.send_response(304 if kind == 'unchanged' else 204 if kind == 'nothing' else 200)
        if kind == 'known': self.send_header('Content-Length', length)
        if kind == 'chunked': self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        if self.command == 'HEAD': return
        if kind == 'known': self.wfile.write(b'x' * int(length))
        if kind == 'chunked': self.wfile.write(b'1\\r\\nx\\r\\n0\\r\\n\\r\\n')
    do_HEAD = do_GET
    def log_message(self, *a): pass
HTTPServer(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])), H).serve_forever()
";

#[test]
fn head_says_the_length_that_get_has() {
    let fc = start_with(Scratch::new(), &[], &python_script(LENGTHS));
    for path in
        ["/known-0", "/known-5", "/known-70000", "/known-3000000", "/chunked-0", "/unchanged-0", "/nothing-0"]
    {
        let length = fc.get(path).header("content-length").map(str::to_owned);
        let mut client = fc.client();
        client.expects_no_body = true;
        for _ in 0..2 {
            client.send(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
            assert_eq!(client.reply().header("content-length").map(str::to_owned), length, "{path}");
        }
        client.assert_silent();
    }
    // What refuses a HEAD has no content either.
    let mut client = fc.client();
    client.expects_no_body = true;
    client.send("HEAD /known-5 HTTP/1.1\r\nHost: h\r\nX-Fc-A: b\r\n\r\n");
    assert_eq!(client.reply().status, 400);
    client.send(get("/known-5"));
    client.expects_no_body = false;
    assert_eq!(client.reply().body, b"xxxxx");
}
