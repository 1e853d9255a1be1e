use fc_runtime::{Histogram, Response, Server, Stats, StatusError};
use std::io::Write;
use std::time::Duration;
use support::{TestServer, config, gate, get, post, until};

/// How many calls the histogram has.
fn measured(stats: &Stats) -> u64 {
    stats.durations.counts.iter().sum()
}

#[test]
fn calls_are_counted_and_those_that_failed() {
    let server = TestServer::start(config(), |_, request| match request.path() {
        "/fine" => Ok("fine".into()),
        "/large" => Ok(Response::bytes(vec![0; 20_000_000])),
        "/large-stream" => Ok(Response::stream(|_, out| Ok(out.write_all(&[0; 20_000_000])?))),
        "/missing" => Err(StatusError::new(404, "no such thing").into()),
        "/fails" => anyhow::bail!("no"),
        "/panics" => panic!("no"),
        "/invalid" => Ok(Response::new(7)),
        "/breaks" => Ok(Response::stream(|_, out| {
            out.write_all(b"some")?;
            out.flush()?;
            anyhow::bail!("no more")
        })),
        path => panic!("{path}"),
    });
    assert_eq!(server.stats().requests, 0);
    // However its body is made, a response is no success that the client does not take.
    for path in ["/large", "/large-stream"] {
        let mut client = server.client();
        client.send(get(path));
        assert_eq!(client.reply_head().status, 200);
    }
    server.stats_when(|stats| (stats.requests, stats.failures) == (2, 2));
    for _ in 0..2 {
        for path in ["/fine", "/missing", "/fails", "/panics", "/invalid"] {
            server.request(get(path));
        }
        let mut client = server.client();
        client.send(get("/breaks"));
        assert_eq!(client.reply_head().status, 200);
        client.rest();
    }
    let stats = server.stats_when(|stats| stats.requests == 14);
    assert_eq!((stats.failures, stats.refused, stats.in_flight, stats.queued), (10, 0, 0, 0));
    assert_eq!(measured(&stats), 14);
    assert!(!stats.durations.sum.is_zero() && stats.threads > 0, "{stats:?}");
}

#[test]
fn what_is_answered_without_the_function_is_no_call_of_it() {
    let server =
        TestServer::start(config().hooks(true).health_path("/health").max_body(10), |_, _| Ok("".into()));
    for (wire, status) in [
        (get("/health"), 200),
        (post("/initialize", ""), 200),
        (post("/invoke", "more than ten bytes"), 413),
        ("GET / HTTP/3.0\r\n\r\n".into(), 505),
        (get("/pre-stop"), 200),
    ] {
        assert_eq!(server.request(&wire).status, status, "{wire}");
    }
    let stats = server.stats_when(|stats| stats.refused == 2);
    assert_eq!((stats.requests, stats.failures, measured(&stats)), (0, 0, 0));
}

#[test]
fn what_runs_and_what_waits_for_its_turn_is_told_meanwhile() {
    let (test, passage) = gate();
    let server = TestServer::start(config().max_workers(2), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let mut clients: Vec<_> = (0..5).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    test.wait_for(2);
    let stats = server.stats_when(|stats| stats.queued == 3);
    assert_eq!((stats.in_flight, stats.connections, stats.requests), (2, 5, 0));
    assert!(stats.threads >= 3, "somebody waits beside those that run: {stats:?}");
    test.let_go(5);
    for client in &mut clients {
        assert_eq!(client.reply().text(), "done");
    }
    let stats = server.stats_when(|stats| stats.requests == 5);
    assert_eq!((stats.in_flight, stats.queued, stats.connections), (0, 0, 5));
    drop(clients);
    server.stats_when(|stats| stats.connections == 0);
}

#[test]
fn every_byte_is_counted_however_it_comes_and_goes() {
    let server = TestServer::start(config(), |_, mut request| {
        let body = request.bytes()?;
        Ok(match request.path() {
            "/whole" => Response::bytes(body),
            "/stream" => Response::stream(move |_, out| Ok(out.write_all(&body)?)),
            _ => Response::text("unread"),
        })
    });
    let (mut received, mut sent) = (0, 0);
    for path in ["/whole", "/stream", "/other"] {
        for size in [0, 5, 20_000, 300_000] {
            let mut client = server.client();
            let wire = post(path, &"x".repeat(size)).replace("Host: h", "Host: h\r\nConnection: close");
            client.send(&wire);
            received += wire.len() as u64;
            sent += client.rest().len() as u64;
        }
    }
    let malformed = "GET / HTTP/1.1\r\n\r\n";
    let mut client = server.client();
    client.send(malformed);
    client.end_sending();
    sent += client.rest().len() as u64;
    received += malformed.len() as u64;
    // What the function did not read is received after its call.
    let is_all = |stats: &Stats| stats.refused == 1 && stats.bytes_received >= received;
    let stats = server.stats_when(|stats| stats.requests == 12 && is_all(stats));
    assert_eq!((stats.bytes_received, stats.bytes_sent), (received, sent));
}

#[test]
fn a_call_counts_as_long_as_it_took_with_the_wait_for_its_turn() {
    let (test, passage) = gate();
    let server = TestServer::start(config().max_workers(1), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let (mut first, mut second) = (server.client(), server.client());
    first.send(get("/"));
    test.wait_for(1);
    second.send(get("/"));
    server.stats_when(|stats| stats.queued == 1);
    // Longer than what the server's own clock counts between two looks at it; a longer one is as good.
    let began = std::time::Instant::now();
    until("some time has passed", || began.elapsed() > Duration::from_millis(200));
    let passed = began.elapsed();
    test.let_go(2);
    first.reply();
    second.reply();
    let stats = server.stats_when(|stats| stats.requests == 2);
    let short = Histogram::BOUNDS.iter().position(|bound| *bound > Duration::from_millis(100)).unwrap();
    assert_eq!(stats.durations.counts[..short].iter().sum::<u64>(), 0, "{stats:?}");
    assert!(stats.durations.sum >= 2 * passed - Duration::from_millis(20), "{stats:?}");
}

#[test]
fn the_last_figures_are_there_when_the_server_has_ended() {
    let running = Server::bind_fn(config(), |_, _| Ok("".into())).unwrap().start().unwrap();
    let mut client = support::Client::connect(running.local_addr());
    client.send(get("/"));
    assert_eq!(client.reply().status, 200);
    running.stop();
    running.join().unwrap();
    let stats = running.stats();
    assert_eq!((stats.requests, stats.connections, stats.in_flight), (1, 0, 0));
    assert_eq!(running.stats(), stats);
}

#[test]
fn figures_that_are_read_do_not_keep_the_function() {
    struct Held(std::sync::mpsc::Sender<()>);
    impl Drop for Held {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (dropped, is_dropped) = std::sync::mpsc::channel();
    let held = Held(dropped);
    let running = Server::bind_fn(config(), move |_, _| {
        let _ = &held;
        Ok("".into())
    });
    let running = running.unwrap().start().unwrap();
    assert_eq!(running.stats().requests, 0);
    running.stop();
    running.join().unwrap();
    is_dropped.try_recv().expect("it went before the end was told");
    assert_eq!(running.stats().requests, 0);
}

#[test]
fn metrics_are_served_where_there_are_no_hooks() {
    let server = TestServer::start(config().hooks(false).metrics_path("/metrics"), |_, request| {
        Ok(format!("the function's {}", request.path()).into())
    });
    let mut client = server.client();
    for _ in 0..3 {
        client.send(post("/", "hello"));
        assert_eq!(client.reply().text(), "the function's /");
    }
    client.send(get("/metrics"));
    let reply = client.reply();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "fcrt_requests_total 3",
        "fcrt_connections 1",
        "fcrt_request_duration_seconds_count 3",
        "fcrt_request_duration_seconds_bucket{le=\"+Inf\"} 3",
    ] {
        assert!(reply.text().lines().any(|it| it == line), "{line}: {}", reply.text());
    }
    client.expects_no_body = true;
    client.send("HEAD /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    let length = client.reply().header("content-length").and_then(|length| length.parse::<usize>().ok());
    assert!(length.is_some_and(|length| length > 1000), "{length:?}");
    client.expects_no_body = false;
    client.send(post("/metrics", ""));
    assert_eq!(client.reply().text(), "the function's /metrics");
    let error = Server::bind_fn(config().metrics_path("/metrics"), |_, _| Ok("".into())).err().unwrap();
    assert!(error.to_string().contains("FCRT_HOOKS=off"), "{error}");
}
