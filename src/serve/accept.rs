//! Connections come in: off the listen queue and into the readiness set. Nothing that can go wrong there ends
//! the server.

use crate::clock::{Clock, Moment};
use crate::net::{ReadySet, Socket, is_exhaustion, is_failed_connection};
use crate::serve::connection::Connection;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use std::fmt::Display;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// So many connections are accepted before those that are ready have their turn: accepting takes about 5 µs, and
/// nobody is to wait for longer than a thread switch costs many times over.
const ACCEPTS_PER_WAKE: usize = 64;

/// Accept pauses for so long when the system has no descriptor or memory, and nothing can be closed: long enough
/// to cost nothing, short enough that a client's first retransmission (1 s) finds it at work again.
const PAUSE: Duration = Duration::from_millis(100);

/// The log line about closed connections comes so often: there may be thousands of them.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Accepts for one server.
pub(super) struct Acceptor {
    clock: Arc<Clock>,
    max_connections: usize,
    listening: Mutex<Listening>,
    /// It waits for a connection to close.
    is_paused: AtomicBool,
}

struct Listening {
    /// `None` once the server stops.
    listener: Option<TcpListener>,
    last_accepted: Moment,
    last_logged: Option<Moment>,
    /// Connections closed for their descriptors since the last log line.
    evicted: usize,
}

impl Acceptor {
    pub(super) fn new(clock: Arc<Clock>, listener: TcpListener, max_connections: usize) -> Acceptor {
        let listening = Listening {
            listener: Some(listener),
            last_accepted: Moment::default(),
            last_logged: None,
            evicted: 0,
        };
        let is_paused = AtomicBool::new(false);
        Acceptor { clock, max_connections, listening: Mutex::new(listening), is_paused }
    }

    /// Has the set report connections on the listener.
    pub(super) fn watch(&self, ready: &ReadySet<Connection>) -> io::Result<()> {
        match &self.listening.lock().listener {
            Some(listener) => ready.add_listener(listener.as_fd()),
            None => Ok(()),
        }
    }

    /// Accepts what has queued up.
    pub(super) fn accept(&self, ready: &ReadySet<Connection>) {
        let mut listening = self.listening.lock();
        let mut open = ready.open();
        for accepted in 0..ACCEPTS_PER_WAKE {
            if open >= self.max_connections {
                match accepted {
                    0 if self.make_room(&mut listening, ready, &"too many connections") => {}
                    0 => return self.pause(ready),
                    _ => break, // whether another one is waiting shows when the listener is armed
                }
            }
            let Some(listener) = &listening.listener else { return };
            match listener.accept() {
                Ok((stream, _)) => open = self.take_in(&mut listening, ready, stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The connection failed before it was accepted: the next one is another matter.
                Err(error) if is_failed_connection(&error) => {}
                // Exhaustion, and what nobody has thought of: that is not to spin.
                Err(error) => match accepted {
                    0 if self.make_room(&mut listening, ready, &error) => {}
                    0 => return self.pause(ready),
                    _ => break, // the system says so before it looks whether another one is waiting
                },
            }
        }
        if let Some(listener) = &listening.listener
            && let Err(error) = ready.arm_listener(listener.as_fd())
        {
            log::error!("cannot watch the listener: {error}");
        }
    }

    /// Takes everything off the queue and closes the listener, so that nobody is left in it. When descriptors
    /// run out before that, it returns false and wants to be called again.
    pub(super) fn accept_all(&self, ready: &ReadySet<Connection>) -> bool {
        let mut listening = self.listening.lock();
        loop {
            let Some(listener) = &listening.listener else { return true };
            match listener.accept() {
                Ok((stream, _)) => {
                    self.take_in(&mut listening, ready, stream);
                }
                Err(error) if is_failed_connection(&error) => {}
                Err(error) if is_exhaustion(&error) => {
                    if !self.make_room(&mut listening, ready, &error) {
                        return false;
                    }
                }
                Err(_) => break,
            }
        }
        ready.forget_listener();
        listening.listener = None;
        true
    }

    /// A descriptor is free again, and so many connections are left: accept may be waiting for that.
    pub(super) fn connection_closed(&self, open: usize, ready: &ReadySet<Connection>) {
        if open < self.max_connections && self.is_paused.swap(false, Ordering::SeqCst) {
            self.accept(ready);
        }
    }

    pub(super) fn last_accepted(&self) -> Moment {
        self.listening.lock().last_accepted
    }

    /// Returns how many connections are open.
    fn take_in(&self, listening: &mut Listening, ready: &ReadySet<Connection>, stream: TcpStream) -> usize {
        let (socket, now) = (Arc::new(Socket::new(stream)), self.clock.now());
        listening.last_accepted = now;
        let inserted = ready.insert(socket.clone(), |key| Connection::new(key, socket, now));
        inserted.unwrap_or_else(|error| {
            log::error!("connection not taken in: {error}");
            ready.open()
        })
    }

    /// Closes idle connections for a new one; whether there were any.
    fn make_room(
        &self,
        listening: &mut Listening,
        ready: &ReadySet<Connection>,
        reason: &dyn Display,
    ) -> bool {
        let evicted = ready.evict();
        listening.evicted += evicted;
        let now = self.clock.now();
        if listening.last_logged.is_none_or(|last| now.since(last) >= LOG_EVERY) {
            log::warn!("accept: {reason}: {} idle connections closed", listening.evicted);
            listening.last_logged = Some(now);
            listening.evicted = 0;
        }
        evicted > 0
    }

    /// Accepts again when a connection closes, or after a while.
    fn pause(&self, ready: &ReadySet<Connection>) {
        self.is_paused.store(true, Ordering::SeqCst);
        ready.accept_later(PAUSE);
    }
}
