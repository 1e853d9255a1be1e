//! The path of a request over real sockets, by a clock that the tests move. Nobody waits for real time: the tests are
//! the worker, and say when the timer fires.

use super::drain;
use super::engine::Engine;
use super::worker::Worker;
use crate::api::{Context, Function, Request, Response, ServerConfig};
use crate::clock::Clock;
use crate::log::written;
use crate::net::listen;
use crate::platform::Lifecycle;
use crate::sync::{Arc, Receiver, Sender, bounded};
use crate::testing::Call;
use crate::threads::WorkerSlot;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use std::{iter, thread};

const SECOND: Duration = Duration::from_secs(1);
const WATCHDOG: Duration = Duration::from_secs(30);

/// More than the system takes of a response that nobody reads.
const LARGE: usize = 16 * 1024 * 1024;

/// Answers with the body that it was sent.
struct Echo;

impl Function for Echo {
    fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
        Ok(match request.path() {
            "/unread" => "unread".into(),
            "/large" => vec![b'x'; LARGE].into(),
            "/some" => vec![b'x'; LARGE / 512].into(),
            _ => request.bytes()?.into(),
        })
    }
}

struct Scene {
    clock: Arc<Clock>,
    engine: Arc<Engine>,
    address: SocketAddr,
    slot: WorkerSlot,
}

/// Every limit is shorter than a freeze.
fn scene() -> Scene {
    let config = ServerConfig::default().head_timeout(10 * SECOND).body_timeout(10 * SECOND);
    scene_with(config.write_timeout(10 * SECOND).idle_timeout(Some(20 * SECOND)))
}

fn scene_with(config: ServerConfig) -> Scene {
    scene_of(config, || ())
}

fn scene_of(config: ServerConfig, initialize: impl Fn() + Send + Sync + 'static) -> Scene {
    let lifecycle = Lifecycle::of(move |_| {
        initialize();
        Ok(Echo)
    });
    scene_of_life(config, lifecycle)
}

fn scene_of_life(config: ServerConfig, lifecycle: Lifecycle) -> Scene {
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let clock = Arc::new(Clock::for_test());
    clock.advance(SECOND);
    // Workers that the pool makes leave at once.
    let leave = |_: &Arc<Engine>, _: &WorkerSlot, task| drop(task);
    let ready = Engine::ready_set(clock.clone()).unwrap();
    let engine = Engine::new(clock.clone(), ready, config, lifecycle, listener, leave);
    engine.acceptor().watch(engine.ready()).unwrap();
    let slot = engine.pool().take_slot().unwrap();
    Scene { clock, engine, address, slot }
}

impl Scene {
    fn worker(&self) -> Worker<'_> {
        Worker::new(&self.engine, &self.slot)
    }

    /// A client whose connection is accepted.
    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        self.attend();
        Client { stream }
    }

    /// A client of which this has been read.
    fn client_that_sent(&self, bytes: &str) -> Client {
        let mut client = self.client();
        client.send(bytes);
        self.attend();
        client
    }

    /// Does the one thing that there is to do.
    fn attend(&self) {
        self.worker().attend(self.engine.ready().wait(None).unwrap());
    }

    /// Time passes, and the timer fires when it should.
    fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            self.clock.advance(SECOND);
            self.fire();
        }
    }

    /// The process stands still for so long; then its timer fires, late.
    fn freeze(&self, seconds: u32) {
        self.clock.freeze(seconds * SECOND);
        self.fire();
    }

    fn fire(&self) {
        while let Some(ready) = self.engine.ready().expire() {
            self.worker().attend(ready);
        }
    }

    fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let began = Instant::now();
        while !condition() {
            assert!(began.elapsed() < WATCHDOG, "never: {what}");
            thread::yield_now();
        }
    }
}

struct Client {
    stream: TcpStream,
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Head and body of one response with a known length.
    fn reply(&mut self) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let (_, length) = head.split_once("content-length: ").expect("a length");
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head, body)
    }

    fn status(&mut self) -> u16 {
        self.reply().0[9..12].parse().unwrap()
    }

    /// Nothing has arrived, nor the end.
    fn is_open(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        peeked.is_err()
    }

    fn assert_closed(&mut self) {
        assert_eq!(self.stream.read(&mut [0]).unwrap(), 0);
    }
}

fn post(length: usize, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_head_that_is_not_complete_in_time_is_a_408() {
    let scene = scene();
    let mut client = scene.client_that_sent("GET / HTTP/1.1\r\nHo");
    scene.pass(9);
    assert!(client.is_open());
    scene.pass(1);
    assert_eq!(client.status(), 408);
    client.assert_closed();
}

#[test]
fn a_connection_that_never_sends_is_not_a_slow_head() {
    let scene = scene_with(ServerConfig::default().head_timeout(10 * SECOND));
    let mut client = scene.client();
    scene.pass(3600);
    client.send(GET);
    scene.attend();
    assert_eq!(client.status(), 200);
}

#[test]
fn a_half_head_survives_a_freeze() {
    let scene = scene();
    let mut client = scene.client_that_sent("GET / HTTP/1.1\r\nHo");
    scene.pass(9);
    scene.freeze(3600);
    assert!(client.is_open());
    client.send("st: h\r\n\r\n");
    scene.attend();
    assert_eq!(client.status(), 200);
}

#[test]
fn a_half_head_survives_freezes_that_are_shorter_than_its_limit() {
    let scene = scene();
    let mut client = scene.client_that_sent("GET / HTTP/1.1\r\nHo");
    for _ in 0..10 {
        scene.freeze(4);
    }
    client.send("st: h\r\n\r\n");
    scene.attend();
    assert_eq!(client.status(), 200);
}

#[test]
fn the_pieces_of_a_head_may_come_around_freezes_whoever_is_told_of_them_first() {
    for freeze in [SECOND / 5, 9 * SECOND / 10, 12 * SECOND, 3600 * SECOND] {
        let scene = scene();
        let mut client = scene.client_that_sent("GET / HTTP/1.1\r\nHo");
        for piece in iter::once("st: h\r\n").chain(iter::repeat_n("A: b\r\n", 50)).chain(["\r\n"]) {
            scene.clock.freeze(freeze); // and the timer has not fired yet
            assert!(client.is_open(), "{freeze:?}");
            client.send(piece);
            scene.attend();
        }
        assert_eq!(client.status(), 200, "{freeze:?}");
    }
}

#[test]
fn the_pieces_of_a_small_body_may_come_around_freezes_too() {
    let scene = scene();
    let mut client = scene.client_that_sent(&post(50, ""));
    for _ in 0..50 {
        scene.clock.freeze(12 * SECOND);
        client.send("x");
        scene.attend();
    }
    assert_eq!(client.status(), 200);
}

#[test]
fn what_came_while_the_timer_was_about_to_fire_counts() {
    let scene = scene();
    let mut client = scene.client_that_sent("GET / HTTP/1.1\r\nHo");
    client.send("st: h\r\n\r\n");
    scene.pass(10);
    assert_eq!(client.status(), 200);
}

#[test]
fn a_small_body_that_stalls_is_a_408() {
    let scene = scene();
    let mut client = scene.client_that_sent(&post(6, "abc"));
    scene.pass(9);
    client.send("d");
    scene.attend();
    scene.pass(9);
    assert!(client.is_open(), "its time counts from its last byte");
    scene.pass(1);
    assert_eq!(client.status(), 408);
}

#[test]
fn a_small_body_survives_a_freeze() {
    let scene = scene();
    let mut client = scene.client_that_sent(&post(6, "abc"));
    scene.freeze(3600);
    client.send("def");
    scene.attend();
    assert_eq!(client.reply().1, b"abcdef");
}

#[test]
fn an_idle_connection_is_closed_when_its_time_is_up_and_survives_a_freeze() {
    let scene = scene();
    let mut client = scene.client_that_sent(GET);
    assert_eq!(client.status(), 200);
    scene.freeze(3600);
    scene.pass(19);
    assert!(client.is_open());
    scene.pass(1);
    client.assert_closed();
}

/// Something that a worker blocks on is going on while `meanwhile` runs, which starts when it waits.
fn while_a_worker_waits_for_its_peer(scene: &Scene, meanwhile: impl FnOnce()) {
    thread::scope(|scope| {
        let serving = scope.spawn(|| scene.attend());
        scene.until("the worker waits", || scene.engine.waits().waited_for() == 1);
        meanwhile();
        serving.join().unwrap();
    });
}

#[test]
fn a_body_that_is_being_read_survives_a_freeze() {
    let scene = scene();
    let mut client = scene.client();
    client.send(post(100_000, "abc"));
    while_a_worker_waits_for_its_peer(&scene, || {
        scene.clock.freeze(3600 * SECOND);
        client.send("x".repeat(99_997));
    });
    assert_eq!(client.reply().1.len(), 100_000);
}

#[test]
fn a_large_response_survives_a_freeze() {
    let scene = scene();
    let mut client = scene.client();
    client.send(GET.replace("/ ", "/large "));
    while_a_worker_waits_for_its_peer(&scene, || {
        scene.clock.freeze(3600 * SECOND);
        assert_eq!(client.reply().1.len(), LARGE);
    });
}

#[test]
fn a_peer_that_goes_on_sending_after_its_last_response_is_closed_after_thirty_seconds() {
    let scene = scene();
    let mut client = scene.client_that_sent("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(client.status(), 200);
    client.assert_closed();
    for _ in 0..30 {
        assert_eq!(scene.engine.ready().open(), 1);
        client.send("x");
        scene.attend();
        scene.pass(1);
    }
    assert_eq!(scene.engine.ready().open(), 0);
}

#[test]
fn a_peer_that_never_closes_is_closed_after_two_seconds() {
    let scene = scene();
    let mut client = scene.client_that_sent("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(client.status(), 200);
    scene.pass(1);
    assert_eq!(scene.engine.ready().open(), 1);
    scene.pass(1);
    assert_eq!(scene.engine.ready().open(), 0);
}

#[test]
fn an_unread_body_that_does_not_come_ends_the_connection_after_two_seconds() {
    let scene = scene();
    let wire = "POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n";
    let mut client = scene.client_that_sent(wire);
    assert_eq!(client.status(), 200);
    scene.pass(1);
    client.send("x");
    scene.attend();
    scene.pass(1);
    assert!(client.is_open(), "counted from its last byte");
    scene.pass(1);
    client.assert_closed();
}

#[test]
fn an_unread_body_that_trickles_ends_the_connection_after_thirty_seconds() {
    let scene = scene();
    let wire = "POST /unread HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = scene.client_that_sent(wire);
    assert_eq!(client.status(), 200);
    for _ in 0..30 {
        assert!(client.is_open());
        client.send("1\r\nx\r\n");
        scene.attend();
        scene.pass(1);
    }
    client.assert_closed();
}

#[test]
fn a_connection_that_never_asks_is_idle_from_its_beginning() {
    let scene = scene();
    let mut client = scene.client();
    scene.pass(19);
    assert!(client.is_open());
    scene.pass(1);
    client.assert_closed();
}

#[test]
fn without_an_idle_connection_one_that_has_stopped_in_the_middle_makes_room() {
    for begun in [
        &post(6, "abc"),
        "GET / HTTP/1.1\r\nHo",
        "POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n",
    ] {
        let scene = scene_with(ServerConfig::default().max_connections(1));
        let mut stalled = scene.client_that_sent(GET);
        assert_eq!(stalled.status(), 200);
        stalled.send(begun);
        scene.attend();
        if begun.contains("unread") {
            assert_eq!(stalled.status(), 200);
        }
        scene.pass(1);
        let mut newcomer = scene.client();
        stalled.assert_closed();
        newcomer.send(GET);
        scene.attend();
        assert_eq!(newcomer.status(), 200);
    }
}

#[test]
fn a_peer_that_pipelines_and_reads_nothing_waits_for_its_own_responses_alone() {
    let scene = scene_with(ServerConfig::default().write_timeout(10 * SECOND));
    let mut greedy = scene.client();
    // More than one turn, and more than the system takes of responses that nobody reads.
    let large = GET.replace("/ ", "/some ");
    greedy.send(large.repeat(1024));
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            while scene.engine.ready().open() > 0 {
                scene.attend();
            }
        });
        scene.until("it is waited for, or closed", || scene.engine.waits().waited_for() == 1);
        while scene.engine.ready().open() > 0 {
            scene.clock.advance(SECOND);
            thread::yield_now();
        }
        serving.join().unwrap();
    });
}

#[test]
fn at_the_limit_of_connections_the_longest_silent_one_makes_room() {
    let scene = scene_with(ServerConfig::default().max_connections(4));
    let mut silent = scene.client();
    let mut clients: Vec<_> = (0..3).map(|_| scene.client_that_sent(GET)).collect();
    for client in &mut clients {
        assert_eq!(client.status(), 200);
    }
    // One that has only just connected is about to send, and is spared; then it goes before those that did send.
    scene.clock.advance(SECOND);
    let mut newcomer = scene.client();
    silent.assert_closed();
    newcomer.send(GET);
    scene.attend();
    assert_eq!(newcomer.status(), 200);
    assert!(clients.iter().all(Client::is_open));
}

#[test]
fn of_those_that_have_only_just_come_none_makes_room_before_one_that_was_served() {
    let scene = scene_with(ServerConfig::default().max_connections(3));
    let mut served = scene.client_that_sent(GET);
    assert_eq!(served.status(), 200);
    let newcomers = [scene.client(), scene.client()];
    let last = scene.client();
    served.assert_closed();
    assert!(newcomers.iter().chain([&last]).all(Client::is_open));
}

#[test]
fn whoever_waits_for_a_place_has_it_as_soon_as_a_connection_closes() {
    let scene = scene_with(ServerConfig::default().max_connections(1));
    let busy = scene.client_that_sent(&post(6, "abc"));
    let mut waiting = scene.client();
    assert_eq!(scene.engine.ready().open(), 1);
    drop(busy);
    scene.attend();
    assert_eq!(scene.engine.ready().open(), 1, "it is accepted without a timer");
    waiting.send(GET);
    scene.attend();
    assert_eq!(waiting.status(), 200);
}

#[test]
fn a_peer_that_pipelines_has_its_turn_and_then_the_others_have_theirs() {
    let scene = scene();
    let (mut greedy, mut other) = (scene.client(), scene.client());
    greedy.send(GET.repeat(100));
    other.send(GET);
    // Which of the two comes first is the system's business.
    while greedy.is_open() {
        scene.attend();
    }
    let mut sent = vec![0; 64 * 1024];
    let length = greedy.stream.peek(&mut sent).unwrap();
    let served = String::from_utf8_lossy(&sent[..length]).matches("HTTP/1.1 200").count();
    assert!((1..100).contains(&served), "{served} in one turn");
    if other.is_open() {
        scene.attend();
    }
    assert_eq!(other.status(), 200);
    scene.attend();
    for _ in 0..2 * served {
        assert_eq!(greedy.status(), 200);
    }
}

#[test]
fn a_hook_that_runs_is_in_flight() {
    let (entered, has_entered) = bounded::<()>(1);
    let (go_on, may_go_on) = bounded::<()>(1);
    let scene = scene_of(ServerConfig::default(), move || {
        entered.send(()).unwrap();
        may_go_on.recv().unwrap();
    });
    let mut client = scene.client();
    assert!(!scene.engine.is_in_flight());
    client.send(post(0, "").replace("POST / ", "POST /initialize "));
    thread::scope(|scope| {
        let serving = scope.spawn(|| scene.attend());
        has_entered.recv_timeout(WATCHDOG).unwrap();
        assert!(scene.engine.is_in_flight() && scene.engine.begun() == 0);
        go_on.send(()).unwrap();
        serving.join().unwrap();
    });
    assert!(!scene.engine.is_in_flight());
    assert_eq!(client.status(), 200);
}

#[test]
fn without_a_thread_to_spare_a_call_whose_turn_has_come_is_run_by_the_next_one_that_waits() {
    let (entered, has_entered) = bounded::<()>(1);
    let (go_on, may_go_on) = bounded::<()>(1);
    let scene = scene_of(ServerConfig::default().max_workers(1), move || {
        entered.send(()).unwrap();
        may_go_on.recv().unwrap();
    });
    let _all_slots: Vec<_> = iter::from_fn(|| scene.engine.pool().take_slot()).collect();
    let (mut first, mut second) = (scene.client(), scene.client());
    thread::scope(|scope| {
        first.send(GET);
        let serving = scope.spawn(|| scene.attend());
        has_entered.recv_timeout(WATCHDOG).unwrap();
        second.send(GET);
        scene.attend();
        assert!(second.is_open() && scene.engine.begun() == 1, "it is queued");
        go_on.send(()).unwrap();
        serving.join().unwrap();
    });
    assert_eq!(first.status(), 200);
    scene.attend();
    assert_eq!(second.status(), 200);
    assert!(!scene.engine.is_in_flight());
}

#[test]
fn wherever_a_fault_of_ours_hits_a_request_it_costs_its_connection_and_nothing_else() {
    for readings in 0.. {
        let scene = scene_with(ServerConfig::default().lifecycle_lines(true));
        let (mut client, mut other) = (scene.client(), scene.client());
        client.send(post(6, "abcdef"));
        written();
        scene.clock.panic_after(readings);
        let outcome = catch_unwind(AssertUnwindSafe(|| scene.attend()));
        scene.clock.panic_after(u64::MAX);
        if outcome.is_ok() {
            assert!(readings > 2, "the path of a request looks at the time more often than {readings} times");
            break;
        }
        assert_eq!((scene.engine.ready().open(), scene.engine.begun()), (1, 0), "after {readings} readings");
        assert!(!scene.engine.is_in_flight());
        let lines = written();
        assert_eq!(lines.matches(" Start ").count(), lines.matches(" End ").count(), "{lines}");
        for hook in ["POST /initialize", "GET /pre-stop"] {
            other.send(format!("{hook} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
            scene.attend();
            assert_eq!(other.status(), 200);
        }
    }
}

/// Says, when it goes, what was printed by then.
struct LooksWhenDropped(Sender<String>);

impl Drop for LooksWhenDropped {
    fn drop(&mut self) {
        self.0.send(written()).unwrap();
    }
}

impl Read for LooksWhenDropped {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

#[test]
fn what_a_response_holds_is_gone_before_the_call_has_ended() {
    let (dropped, drops) = bounded(1);
    let respond = move |_: &Context, request: Request<'_>| {
        let looks = LooksWhenDropped(dropped.clone());
        Ok(match request.path() {
            "/reader" => Response::reader(looks, None),
            "/length" => Response::reader(looks, Some(0)),
            "/short" => Response::reader(looks, Some(1)),
            "/invalid" => Response::reader(looks, None).with_status(7),
            "/stream" => Response::stream(move |_, _| {
                let _looks = looks;
                Ok(())
            }),
            _ => Response::stream(move |_, _| {
                let _looks = looks;
                anyhow::bail!("no")
            }),
        })
    };
    let config = ServerConfig::default().lifecycle_lines(true);
    let scene = scene_of_life(config, Lifecycle::of_fn(respond));
    let mut client = scene.client();
    for path in ["/reader", "/length", "/short", "/invalid", "/stream", "/fails"] {
        for method in ["GET", "HEAD"] {
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
            scene.attend();
            let (by_then, after) = (drops.recv_timeout(WATCHDOG).unwrap(), written());
            assert!(by_then.contains("Invoke Start") && !by_then.contains("Invoke End"), "{method} {path}");
            assert!(after.contains("Invoke End"), "{method} {path}: {after}");
        }
    }
    assert!(scene.engine.begun() == 0 && client.stream.read(&mut [0; 8192]).unwrap() > 0);
}

#[test]
fn a_client_that_breaks_off_ends_its_connection() {
    let scene = scene();
    let client = scene.client_that_sent("GET / HTTP/1.1\r\nHo");
    client.stream.shutdown(Shutdown::Write).unwrap();
    scene.attend();
    assert_eq!(scene.engine.ready().open(), 0);
}

/// Stops when it is let go.
struct Hangs(Receiver<()>);

impl Function for Hangs {
    fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
        Ok("fine".into())
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        let _ = self.0.recv(); // until the test is over
        Ok(())
    }
}

#[test]
fn a_pre_stop_that_hangs_is_told_and_left_alone() {
    let (go_on, may_go_on) = bounded::<()>(1);
    let hangs = move |_: &Context| Ok(Hangs(may_go_on.clone()));
    let scene = scene_of_life(ServerConfig::default(), Lifecycle::of(hangs));
    scene.engine.lifecycle().initialize(&Call::hook().context()).unwrap();
    let error = drain::pre_stop(&scene.engine, Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "pre_stop: not done in time");
    drop(go_on);
}
