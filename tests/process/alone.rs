//! Calls that run on the one thread there is: the platform's first Initializer, and with one worker the first invocation.

use crate::subject::threads;
use rustix::fs::OFlags;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use support::{Client, Process, Scratch, eventually, get, until};

const BY_PLATFORM: &str = "x-fc-control-path: /initialize\r\n";

/// A function whose `initialize` waits for what it greets with.
struct Waiting {
    process: Process,
    client: Client,
    greeting: fs::File,
    _scratch: Scratch,
}

/// Its Initializer has been called, and runs.
fn initializing(fields: &str, variables: &[(&str, &str)]) -> Waiting {
    let scratch = Scratch::new();
    let path = scratch.fifo("greeting");
    let process = Process::start("stateful", &[&[("GREETING_PATH", &*path)], variables].concat());
    let mut client = process.client();
    client.send(format!("POST /initialize HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: 0\r\n\r\n"));
    let mut open = fs::OpenOptions::new();
    open.write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let greeting = eventually("somebody reads the greeting", || open.open(&path).ok());
    Waiting { process, client, greeting, _scratch: scratch }
}

impl Waiting {
    /// Lets it end.
    fn greet(mut self) -> Process {
        self.greeting.write_all(b"Hello").expect("it reads");
        drop(self.greeting);
        assert_eq!(self.client.reply().status, 200);
        self.process
    }
}

#[test]
fn the_platforms_first_initializer_has_the_one_thread_and_the_next_one_is_made_after_it() {
    let waiting = initializing(BY_PLATFORM, &[]);
    assert_eq!(threads(&waiting.process), 1);
    let process = waiting.greet();
    until("the second worker is there", || threads(&process) == 2);
    assert_eq!(
        process.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nyo").text(),
        "Hello, yo!"
    );
    process.signal("TERM");
    let (code, out, error) = process.end();
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("1 greetings to flush"), "{out}");
}

#[test]
fn with_one_worker_the_first_initializer_and_then_the_first_invocation_have_the_one_thread() {
    let process = initializing(BY_PLATFORM, &[("FCRT_MAX_WORKERS", "1")]).greet();
    let order = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nyo";
    for threads_then in [1, 2] {
        assert_eq!(process.request(order).text(), "Hello, yo!");
        assert_eq!(threads(&process), threads_then);
    }
}

#[test]
fn a_signal_during_the_platforms_first_initializer_ends_the_process_at_once() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let waiting = initializing(BY_PLATFORM, &[]);
        waiting.process.signal(signal);
        assert_eq!(waiting.process.end().0, Some(code));
    }
}

#[test]
fn an_initializer_is_not_alone_where_somebody_may_be_served_beside_it_or_the_main_thread_is_no_worker() {
    let large = (32 * 1024 * 1024).to_string(); // more than a main thread has
    let cases: [(&str, &[(&str, &str)]); 3] = [
        ("", &[]), // anybody may have called it
        (BY_PLATFORM, &[("FCRT_HEALTH_PATH", "/health")]),
        (BY_PLATFORM, &[("FCRT_STACK_SIZE", &large)]),
    ];
    for (fields, variables) in cases {
        let waiting = initializing(fields, variables);
        assert!(threads(&waiting.process) >= 2, "{variables:?}");
        // It is served beside it, and waits for it; so does the stop.
        let mut client = waiting.process.client();
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nyo");
        waiting.process.signal("TERM");
        until("it drains", || std::net::TcpStream::connect(("127.0.0.1", waiting.process.port)).is_err());
        let process = waiting.greet();
        assert_eq!(client.reply().text(), "Hello, yo!");
        assert_eq!(process.end().0, Some(0));
    }
}

/// With one worker, a client that is sent something now and then.
fn streaming(count: u32) -> (Process, Client) {
    let process = Process::start(
        "stream",
        &[("FCRT_MAX_WORKERS", "1"), ("FCRT_HEALTH_PATH", "/health"), ("FCRT_DRAIN_TIMEOUT", "0.1")],
    );
    let mut client = process.client();
    client.send(get(&format!("/?count={count}")));
    client.head();
    (process, client)
}

/// How many of them come until the end.
fn events(client: &mut Client) -> usize {
    std::iter::repeat_with(|| client.chunk()).take_while(|chunk| !chunk.is_empty()).count()
}

#[test]
fn with_one_worker_the_first_invocation_has_the_one_thread_and_who_comes_meanwhile_waits() {
    let (process, mut client) = streaming(3);
    let mut probe = process.client();
    probe.send(get("/health"));
    assert_eq!(threads(&process), 1);
    assert!(events(&mut client) == 3);
    assert_eq!(probe.reply().status, 200);
    assert_eq!(threads(&process), 1);
    // Others are served beside the next one.
    client.send(get("/?count=1000"));
    client.head();
    assert_eq!(threads(&process), 2);
    assert_eq!(process.request(get("/health")).status, 200);
}

#[test]
fn with_one_worker_the_first_signal_waits_for_the_first_invocation() {
    let (process, mut client) = streaming(3);
    process.signal("TERM");
    assert_eq!(threads(&process), 1);
    assert!(events(&mut client) == 3);
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn with_one_worker_the_second_signal_does_not_wait() {
    for (first, second, code) in [("TERM", "INT", 130), ("INT", "TERM", 143), ("TERM", "TERM", 143)] {
        let (process, client) = streaming(1000);
        process.signal(first);
        until("it has been delivered", || !is_pending(&process));
        process.signal(second);
        assert_eq!(process.end().0, Some(code));
        drop(client);
    }
}

/// Whether a signal has not reached the process.
fn is_pending(process: &Process) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id())).expect("it lives");
    let pending = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    [pending("SigPnd:"), pending("ShdPnd:")].iter().any(|mask| *mask != Some("0000000000000000"))
}
