//! Connections come in: off the listen queue and into the readiness set. Nothing that can go wrong there ends
//! the server.

use crate::clock::{Clock, Moment, Tally};
use crate::contain::report;
use crate::http1::Limits;
use crate::net::{ReadySet, Socket, is_exhaustion, is_failed_connection, is_queue_empty};
use crate::serve::connection::Connection;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use log::Level;
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
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Accepts for one server.
pub(super) struct Acceptor {
    clock: Arc<Clock>,
    max_connections: usize,
    limits: Limits,
    listening: Mutex<Listening>,
    /// It waits for a connection to close.
    is_paused: AtomicBool,
    evicted: Tally,
}

struct Listening {
    /// `None` once the server stops.
    listener: Option<TcpListener>,
    last_accepted: Moment,
    /// A line for the log, which the program's logger is not to write under the lock.
    line: Option<String>,
}

/// What is left to do after an accept, for who may run the program's logger, or wait.
pub(super) struct Accepted {
    pub line: Option<String>,
    /// Nothing brings it back: there is no descriptor, not even for a timer, and no connection that could close.
    pub is_stuck: bool,
}

impl Acceptor {
    pub(super) fn new(
        clock: Arc<Clock>,
        listener: TcpListener,
        max_connections: usize,
        limits: Limits,
    ) -> Acceptor {
        let listening = Listening { listener: Some(listener), last_accepted: Moment::default(), line: None };
        Acceptor {
            clock,
            max_connections,
            limits,
            listening: Mutex::new(listening),
            is_paused: AtomicBool::new(false),
            evicted: Tally::default(),
        }
    }

    /// Has the set report connections on the listener.
    pub(super) fn watch(&self, ready: &ReadySet<Connection>) -> io::Result<()> {
        match &self.listening.lock().listener {
            Some(listener) => ready.add_listener(listener.as_fd()),
            None => Ok(()),
        }
    }

    /// Accepts what has queued up.
    pub(super) fn accept(&self, ready: &ReadySet<Connection>) -> Accepted {
        let mut listening = self.listening.lock();
        let goes_on = self.accept_some(&mut listening, ready);
        let is_stuck = !goes_on && !self.pause(ready);
        Accepted { line: listening.line.take(), is_stuck }
    }

    /// Whether the listener is armed again, or closed.
    fn accept_some(&self, listening: &mut Listening, ready: &ReadySet<Connection>) -> bool {
        let mut open = ready.open();
        for accepted in 0..ACCEPTS_PER_WAKE {
            if open >= self.max_connections {
                match accepted {
                    0 if self.make_room(listening, ready, &"too many connections") => {}
                    0 => return false,
                    _ => break, // whether another one is waiting shows when the listener is armed
                }
            }
            let Some(listener) = &listening.listener else { return true };
            match listener.accept() {
                Ok((stream, _)) => open = self.take_in(listening, ready, stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The connection failed before it was accepted: the next one is another matter.
                Err(error) if is_failed_connection(&error) => {}
                // Exhaustion, and what nobody has thought of: that is not to spin.
                Err(error) => match accepted {
                    0 if self.make_room(listening, ready, &error) => {}
                    0 => return false,
                    _ => break, // the system says so before it looks whether another one is waiting
                },
            }
        }
        match &listening.listener {
            Some(listener) => match ready.arm_listener(listener.as_fd()) {
                Ok(()) => true,
                Err(error) => {
                    listening.line = Some(format!("cannot watch the listener: {error}"));
                    false
                }
            },
            None => true,
        }
    }

    /// Takes everything off the queue, so that nobody is left in it when the listener is [closed](Self::close). When
    /// descriptors run out before that, it returns false and wants to be called again.
    pub(super) fn accept_all(&self, ready: &ReadySet<Connection>) -> bool {
        let mut listening = self.listening.lock();
        let is_done = self.empty_queue(&mut listening, ready);
        let line = listening.line.take();
        drop(listening);
        if let Some(line) = line {
            report!(Level::Warn, "{line}");
        }
        is_done
    }

    fn empty_queue(&self, listening: &mut Listening, ready: &ReadySet<Connection>) -> bool {
        loop {
            let Some(listener) = &listening.listener else { return true };
            match listener.accept() {
                Ok((stream, _)) => {
                    self.take_in(listening, ready, stream);
                }
                Err(error) if is_failed_connection(&error) => {}
                Err(error) if is_exhaustion(&error) => {
                    // The system says so before it looks whether anybody is there.
                    if is_queue_empty(listener) {
                        return true;
                    }
                    if !self.make_room(listening, ready, &error) {
                        return false;
                    }
                }
                Err(_) => return true,
            }
        }
    }

    /// Closes the listener, whoever may be in its queue: nobody accepts any more.
    pub(super) fn close(&self, ready: &ReadySet<Connection>) {
        ready.forget_listener();
        self.listening.lock().listener = None;
    }

    /// A descriptor is free again, and so many connections are left: accept may be waiting for that.
    pub(super) fn is_waiting_for_close(&self, open: usize) -> bool {
        open < self.max_connections && self.is_paused.swap(false, Ordering::SeqCst)
    }

    pub(super) fn last_accepted(&self) -> Moment {
        self.listening.lock().last_accepted
    }

    /// Returns how many connections are open.
    fn take_in(&self, listening: &mut Listening, ready: &ReadySet<Connection>, stream: TcpStream) -> usize {
        let (socket, now) = (Arc::new(Socket::new(stream)), self.clock.now());
        listening.last_accepted = now;
        let inserted = ready.insert(socket.clone(), |key| Connection::new(key, socket, now, &self.limits));
        inserted.unwrap_or_else(|error| {
            listening.line = Some(format!("connection not taken in: {error}"));
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
        if let Some(count) = self.evicted.add(&self.clock, evicted) {
            listening.line = Some(format!("accept: {reason}: {count} idle connections closed"));
        }
        evicted > 0
    }

    /// Accepts again when a connection closes, or after a while; whether it will.
    fn pause(&self, ready: &ReadySet<Connection>) -> bool {
        self.is_paused.store(true, Ordering::SeqCst);
        ready.accept_later(PAUSE)
    }
}
