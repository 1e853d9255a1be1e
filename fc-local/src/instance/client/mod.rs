//! The HTTP/1.1 client towards one instance: pooled connections, streaming both ways, and exactly the platform's rule
//! for a pooled connection that turns out dead: retried for GET, HEAD, OPTIONS and TRACE, never for the rest.

mod connection;
mod reply;

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connection::Connection;

use crate::sync::Mutex;
pub use connection::Upload;
pub use connection::either;
pub use reply::{Reply, ReplyBody};

/// How often a waiting call looks whether its caller is still there.
const GLANCE: Duration = Duration::from_millis(50);

/// A request head; its body travels beside it.
pub struct Head {
    pub method: String,
    /// Request line and header section without framing headers and without the empty line.
    pub bytes: Vec<u8>,
}

/// A request body.
pub enum Body<'a> {
    Bytes(&'a [u8]),
    /// Sent as it is read; `None` is a length nobody knows yet.
    Stream(&'a mut dyn Source, Option<u64>),
}

/// A request body that may have to be waited for.
pub trait Source: Read {
    /// What a read would wait for; `None` when it returns at once.
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>>;
}

impl Source for &[u8] {
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// How long to wait, and for whom.
pub struct Patience<'a> {
    pub until: Instant,
    /// Whether the caller has gone away.
    pub caller_gone: &'a dyn Fn() -> bool,
}

impl Patience<'_> {
    /// For calls of the platform's own.
    pub fn until(until: Instant) -> Patience<'static> {
        Patience { until, caller_gone: &|| false }
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub enum Error {
    TimedOut,
    CallerGone,
    /// The connection could not be made or was dropped before a whole head.
    Dropped(io::Error),
    /// Not HTTP, or over the platform's limits.
    BadResponse(String),
    /// The caller's body could not be read.
    Source(io::Error),
}

impl Error {
    /// What went wrong while a response body was read.
    pub fn of_body(error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::TimedOut => Error::TimedOut,
            io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge => Error::BadResponse(error.to_string()),
            _ => Error::Dropped(error),
        }
    }

    pub fn describe(&self) -> String {
        match self {
            Error::TimedOut => "no answer in time".to_owned(),
            Error::CallerGone => "the caller went away".to_owned(),
            Error::Dropped(error) => format!("the connection was dropped ({error})"),
            Error::BadResponse(what) => what.clone(),
            Error::Source(error) => format!("the request body ended early ({error})"),
        }
    }
}

/// The state of a pooled connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// There is none: the last response closed its connection.
    None,
    Silent,
    Closed,
    /// Bytes arrived that belong to no request.
    Talking,
}

/// The connections to one instance.
pub struct Pool {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Pool {
    pub fn new(host: IpAddr, port: u16) -> Pool {
        Pool { address: SocketAddr::new(host, port), idle: Arc::default() }
    }

    /// Sends one request and waits for the head of its final response.
    pub fn send(&self, head: &Head, mut body: Body<'_>, patience: &Patience<'_>) -> Result<Reply, Error> {
        let idempotent = matches!(head.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
        let repeatable = idempotent && matches!(body, Body::Bytes(_));
        while let Some(connection) = self.pooled() {
            match connection.exchange(head, &mut body, patience, &self.idle) {
                // A dead one says nothing about the next: the function may have closed them all.
                Err(Error::Dropped(_)) if repeatable => {}
                result => return result,
            }
        }
        let connection = Connection::open(self.address, patience.until)?;
        connection.exchange(head, &mut body, patience, &self.idle)
    }

    /// An empty pool to the same instance.
    pub fn another(&self) -> Pool {
        Pool { address: self.address, idle: Arc::default() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the idle connections with a reset: the port of a process that was killed is then free at once, and not
    /// kept in TIME_WAIT, where a server without SO_REUSEADDR could not bind it.
    pub fn reset(&self) {
        for connection in self.idle.lock().drain(..) {
            connection.reset();
        }
    }

    /// What an idle connection has been doing since its last response.
    pub fn idle_state(&self) -> Idle {
        let idle = self.idle.lock();
        idle.last().map_or(Idle::None, Connection::state)
    }

    /// The connection used last, skipping those whose end has already arrived.
    fn pooled(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(connection) = idle.pop() {
            if connection.state() == Idle::Silent {
                return Some(connection);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
