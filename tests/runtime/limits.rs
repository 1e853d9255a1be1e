use fc_runtime::{Context, Function, Request, Response};
use std::io::Write;
use std::time::Duration;
use support::{TestServer, config, gate, get, post};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn a_head_over_32_kib_is_refused() {
    let server = TestServer::start(config(), |_, _| Ok("fine".into()));
    for (wire, status) in [
        (format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(40_000)), 431),
        (format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "a:\r\n".repeat(8200)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(9000)), 414),
        (format!("GET /{}", "a".repeat(40_000)), 414),
    ] {
        let mut client = server.client();
        let _ = client.try_send(wire.as_bytes());
        assert_eq!(client.reply().status, status);
    }
    let large = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(32_000));
    assert_eq!(server.request(large).text(), "fine");
}

#[test]
fn a_head_that_is_not_complete_in_time_is_a_408() {
    let server = TestServer::start(config().head_timeout(SHORT), |_, _| Ok("fine".into()));
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nHo");
    assert_eq!(client.reply().status, 408);
    client.assert_closed();
}

#[test]
fn a_connection_that_never_sends_is_not_a_slow_head() {
    let server = TestServer::start(config().head_timeout(SHORT), |_, _| Ok("fine".into()));
    let mut silent = server.client();
    let mut slow = server.client();
    slow.send("G");
    assert_eq!(slow.reply().status, 408, "its time is up");
    silent.send(get("/"));
    assert_eq!(silent.reply().text(), "fine", "and the silent one's has not begun");
}

#[test]
fn a_body_that_stalls_is_a_408_however_it_is_read() {
    let server =
        TestServer::start(config().body_timeout(SHORT), |_, mut request| Ok(Response::text(request.text()?)));
    for framing in [
        "Content-Length: 10\r\n\r\nabc",
        "Content-Length: 100000\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ] {
        let mut client = server.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}"));
        assert_eq!(client.reply().status, 408, "{framing}");
        client.assert_closed();
    }
}

#[test]
fn a_client_that_takes_no_response_is_given_up() {
    let (told, is_told) = std::sync::mpsc::channel();
    let server = TestServer::start(config().write_timeout(SHORT), move |_, _| {
        let told = told.clone();
        Ok(Response::stream(move |_, out| {
            let error = (0..).find_map(|_| out.write_all(&[b'x'; 65_536]).err()).unwrap();
            told.send(error.kind()).unwrap();
            Ok(())
        }))
    });
    let mut client = server.client();
    client.send(get("/"));
    assert_eq!(is_told.recv_timeout(support::WATCHDOG).unwrap(), std::io::ErrorKind::TimedOut);
    assert!(!client.rest().ends_with(b"0\r\n\r\n"), "a response that was given up does not look whole");
}

#[test]
fn a_client_that_sends_all_before_it_reads_an_echo_ends_by_the_write_limit() {
    let server = TestServer::start(config().write_timeout(SHORT), |_, _| {
        Ok(Response::stream(|body, out| {
            std::io::copy(body, out)?;
            Ok(())
        }))
    });
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000\r\n\r\n");
    let sent = client.try_send(&vec![b'x'; 30_000_000]);
    assert!(sent.is_err(), "the server gave up before everything was sent");
    assert_eq!(server.request(post("/", "next")).text(), "next");
}

#[test]
fn invocations_over_max_workers_wait_their_turn() {
    let (test, passage) = gate();
    let server = TestServer::start(config().max_workers(2), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let mut clients: Vec<_> = (0..6).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    for _ in 0..3 {
        test.wait_for(2);
        assert!(test.nobody_is_there());
        test.let_go(2);
    }
    for client in &mut clients {
        assert_eq!(client.reply().text(), "done");
    }
}

#[test]
fn the_platform_is_answered_while_every_worker_is_busy() {
    let (test, passage) = gate();
    let server = TestServer::start(config().health_path("/health"), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let mut clients: Vec<_> = (0..300).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    test.wait_for(256);
    assert_eq!(server.request(get("/health")).status, 200);
    assert_eq!(server.request(get("/pre-stop")).status, 200);
    assert_eq!(server.request(post("/initialize", "")).status, 200);
    test.let_go(300);
    for client in &mut clients {
        assert_eq!(client.reply().text(), "done");
    }
}

#[test]
fn a_client_that_asks_for_the_health_path_and_takes_no_answer_harms_no_hook() {
    let server =
        TestServer::start(config().health_path("/health").write_timeout(SHORT), |_, _| Ok("x".into()));
    let mut client = server.client();
    let flood = get("/health").repeat(1000);
    while client.try_send(flood.as_bytes()).is_ok() {}
    assert_eq!(server.request(post("/initialize", "")).status, 200);
    assert_eq!(server.request(get("/pre-stop")).status, 200);
}

#[test]
fn a_stream_in_progress_is_no_idle_connection() {
    let (test, passage) = gate();
    let server = TestServer::start(config().max_connections(2), move |_, request| {
        let passage = passage.clone();
        if request.path() != "/stream" {
            return Ok("fine".into());
        }
        Ok(Response::stream(move |_, out| {
            out.write_all(b"begun")?;
            out.flush()?;
            passage.pass();
            Ok(())
        }))
    });
    let mut stream = server.client();
    stream.send(get("/stream"));
    test.wait_for(1);
    for _ in 0..5 {
        assert_eq!(server.request(get("/")).text(), "fine");
    }
    test.let_go(1);
    assert_eq!(stream.reply().text(), "begun");
}

#[test]
fn connections_that_never_sent_a_whole_head_make_room_for_others() {
    let server = TestServer::start(config().max_connections(4), |_, _| Ok("fine".into()));
    let mut half: Vec<_> = (0..4).map(|_| server.client()).collect();
    for client in &mut half {
        client.send("G");
    }
    assert_eq!(server.request(get("/")).status, 200);
}

#[test]
fn queued_requests_hold_a_limited_amount_of_memory_and_the_rest_is_told_503() {
    let (test, passage) = gate();
    let server = TestServer::start(config().max_workers(1), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let request = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(31_000));
    let mut first = server.client();
    first.send(&request);
    test.wait_for(1);
    // Each holds its head and the buffer that it came in: 32 MB are full long before the last one comes.
    let mut clients: Vec<_> = (0..800).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(&request);
    }
    let mut last = clients.pop().unwrap();
    let reply = last.reply();
    assert_eq!((reply.status, reply.text()), (503, "too many requests wait\n"));
    last.assert_closed();
    let mut head = server.client();
    head.expects_no_body = true;
    head.send(request.replace("GET", "HEAD"));
    assert_eq!(head.reply().status, 503);
    head.assert_closed();
    test.let_go(800);
    assert_eq!(first.reply().text(), "done");
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.reply().status).collect();
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    assert!(served > 300, "only {served} of 800 were queued");
}

/// Takes at least so much of the stack; of an unoptimized build several times as much.
fn deep(kilobytes: usize) -> usize {
    let frame = std::hint::black_box([1u8; 1024]);
    match kilobytes {
        0 => 0,
        _ => deep(kilobytes - 1) + usize::from(frame[kilobytes % 1024]),
    }
}

struct Deep {
    kilobytes: usize,
    stopped: std::sync::mpsc::Sender<usize>,
}

impl Function for Deep {
    fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
        Ok(deep(self.kilobytes).to_string().into())
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        Ok(self.stopped.send(deep(self.kilobytes))?)
    }
}

/// Ends its process: run by the test below, in a process of its own.
#[test]
#[ignore = "it ends the process"]
fn overflows_its_stack() {
    let server = TestServer::start(config(), |_, _| Ok(deep(1 << 20).to_string().into()));
    server.request(get("/"));
}

#[test]
fn what_is_said_of_a_stack_overflow_names_the_option() {
    let mut test = std::process::Command::new(std::env::current_exe().unwrap());
    test.args(["limits::overflows_its_stack", "--exact", "--ignored", "--nocapture"]);
    let output = support::run_to_end(&mut test, support::WATCHDOG);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(error.contains("FCRT_STACK_SIZE' ") && error.contains("has overflowed its stack"), "{error}");
}

#[test]
fn every_thread_that_runs_the_functions_code_has_the_stack_that_is_asked_for() {
    for (config, kilobytes) in [(config(), 2_100), (config().stack_size(64 << 20), 17_000)] {
        let (stopped, is_stopped) = std::sync::mpsc::channel();
        let server =
            TestServer::start_function(config, move |_| Ok(Deep { kilobytes, stopped: stopped.clone() }));
        let mut clients: Vec<_> = (0..8).map(|_| server.client()).collect();
        clients.iter_mut().for_each(|client| client.send(get("/")));
        for client in &mut clients {
            assert_eq!(client.reply().text(), kilobytes.to_string());
        }
        server.stop().unwrap();
        assert_eq!(is_stopped.recv(), Ok(kilobytes));
    }
}
