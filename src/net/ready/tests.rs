use super::*;
use crate::clock::Moment;
use std::io::{IoSlice, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

const SECOND: Duration = Duration::from_secs(1);
const WATCHDOG: Duration = Duration::from_secs(30);

/// The least that a set can hold.
struct Fake {
    key: Key,
    socket: Arc<Socket>,
    deadline: Option<Moment>,
    held_bytes: usize,
    is_idle: bool,
    rank: Option<u32>,
    /// What the set has told of it: for each arrival, whether the peer hung up.
    arrivals: Vec<bool>,
}

impl Parked for Fake {
    type Rank = u32;

    fn key(&self) -> Key {
        self.key
    }

    fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    fn is_idle(&self) -> bool {
        self.is_idle
    }

    fn eviction_rank(&self, _: Moment) -> Option<u32> {
        self.rank
    }

    fn arrived(&mut self, hang_up: bool) {
        self.arrivals.push(hang_up);
    }
}

struct Scene<S> {
    clock: Arc<Clock>,
    set: ReadySet<Fake, S>,
}

impl<S: Selector> Scene<S> {
    fn new() -> Scene<S> {
        let clock = Arc::new(Clock::for_test());
        Scene { set: ReadySet::new(clock.clone(), 1000).unwrap(), clock }
    }

    /// A new connection; its peer.
    fn insert(&self) -> TcpStream {
        self.insert_with(|_| ())
    }

    fn insert_with(&self, change: impl FnOnce(&mut Fake)) -> TcpStream {
        let (socket, peer) = Socket::pair();
        let socket = Arc::new(socket);
        let (deadline, arrivals) = (None, Vec::new());
        let inserted = self.set.insert(socket.clone(), |key| {
            let mut fake =
                Fake { key, socket, deadline, held_bytes: 0, is_idle: true, rank: Some(0), arrivals };
            change(&mut fake);
            fake
        });
        inserted.unwrap();
        peer
    }

    fn connection(&self) -> Box<Fake> {
        match self.set.wait(None).unwrap() {
            Ready::Connection(connection) => connection,
            _ => panic!("something else is ready"),
        }
    }

    fn is_closed(peer: &mut TcpStream) -> bool {
        peer.set_nonblocking(true).unwrap();
        matches!(std::io::Read::read(peer, &mut [0; 1]), Ok(0))
    }
}

/// The same for both selectors.
macro_rules! for_each_selector {
    ($($name:ident)*) => {
        mod with_epoll {
            $(#[test] fn $name() { super::$name::<super::epoll::Epoll>(); })*
        }
        mod with_poll {
            $(#[test] fn $name() { super::$name::<super::poll::Poll>(); })*
        }
    };
}

for_each_selector! {
    what_arrives_is_reported_with_its_connection
    what_arrives_while_a_worker_holds_the_connection_is_told_when_it_is_parked
    the_peers_end_is_reported
    a_connection_that_is_queued_again_is_reported_whatever_its_peer_does
    what_arrives_before_a_connection_is_queued_again_is_not_forgotten
    those_that_are_queued_again_come_in_order_and_one_for_which_something_arrives_once
    a_key_does_not_name_the_next_connection_in_its_place
    deadlines_expire_in_order_and_once
    a_deadline_of_a_held_connection_does_not_expire
    a_freeze_moves_all_deadlines
    freezes_shorter_than_a_deadline_do_not_use_it_up
    accept_is_tried_again_after_its_pause
    beyond_what_may_be_held_the_connection_that_waits_longest_is_cut
    an_emptying_set_hands_out_what_is_idle_and_keeps_the_rest
    the_set_is_empty_with_its_last_connection
    the_least_rank_is_evicted_unless_something_has_arrived
    a_connection_without_a_rank_is_not_evicted
    everyone_who_waits_is_told_of_the_close
    the_listener_is_reported_once_for_each_time_it_is_armed
    the_stop_is_reported_once
    a_connection_whose_holder_unwinds_is_forgotten
}

fn what_arrives_is_reported_with_its_connection<S: Selector>() {
    let scene = Scene::<S>::new();
    let peers: Vec<_> = (0..3).map(|_| scene.insert()).collect();
    for (at, mut peer) in peers.iter().enumerate() {
        peer.write_all(b"x").unwrap();
        let connection = scene.connection();
        assert_eq!((connection.key.index, connection.arrivals.len()), (at as u32, 1));
        assert_eq!(connection.socket.receive(&mut [0; 8]).unwrap(), Some(1));
        assert!(matches!(scene.set.park(connection), Parking::Parked));
    }
}

/// Something has arrived for a connection that a worker holds, as the selector says it.
fn report<S: Selector>(scene: &Scene<S>, key: Key, hang_up: bool) {
    assert!(scene.set.table.lock().claim(key, hang_up).is_none(), "it is held");
}

fn what_arrives_while_a_worker_holds_the_connection_is_told_when_it_is_parked<S: Selector>() {
    let scene = Scene::<S>::new();
    let mut peer = scene.insert();
    peer.write_all(b"x").unwrap();
    let connection = scene.connection();
    report(&scene, connection.key, true);
    report(&scene, connection.key, false);
    let Parking::Arrived(connection) = scene.set.park(connection) else { panic!("it was parked") };
    assert_eq!(connection.arrivals.last(), Some(&true), "a hang-up is not forgotten");
    assert!(matches!(scene.set.park(connection), Parking::Parked), "and is told once");
}

fn the_peers_end_is_reported<S: Selector>() {
    let scene = Scene::<S>::new();
    drop(scene.insert());
    let connection = scene.connection();
    assert_eq!(connection.socket.receive(&mut [0; 8]).unwrap(), Some(0));
    assert_eq!(scene.set.close(&connection), 0);
}

fn a_connection_that_is_queued_again_is_reported_whatever_its_peer_does<S: Selector>() {
    for takes_nothing in [false, true] {
        let scene = Scene::<S>::new();
        let mut peer = scene.insert();
        peer.write_all(b"x").unwrap();
        for _ in 0..3 {
            let connection = scene.connection();
            let _ = connection.socket.receive(&mut [0; 8]).unwrap();
            while takes_nothing && connection.socket.send(&[IoSlice::new(&[b'x'; 65_536])]).unwrap().is_some()
            {
            }
            assert!(scene.set.requeue(connection).is_ok());
        }
    }
}

fn what_arrives_before_a_connection_is_queued_again_is_not_forgotten<S: Selector>() {
    let scene = Scene::<S>::new();
    let mut peer = scene.insert();
    peer.write_all(b"x").unwrap();
    let connection = scene.connection();
    report(&scene, connection.key, true);
    assert!(scene.set.requeue(connection).is_ok());
    assert_eq!(scene.connection().arrivals.last(), Some(&true));
}

fn those_that_are_queued_again_come_in_order_and_one_for_which_something_arrives_once<S: Selector>() {
    let scene = Scene::<S>::new();
    let mut peers: Vec<_> = (0..3).map(|_| scene.insert()).collect();
    peers.iter_mut().for_each(|peer| peer.write_all(b"x").unwrap());
    let mut held: Vec<_> = (0..3).map(|_| scene.connection()).collect();
    for connection in &held {
        let _ = connection.socket.receive(&mut [0; 8]).unwrap();
    }
    held.sort_by_key(|connection| connection.key);
    for connection in held {
        assert!(scene.set.requeue(connection).is_ok());
    }
    let first = match scene.set.expire() {
        Some(Ready::Connection(first)) => first,
        _ => panic!("none is due"),
    };
    peers.iter_mut().for_each(|peer| peer.write_all(b"x").unwrap());
    let others = [scene.connection(), scene.connection()];
    assert!(others.iter().all(|other| other.key > first.key && other.key.generation == 0));
    assert!(scene.set.expire().is_none());
}

fn a_key_does_not_name_the_next_connection_in_its_place<S: Selector>() {
    let scene = Scene::<S>::new();
    drop(scene.insert());
    let first = scene.connection();
    let key = first.key;
    scene.set.close(&first);
    let mut peer = scene.insert();
    assert!(scene.set.table.lock().claim(key, false).is_none());
    peer.write_all(b"x").unwrap();
    let second = scene.connection();
    assert_eq!((second.key.index, second.key.generation), (key.index, key.generation + 1));
}

fn expired<S: Selector>(scene: &Scene<S>) -> Option<Box<Fake>> {
    match scene.set.expire() {
        Some(Ready::Expired(connection)) => Some(connection),
        None => None,
        Some(_) => panic!("something else is ready"),
    }
}

/// Parks a connection until that second.
fn park_until<S: Selector>(scene: &Scene<S>, second: u32) -> TcpStream {
    let mut peer = scene.insert();
    peer.write_all(b"x").unwrap();
    let mut connection = scene.connection();
    let _ = connection.socket.receive(&mut [0; 8]).unwrap();
    connection.deadline = Some(Moment::default().plus(second * SECOND));
    assert!(matches!(scene.set.park(connection), Parking::Parked));
    peer
}

/// Time goes by, no longer than a timer is set for.
fn pass<S: Selector>(scene: &Scene<S>) {
    scene.clock.advance(SECOND);
}

fn deadlines_expire_in_order_and_once<S: Selector>() {
    let scene = Scene::<S>::new();
    let _peers = [5, 3, 4].map(|second| park_until(&scene, second));
    for second in 1..=2 {
        pass(&scene);
        assert!(expired(&scene).is_none(), "at {second}");
    }
    for second in [3, 4, 5] {
        pass(&scene);
        let connection = expired(&scene).expect("its time has passed");
        assert_eq!(connection.deadline, Some(Moment::default().plus(second * SECOND)));
        assert!(expired(&scene).is_none(), "the next one's has not");
        scene.set.close(&connection);
    }
}

fn a_deadline_of_a_held_connection_does_not_expire<S: Selector>() {
    let scene = Scene::<S>::new();
    let mut peer = park_until(&scene, 1);
    peer.write_all(b"x").unwrap();
    let connection = scene.connection();
    pass(&scene);
    assert!(expired(&scene).is_none());
    assert!(matches!(scene.set.park(connection), Parking::Parked));
    assert!(expired(&scene).is_some());
}

fn a_freeze_moves_all_deadlines<S: Selector>() {
    let scene = Scene::<S>::new();
    let _peers = [2, 3].map(|second| park_until(&scene, second));
    scene.clock.freeze(3600 * SECOND);
    assert!(expired(&scene).is_none(), "nobody is late by a freeze");
    pass(&scene);
    assert!(expired(&scene).is_none(), "what was left is left");
    pass(&scene);
    assert!(expired(&scene).is_some());
}

fn freezes_shorter_than_a_deadline_do_not_use_it_up<S: Selector>() {
    let scene = Scene::<S>::new();
    let _peer = park_until(&scene, 4);
    for _ in 0..10 {
        scene.clock.freeze(3 * SECOND);
        assert!(expired(&scene).is_none());
    }
}

fn accept_is_tried_again_after_its_pause<S: Selector>() {
    let scene = Scene::<S>::new();
    assert!(scene.set.accept_later(SECOND / 2));
    assert!(scene.set.expire().is_none());
    scene.clock.advance(SECOND / 2);
    assert!(matches!(scene.set.expire(), Some(Ready::Accept)));
    assert!(scene.set.expire().is_none());
}

fn beyond_what_may_be_held_the_connection_that_waits_longest_is_cut<S: Selector>() {
    let scene = Scene::<S>::new();
    let mut oldest = park_until(&scene, 5);
    let mut newer = park_until(&scene, 6);
    let mut last = scene.insert();
    last.write_all(b"x").unwrap();
    let mut connection = scene.connection();
    let _ = connection.socket.receive(&mut [0; 8]).unwrap();
    connection.held_bytes = 1001;
    connection.deadline = Some(Moment::default().plus(7 * SECOND));
    assert!(matches!(scene.set.park(connection), Parking::Parked));
    assert_eq!(scene.connection().deadline, Some(Moment::default().plus(5 * SECOND)), "its end is reported");
    assert!(Scene::<S>::is_closed(&mut oldest));
    assert!(!Scene::<S>::is_closed(&mut newer) && !Scene::<S>::is_closed(&mut last));
}

fn an_emptying_set_hands_out_what_is_idle_and_keeps_the_rest<S: Selector>() {
    let scene = Scene::<S>::new();
    let _idle = [scene.insert(), scene.insert()];
    let mut busy = scene.insert_with(|fake| fake.is_idle = false);
    let mut handed_out = Vec::new();
    scene.set.begin_emptying(|connection| handed_out.push(connection));
    assert_eq!((handed_out.len(), scene.set.open()), (2, 3));
    for connection in handed_out {
        scene.set.close(&connection);
    }
    busy.write_all(b"x").unwrap();
    let mut connection = scene.connection();
    let _ = connection.socket.receive(&mut [0; 8]).unwrap();
    connection.is_idle = true;
    let Parking::Emptying(connection) = scene.set.park(connection) else { panic!("it was parked") };
    assert_eq!(scene.set.close(&connection), 0);
}

fn the_set_is_empty_with_its_last_connection<S: Selector>() {
    let scene = Scene::<S>::new();
    let _peers = [scene.insert(), scene.insert()];
    assert_eq!(scene.set.wait_until_empty(Duration::ZERO), 2);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| scene.set.wait_until_empty(WATCHDOG));
        scene.set.cut_all();
        for _ in 0..2 {
            scene.set.close(&scene.connection());
        }
        assert_eq!(waiting.join().unwrap(), 0);
    });
}

fn the_least_rank_is_evicted_unless_something_has_arrived<S: Selector>() {
    let scene = Scene::<S>::new();
    let mut peers = [3, 1, 2].map(|rank| scene.insert_with(|fake| fake.rank = Some(rank)));
    peers[1].write_all(b"x").unwrap();
    let began = std::time::Instant::now();
    while !scene.set.table.lock().sockets().any(|socket| socket.has_arrived()) {
        assert!(began.elapsed() < WATCHDOG);
    }
    assert_eq!(scene.set.evict(), 1);
    assert!(Scene::<S>::is_closed(&mut peers[2]) && scene.set.open() == 2);
    assert_eq!(scene.connection().rank, Some(1), "who has sent something is served");
}

fn a_connection_without_a_rank_is_not_evicted<S: Selector>() {
    let scene = Scene::<S>::new();
    let _peer = scene.insert_with(|fake| fake.rank = None);
    assert_eq!((scene.set.evict(), scene.set.open()), (0, 1));
}

fn everyone_who_waits_is_told_of_the_close<S: Selector>() {
    let scene = Scene::<S>::new();
    thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..3).map(|_| scope.spawn(|| matches!(scene.set.wait(None), Ok(Ready::Closed)))).collect();
        scene.set.close_set();
        assert!(waiting.into_iter().all(|waiting| waiting.join().unwrap()));
    });
    assert!(matches!(scene.set.wait(None), Ok(Ready::Closed)));
}

fn the_listener_is_reported_once_for_each_time_it_is_armed<S: Selector>() {
    use rustix::fd::AsFd;
    let scene = Scene::<S>::new();
    let listener = crate::net::listen(([127, 0, 0, 1], 0).into()).unwrap();
    scene.set.add_listener(listener.as_fd()).unwrap();
    let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    for _ in 0..2 {
        assert!(matches!(scene.set.wait(None), Ok(Ready::Accept)));
        scene.set.arm_listener(listener.as_fd()).unwrap();
    }
}

fn the_stop_is_reported_once<S: Selector>() {
    use rustix::fd::AsFd;
    let scene = Scene::<S>::new();
    let (signals, mut notify) = std::io::pipe().unwrap();
    scene.set.add_stop(signals.as_fd()).unwrap();
    notify.write_all(b"x").unwrap();
    assert!(matches!(scene.set.wait(None), Ok(Ready::Stop)));
    let mut peer = scene.insert();
    peer.write_all(b"x").unwrap();
    scene.connection();
}

fn a_connection_whose_holder_unwinds_is_forgotten<S: Selector>() {
    let scene = Scene::<S>::new();
    let mut peer = scene.insert();
    peer.write_all(b"x").unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let connection = scene.connection();
        let _holding = scene.set.holding(connection.key);
        panic!("while it is held");
    }));
    assert!(outcome.is_err());
    assert_eq!(scene.set.wait_until_empty(Duration::ZERO), 0);
    assert!(Scene::<S>::is_closed(&mut peer) || scene.set.open() == 0);
    let mut other = scene.insert();
    other.write_all(b"x").unwrap();
    let connection = scene.connection();
    drop(scene.set.holding(connection.key));
    assert_eq!(scene.set.open(), 1, "who lets go of it in peace keeps it");
}
