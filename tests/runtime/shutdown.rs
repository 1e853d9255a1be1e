use fc_runtime::{Context, Error, Function, Request, Response, Running, Server};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::{Client, TestServer, config, gate, get, post, until};

#[test]
fn a_stopped_server_returns_and_its_port_is_free() {
    let server = TestServer::start(config(), |_, _| Ok("fine".into()));
    let address = server.address;
    assert_eq!(server.request(get("/")).status, 200);
    server.stop().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_server_that_nobody_has_called_stops_at_once_and_as_often_as_it_is_told() {
    let running = Server::bind_fn(config(), |_, _| Ok("fine".into())).unwrap().start().unwrap();
    running.stop();
    running.stop();
    running.join().unwrap();
    running.join().unwrap();
}

#[test]
fn a_server_that_is_dropped_has_stopped_and_its_function_is_gone() {
    let function = Arc::new(());
    let held = function.clone();
    let server = Server::bind_fn(config(), move |_, _| {
        let _ = &held;
        Ok("fine".into())
    });
    let running = server.unwrap().start().unwrap();
    let address = running.local_addr();
    let mut client = Client::connect(address);
    client.send(get("/"));
    assert_eq!(client.reply().status, 200);
    drop(running);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(Arc::strong_count(&function), 1);
}

#[test]
fn one_thread_stops_a_server_that_another_one_waits_for() {
    let running = Server::bind_fn(config(), |_, _| Ok("fine".into())).unwrap().start().unwrap();
    thread::scope(|scope| {
        let joining = scope.spawn(|| running.join());
        running.stop();
        joining.join().unwrap().unwrap();
    });
}

#[test]
fn requests_in_flight_are_answered_and_their_connections_closed() {
    let (test, passage) = gate();
    let mut server = TestServer::start(config(), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let mut client = server.client();
    client.send(get("/"));
    test.wait_for(1);
    server.begin_stop();
    until("the listener is closed", || TcpStream::connect(server.address).is_err());
    test.let_go(1);
    let reply = client.reply();
    assert_eq!((reply.text(), reply.header("connection")), ("done", Some("close")));
    client.assert_closed();
    drop(client);
    server.join().unwrap();
}

#[test]
fn idle_connections_are_closed_at_the_stop() {
    let server = TestServer::start(config(), |_, _| Ok("fine".into()));
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
        assert_eq!(client.reply().status, 200);
    }
    server.stop().unwrap();
    for client in &mut clients {
        client.assert_closed();
    }
}

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn an_idle_connection_may_ask_once_more_after_the_stop_and_is_told_that_it_closes() {
    let config = config().idle_grace(LONG).drain_timeout(LONG);
    let server = TestServer::start(config, |_, mut request| Ok(request.bytes()?.into()));
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
        assert_eq!(client.reply().header("connection"), None);
    }
    // One that has never asked has the same.
    clients.push(server.client());
    server.begin_stop();
    until("the listener is closed", || TcpStream::connect(server.address).is_err());
    let closed = Instant::now();
    until("it is not for having only just come", || closed.elapsed() > Duration::from_millis(200));
    for client in &mut clients {
        client.send(post("/", "once more"));
        let reply = client.reply();
        assert_eq!((reply.text(), reply.header("connection")), ("once more", Some("close")));
        client.assert_closed();
    }
    drop(clients);
    server.stop().unwrap(); // with its last connection, and not after the grace
}

#[test]
fn a_grace_is_no_longer_than_the_drain() {
    let config = config().idle_grace(LONG).drain_timeout(Duration::from_millis(50));
    let server = TestServer::start(config, |_, _| Ok("fine".into()));
    let mut client = server.client();
    client.send(get("/"));
    assert_eq!(client.reply().status, 200);
    server.stop().unwrap();
    client.assert_closed();
}

#[test]
fn a_request_whose_head_has_begun_is_still_served() {
    let (test, passage) = gate();
    let mut server = TestServer::start(config(), move |_, request| {
        if request.path() == "/hold" {
            passage.pass();
        }
        Ok("done".into())
    });
    let (mut held, mut half) = (server.client(), server.client());
    held.send(get("/hold"));
    test.wait_for(1);
    half.send("GET /half HTTP/1.1\r\nHo");
    // Its first bytes are read once a later request has been served.
    assert_eq!(server.request(get("/")).status, 200);
    server.begin_stop();
    half.send("st: h\r\n\r\n");
    assert_eq!(half.reply().text(), "done");
    test.let_go(1);
    assert_eq!(held.reply().text(), "done");
    drop((held, half));
    server.join().unwrap();
}

#[test]
fn what_outlasts_the_drain_is_cut_and_counted() {
    let (test, passage) = gate();
    let config = config().drain_timeout(Duration::from_millis(100));
    let mut server = TestServer::start(config, move |_, _| {
        passage.pass();
        Ok("late".into())
    });
    let mut clients: Vec<_> = (0..3).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(post("/", ""));
    }
    test.wait_for(3);
    server.begin_stop();
    match server.join() {
        Err(Error::DrainTimeout { running, .. }) => assert_eq!(running, 3),
        other => panic!("{other:?}"),
    }
    for client in &mut clients {
        client.assert_closed();
    }
    test.let_go(3);
}

#[test]
fn several_servers_live_in_one_process() {
    let servers: Vec<_> = (0..4)
        .map(|number: u32| TestServer::start(config(), move |_, _| Ok(number.to_string().into())))
        .collect();
    for (number, server) in servers.iter().enumerate() {
        assert_eq!(server.request(get("/")).text(), number.to_string());
    }
    let mut servers = servers.into_iter();
    servers.next().unwrap().stop().unwrap();
    for (number, server) in servers.enumerate() {
        assert_eq!(server.request(get("/")).text(), (number + 1).to_string());
    }
}

#[test]
fn an_address_that_is_taken_is_an_error_that_names_it() {
    let server = TestServer::start(config(), |_, _| Ok("fine".into()));
    let taken = fc_runtime::ServerConfig::default().address(server.address);
    let Err(error) = Server::bind_fn(taken, |_, _| Ok("fine".into())) else { panic!("bound twice") };
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
}

#[test]
fn the_health_path_says_503_while_the_server_stops() {
    let (test, passage) = gate();
    let mut server = TestServer::start(config().health_path("/health"), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let (mut held, mut probe) = (server.client(), server.client());
    held.send(get("/"));
    test.wait_for(1);
    probe.send("GET /health HTTP/1.1\r\nHo");
    // Its first bytes are read once a later request has been served.
    assert_eq!(server.request(get("/health")).status, 200);
    server.begin_stop();
    until("the listener is closed", || TcpStream::connect(server.address).is_err());
    probe.send("st: h\r\n\r\n");
    let reply = probe.reply();
    assert_eq!((reply.status, reply.text()), (503, "stopping\n"));
    probe.assert_closed();
    test.let_go(1);
    assert_eq!(held.reply().text(), "done");
    drop((held, probe));
    server.join().unwrap();
}

struct NeverFlushes;

impl Function for NeverFlushes {
    fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
        Ok("fine".into())
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        anyhow::bail!("the disk is full")
    }
}

#[test]
fn whoever_waits_first_is_told_that_pre_stop_failed() {
    let running = Server::bind(config(), |_| Ok(NeverFlushes)).unwrap().start().unwrap();
    let mut client = Client::connect(running.local_addr());
    client.send(get("/"));
    assert_eq!(client.reply().status, 200);
    running.stop();
    let error = running.join().unwrap_err();
    assert!(matches!(&error, Error::PreStop { message } if message == "the disk is full"), "{error}");
    running.join().unwrap();
}

#[test]
fn an_option_that_means_nothing_is_an_error_of_the_bind() {
    let error = Server::bind_fn(config().health_path("healthz"), |_, _| Ok("".into())).err().unwrap();
    assert_eq!(error.to_string(), "health_path=\"healthz\": expected a path that starts with /");
}

#[test]
fn a_function_may_hold_the_last_handle_of_its_own_server() {
    let own = Arc::new(Mutex::new(None::<Running>));
    let (held, function) = (own.clone(), Arc::new(()));
    let (kept, quits) = (function.clone(), move |_: &Context, _: Request<'_>| {
        if let Some(running) = held.lock().unwrap().as_ref() {
            running.stop();
        }
        Ok("stopping".into())
    });
    let running = Server::bind_fn(config(), move |context, request| {
        let _ = &kept;
        quits(context, request)
    });
    let running = running.unwrap().start().unwrap();
    let mut client = Client::connect(running.local_addr());
    *own.lock().unwrap() = Some(running);
    drop(own);
    client.send(get("/"));
    assert_eq!(client.reply().text(), "stopping");
    until("the function is gone", || Arc::strong_count(&function) == 1);
}
