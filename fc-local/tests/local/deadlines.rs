//! A call is over when its time is, whatever function and caller do meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Fc, Said as _, python_script, start_with};
use support::{Scratch, WATCHDOG};

/// The calls' time, and what they may take at the most on a machine that has other things to do: far less than without
/// a limit.
const TIMEOUT: &str = "1s";
const AT_MOST: Duration = Duration::from_secs(8);

/// Speaks in bytes, so that it can do all that a server should not. The path says what.
const FUNCTION: &str = r#"
import os, socket, threading, time

OK = b'HTTP/1.1 200 OK\r\n'

def head(c):
    data = b''
    while b'\r\n\r\n' not in data:
        piece = c.recv(1)
        if not piece: raise OSError
        data += piece
    return data.split()[1].decode().split('?')[0]

def slowly(c, text):
    while True:
        for byte in text:
            c.sendall(bytes([byte]))
            time.sleep(0.002)

def fast(c, text):
    while True: c.sendall(text * 1000)

def serve(c):
    path = head(c)
    if path == '/silent': time.sleep(1000)
    if path == '/a-byte-of-the-head-now-and-then': slowly(c, b'HTTP/1.1 200 OK\r\nx: ' + b'x' * 1000000)
    if path == '/header-lines': c.sendall(OK); slowly(c, b'a: b\r\n')
    if path == '/interim': fast(c, b'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n')
    if path == '/interim-slowly': slowly(c, b'HTTP/1.1 102 Processing\r\n\r\n')
    if path == '/known-length': c.sendall(OK + b'content-length: 60000\r\n\r\n'); slowly(c, b'x')
    if path == '/large-length': c.sendall(OK + b'content-length: 1000000\r\n\r\n'); slowly(c, b'x')
    if path == '/until-close-slowly': c.sendall(OK + b'\r\n'); slowly(c, b'x')
    if path == '/until-close': c.sendall(OK + b'\r\n'); fast(c, b'x' * 100)
    if path == '/endless-length': c.sendall(OK + b'content-length: 10000000000000\r\n\r\n'); fast(c, b'x' * 100)
    if path.startswith('/chunk'): c.sendall(OK + b'transfer-encoding: chunked\r\n\r\n')
    if path == '/chunks': fast(c, b'3\r\nabc\r\n')
    if path == '/chunks-slowly': slowly(c, b'3\r\nabc\r\n')
    if path == '/chunk-extensions': fast(c, b'1;' + b'x' * 4000 + b'\r\na\r\n')
    if path == '/chunk-extension-slowly': c.sendall(b'1;'); slowly(c, b'x')
    if path == '/chunk-trailers-slowly': c.sendall(b'0\r\n'); slowly(c, b'a: b\r\n')
    if path == '/answers-first': c.sendall(OK + b'transfer-encoding: chunked\r\n\r\n'); time.sleep(1000)
    if path == '/answers-first-and-ends': c.sendall(OK + b'content-length: 2\r\n\r\nok'); time.sleep(1000)
    if path == '/leaves-the-body': time.sleep(1000)
    c.sendall(OK + b'content-length: 2\r\n\r\nok')

def safely(c):
    try: serve(c)
    except OSError: pass

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
s.listen(100)
while True:
    c, _ = s.accept()
    threading.Thread(target=safely, args=(c,), daemon=True).start()
"#;

fn start(arguments: &[&str]) -> Fc {
    let arguments = [&["--timeout", TIMEOUT, "--concurrency", "50"], arguments].concat();
    start_with(Scratch::new(), &arguments, &python_script(FUNCTION))
}

fn connect(fc: &Fc) -> TcpStream {
    let stream = TcpStream::connect(fc.address).expect("connect");
    stream.set_read_timeout(Some(WATCHDOG)).expect("a timeout");
    stream.set_write_timeout(Some(WATCHDOG)).expect("a timeout");
    stream
}

/// Reads to the end, keeping the beginning.
fn rest(mut stream: &TcpStream) -> String {
    let (mut beginning, mut buffer) = (Vec::new(), [0; 65536]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if beginning.len() < 4096 {
            beginning.extend_from_slice(&buffer[..count]);
        }
    }
    String::from_utf8_lossy(&beginning).into_owned()
}

/// Reads until `text` has come, or the end.
fn read_until(mut stream: &TcpStream, text: &str) -> String {
    let (mut all, mut buffer) = (String::new(), [0; 65536]);
    while !all.contains(text) {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => all.push_str(&String::from_utf8_lossy(&buffer[..count])),
            _ => break,
        }
    }
    all
}

/// A call that begins with `wire`, until its connection ends. What its caller got, and how long it took.
fn call(fc: &Fc, wire: &str) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = connect(fc);
    stream.write_all(wire.as_bytes()).expect("a peer");
    (rest(&stream), began.elapsed())
}

fn wait_for_timeouts(fc: &Fc, path: &str) {
    fc.wait_for_logs(&format!("{path} failed after"), 1);
    let log = fc.log();
    let line = log.lines().find(|line| line.contains(&format!("{path} failed after"))).expect("its line");
    assert!(line.contains("timed out after 1 seconds"), "{line}");
}

/// The most memory that fc-local had.
fn peak_mb(fc: &Fc) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", fc.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") / 1024
}

#[test]
fn a_function_that_always_says_a_little_more_is_cut_when_the_time_is_up() {
    let fc = start(&[]);
    let answered = [
        "/silent",
        "/a-byte-of-the-head-now-and-then",
        "/header-lines",
        "/interim",
        "/interim-slowly",
        "/known-length",
        "/large-length",
    ];
    let begun = [
        "/until-close-slowly",
        "/until-close",
        "/endless-length",
        "/chunks",
        "/chunks-slowly",
        "/chunk-extensions",
        "/chunk-extension-slowly",
        "/chunk-trailers-slowly",
    ];
    thread::scope(|scope| {
        for path in answered.into_iter().chain(begun) {
            let fc = &fc;
            scope.spawn(move || {
                let (reply, time) =
                    call(fc, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
                let status = if answered.contains(&path) { "HTTP/1.1 502" } else { "HTTP/1.1 200" };
                assert!(reply.starts_with(status), "{path}: {reply:.300}");
                assert!(!reply.ends_with("\r\n0\r\n\r\n"), "{path}: a reply that breaks off has no end");
                assert!(time < AT_MOST, "{path}: {time:?}");
                wait_for_timeouts(fc, path);
            });
        }
    });
    assert!(peak_mb(&fc) < 200, "{} MB", peak_mb(&fc));
}

#[test]
fn an_event_whose_reply_never_ends_is_answered_when_the_time_is_up() {
    let fc = start(&[]);
    // The function is asked for /invoke, and says nothing of this kind: it answers, so the reply is that.
    assert_eq!(fc.invoke("{}").status, 200);
    let script = FUNCTION.replace("path = head(c)", "head(c); path = '/interim'");
    let fc = start_with(Scratch::new(), &["--timeout", TIMEOUT], &python_script(&script));
    let began = Instant::now();
    let reply = fc.invoke("{}");
    assert_eq!(reply.error_type(), Some("UnhandledInvocationError"), "{reply:?}");
    assert!(reply.error_message().starts_with("Function timed out after 1 seconds"), "{reply:?}");
    assert!(began.elapsed() < AT_MOST);
}

#[test]
fn a_function_that_leaves_the_body_unread_is_cut_when_the_time_is_up() {
    let fc = start(&[]);
    for path in ["/answers-first", "/leaves-the-body"] {
        for framing in ["content-length: 30000000", "transfer-encoding: chunked"] {
            let began = Instant::now();
            let stream = connect(&fc);
            let target = format!("{path}?{framing}").replace(": ", "=");
            let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n");
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat();
            let upload = stream.try_clone().expect("a handle");
            let sending = thread::spawn(move || {
                let mut upload = &upload;
                let _ = upload.write_all(head.as_bytes());
                // It is cut long before.
                for _ in 0..400 {
                    if upload.write_all(&chunk).is_err() {
                        return;
                    }
                }
            });
            let reply = rest(&stream);
            let _ = stream.shutdown(Shutdown::Both);
            sending.join().expect("sent or cut");
            let status = if path == "/answers-first" { "HTTP/1.1 200" } else { "HTTP/1.1 502" };
            assert!(reply.starts_with(status), "{path} {framing}: {reply:.300}");
            assert!(began.elapsed() < AT_MOST, "{path} {framing}: {:?}", began.elapsed());
        }
        fc.wait_for_logs(&format!("POST {path} failed after"), 2);
    }
    let log = fc.log();
    let mut failed = log.lines().filter(|line| line.contains(" failed after "));
    assert!(failed.all(|line| line.contains("timed out after 1 seconds")), "{log}");
    assert!(peak_mb(&fc) < 200, "{} MB", peak_mb(&fc));
}

#[test]
fn a_caller_that_does_not_read_or_reads_a_byte_now_and_then_gets_no_longer() {
    let fc = start(&[]);
    for path in ["/until-close", "/endless-length", "/chunks"] {
        let mut stream = connect(&fc);
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).expect("a peer");
        let reading = thread::spawn(move || {
            // Slower than the function, and never silent for as long as the server's own limit.
            let mut byte = [0; 1];
            while let Ok(1) = stream.read(&mut byte) {
                thread::park_timeout(Duration::from_millis(1));
                if stream.take_error().is_ok_and(|error| error.is_some()) {
                    break;
                }
            }
        });
        let began = Instant::now();
        wait_for_timeouts(&fc, path);
        assert!(began.elapsed() < AT_MOST, "{path}: {:?}", began.elapsed());
        drop(reading); // it ends with the connection
    }
}

#[test]
fn a_caller_that_sends_its_body_a_byte_now_and_then_gets_no_longer() {
    let fc = start(&[]);
    // The first ones are read before the call begins, the last one is sent on as it comes.
    for (path, framing) in [
        ("/small", "content-length: 50000"),
        ("/2023-03-30/functions/local/invocations", "content-length: 50000"),
        ("/2023-03-30/functions/local/invocations", "transfer-encoding: chunked"),
        ("/leaves-the-body", "content-length: 5000000"),
        ("/leaves-the-body", "transfer-encoding: chunked"),
        ("/leaves-the-body", "content-length: 5000000\r\nexpect: 100-continue"),
    ] {
        let began = Instant::now();
        let mut stream = connect(&fc);
        stream
            .write_all(format!("POST {path} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n").as_bytes())
            .expect("a peer");
        let mut upload = stream.try_clone().expect("a handle");
        let is_chunked = framing.starts_with("transfer");
        let is_silent = framing.contains("expect");
        thread::spawn(move || {
            let piece: &[u8] = if is_chunked { b"1\r\nx\r\n" } else { b"x" };
            while !is_silent && upload.write_all(piece).is_ok() {
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        let wanted = if path == "/leaves-the-body" {
            "timed out after 1 seconds"
        } else {
            "did not arrive within 1 s"
        };
        let reply = read_until(&stream, wanted);
        assert!(reply.contains(wanted), "{path} {framing}: {reply:.400}");
        assert!(began.elapsed() < AT_MOST, "{path} {framing}: {:?}", began.elapsed());
        let _ = stream.shutdown(Shutdown::Both);
    }
}

#[test]
fn hooks_and_health_checks_have_their_time_and_no_more() {
    let script = FUNCTION.replace("path = head(c)", "path = '/interim' if head(c) in HOOKS else '/'");
    for (hooks, arguments, wanted) in [
        (
            "['/initialize']",
            ["--initializer", "--initializer-timeout", "1s"],
            "initialization timed out after 1 seconds",
        ),
        ("['/pre-stop']", ["--pre-stop", "--pre-stop-timeout", "1s"], "PreStop timed out after 1 seconds"),
        (
            "['/health']",
            ["--health-check", "/health", "--no-freeze"],
            "check function health failed: no answer in time",
        ),
    ] {
        let script = format!("HOOKS = {hooks}\n{script}");
        let mut fc = start_with(Scratch::new(), &arguments, &python_script(&script));
        let began = Instant::now();
        fc.get("/");
        fc.stop();
        fc.wait_for_log(wanted);
        assert!(began.elapsed() < AT_MOST, "{hooks}: {:?}", began.elapsed());
    }
}
