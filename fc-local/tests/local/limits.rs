//! The platform's limits for HTTP calls.

use crate::harness::{Said as _, start};

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
