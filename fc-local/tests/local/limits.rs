//! The platform's limits for HTTP calls.

use crate::harness::{Said as _, example, python_script, start, start_with};
use support::Scratch;

#[test]
fn what_is_over_a_limit_is_invalid_argument() {
    let fc = start(&[]);
    let long_path = format!("/{}", "a".repeat(4096));
    let large_header = format!("x-large: {}\r\n", "b".repeat(8192));
    for (target, headers) in [
        (long_path.as_str(), ""),
        ("/", large_header.as_str()),
        ("/", "X-Fc-Anything: 1\r\n"),
        ("/", "x-fc-control-path: /initialize\r\n"),
        ("/", "Keep-Alive: timeout=5\r\n"),
    ] {
        let (status, code, message) = fc.request("GET", target, headers, b"").system_error();
        assert_eq!((status, code.as_str()), (400, "InvalidArgument"), "{message}");
    }
    assert!(fc.trace().is_empty(), "nothing of it reached the function");
}

#[test]
fn what_is_just_within_a_limit_passes() {
    let fc = start(&[]);
    let path = format!("/{}", "a".repeat(4095));
    assert_eq!(fc.get(&path).status, 200);
    // The test client's own headers take some of it.
    let header = format!("x-large: {}\r\n", "b".repeat(8192 - 100));
    assert_eq!(fc.request("GET", "/", &header, b"").status, 200);
    assert_eq!(fc.request("GET", "/", "Connection: keep-alive\r\n", b"").status, 200);
}

#[test]
fn a_body_over_32_mb_is_refused_by_its_announced_length() {
    let fc = start(&[]);
    let mut client = fc.client();
    client.send(format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 32 * 1024 * 1024 + 1));
    let (status, code, _) = client.reply().system_error();
    assert_eq!((status, code.as_str()), (400, "InvalidArgument"));
}

#[test]
fn a_chunked_body_over_32_mb_is_refused_when_it_gets_there() {
    let fc = start(&["--timeout", "60s"]);
    let mut client = fc.client();
    client.send("POST /raw HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    let data = vec![b'z'; 1024 * 1024];
    let chunk = [format!("{:x}\r\n", data.len()).as_bytes(), &data, b"\r\n"].concat();
    // The response may come, and the connection close, before all is sent.
    let _ = (0..33).try_for_each(|_| client.try_send(&chunk));
    let (status, code, _) = client.reply().system_error();
    assert_eq!((status, code.as_str()), (400, "InvalidArgument"));
}

#[test]
fn a_body_of_32_mb_passes() {
    let fc = start(&["--timeout", "60s"]);
    let body = vec![b'x'; 32 * 1024 * 1024];
    assert_eq!(fc.request("POST", "/", "", &body).json()["body"], body.len());
}

/// A server that answers as its path says, in bytes, and says how many fields it was sent.
const FIELDS: &str = r#"
import os, socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
s.listen(100)
while True:
    c, _ = s.accept()
    data = b''
    while b'\r\n\r\n' not in data:
        piece = c.recv(65536)
        if not piece: break
        data += piece
    if not data: continue
    count, size = (int(number) for number in data.split()[1][1:].split(b'-'))
    c.sendall(b'HTTP/1.1 200 OK\r\nServer: mine\r\nX-Fc-Own: ' + b'o' * 500 + b'\r\nContent-Length: 2\r\nConnection: close\r\n'
        + (b'a:' + b'b' * (size - 1) + b'\r\n') * count + b'\r\nok')
    c.close()
"#;

#[test]
fn the_bytes_of_headers_are_limited_and_not_their_number() {
    let fc = start_with(Scratch::new(), &[], &example("hello"));
    let own = "hosttestcontent-length0".len();
    for size in [1, 2, 8, 64] {
        let (field, most) = (format!("a:{}\r\n", "b".repeat(size - 1)), (8192 - own) / size);
        // The shortest are more than the server's own limit of 32 KiB has room for.
        for count in [90, most.min(200), most.min(7000)] {
            let reply = fc.request("GET", "/", &field.repeat(count), b"");
            assert_eq!(reply.status, 200, "{count} of {size} bytes");
        }
        if size > 1 {
            let (status, code, _) = fc.request("GET", "/", &field.repeat(most + 1), b"").system_error();
            assert_eq!((status, code.as_str()), (400, "InvalidArgument"), "{size} bytes");
        }
    }
    let fc = start_with(Scratch::new(), &[], &python_script(FIELDS));
    for (count, size) in [(128, 2), (200, 4), (8192, 1), (4096, 2), (1, 8192)] {
        let reply = fc.get(&format!("/{count}-{size}"));
        assert_eq!((reply.status, reply.text()), (200, "ok"), "{count} of {size} bytes");
        assert_eq!(reply.head.matches("\r\na:").count(), count);
    }
    for (count, size) in [(8193, 1), (4097, 2), (1, 8193)] {
        let (status, code, _) = fc.get(&format!("/{count}-{size}")).system_error();
        assert_eq!((status, code.as_str()), (502, "BadResponse"), "{count} of {size} bytes");
    }
}
