//! Connections come in: off the listen queue and into the readiness set. Nothing that can go wrong
//! there ends the server.

use crate::clock::Moment;
use crate::net::socket::Link;
use crate::serve::connection::Connection;
use crate::serve::engine::Shared;
use rustix::io::Errno;
use std::fmt::Display;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// So many connections are accepted before those that are ready have their turn.
const ACCEPT_TURN: usize = 64;

/// How long accept pauses when the system has no descriptor or memory, and nothing can be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listening socket and what accepting has come to; taken away when the server stops.
pub(crate) struct Acceptor {
    listener: Option<TcpListener>,
    last_accepted: Moment,
    last_logged: Option<Moment>,
    /// Connections closed for their descriptors since the last log line.
    evicted: usize,
}

impl Acceptor {
    pub fn new(listener: TcpListener) -> Acceptor {
        Acceptor { listener: Some(listener), last_accepted: Moment::default(), last_logged: None, evicted: 0 }
    }

    pub fn listener(&self) -> Option<&TcpListener> {
        self.listener.as_ref()
    }

    pub fn last_accepted(&self) -> Moment {
        self.last_accepted
    }
}

/// Accepts what has queued up.
pub(crate) fn accept(shared: &Arc<Shared>) {
    let mut acceptor = shared.lock_acceptor();
    let mut open = shared.ready.open();
    for turn in 0..ACCEPT_TURN {
        if open >= shared.config.max_connections {
            match turn {
                0 if make_room(shared, &mut acceptor, &"too many connections") => {}
                0 => return pause(shared),
                _ => break, // whether another one is waiting shows when the listener is armed
            }
        }
        let Some(listener) = &acceptor.listener else { return };
        match listener.accept() {
            Ok((stream, _)) => {
                acceptor.last_accepted = shared.clock.now();
                open = insert(shared, stream);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if is_exhaustion(&error) => match turn {
                0 if make_room(shared, &mut acceptor, &error) => {}
                0 => return pause(shared),
                _ => break, // the system says so before it looks whether another one is waiting
            },
            // The connection failed before it was accepted: the next one is another matter.
            Err(error) => log::debug!("accept: {error}"),
        }
    }
    if let Some(listener) = &acceptor.listener
        && let Err(error) = shared.ready.arm_listener(listener)
    {
        log::error!("cannot watch the listener: {error}");
    }
}

/// Takes everything off the queue and closes the listener, so that nobody is left in it. When
/// descriptors run out before that, it returns false and wants to be called again.
pub(crate) fn accept_all(shared: &Shared) -> bool {
    let mut acceptor = shared.lock_acceptor();
    loop {
        let Some(listener) = &acceptor.listener else { return true };
        match listener.accept() {
            Ok((stream, _)) => {
                acceptor.last_accepted = shared.clock.now();
                insert(shared, stream);
            }
            Err(error) if is_failed_connection(&error) => {}
            Err(error) if is_exhaustion(&error) => {
                if !make_room(shared, &mut acceptor, &error) {
                    return false;
                }
            }
            Err(_) => break,
        }
    }
    shared.ready.forget_listener();
    acceptor.listener = None;
    true
}

/// Takes a connection in; returns how many are open.
fn insert(shared: &Shared, stream: TcpStream) -> usize {
    // Accepted sockets are blocking on Linux and inherit the listener's mode elsewhere; every call
    // on them says itself that it does not want to wait.
    let link = Arc::new(Link::new(stream));
    let now = shared.clock.now();
    let inserted = shared.ready.insert(link.clone(), |key| Connection::new(key, link, now));
    inserted.unwrap_or_else(|error| {
        log::error!("cannot take a connection in: {error}");
        0
    })
}

/// Closes idle connections for a new one; says so, at most once a second.
fn make_room(shared: &Shared, acceptor: &mut Acceptor, reason: &dyn Display) -> bool {
    let now = shared.clock.now();
    let evicted = shared.ready.evict(now);
    acceptor.evicted += evicted;
    if acceptor.last_logged.is_none_or(|last| now.since(last) >= Duration::from_secs(1)) {
        log::warn!("accept: {reason}: {} idle connections closed", acceptor.evicted);
        acceptor.last_logged = Some(now);
        acceptor.evicted = 0;
    }
    evicted > 0
}

/// Accepts again when a connection closes, or after a while.
fn pause(shared: &Shared) {
    shared.accept_paused.store(true, Ordering::SeqCst);
    shared.ready.accept_later(ACCEPT_PAUSE, &shared.clock);
}

fn is_exhaustion(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM])
}

/// The peer's doing, which says nothing of the next connection (accept(2), "Error handling").
fn is_failed_connection(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::CONNABORTED, Errno::INTR, Errno::PROTO, Errno::PERM, Errno::NETDOWN])
}

fn is_one_of(error: &io::Error, errnos: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|code| errnos.iter().any(|errno| errno.raw_os_error() == code))
}

impl Shared {
    pub fn lock_acceptor(&self) -> MutexGuard<'_, Acceptor> {
        self.acceptor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
