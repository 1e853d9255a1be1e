//! What the set needs of a system. Who waits for what in it is not known here.

use crate::net::socket::Socket;
use crate::sync::Arc;
use rustix::fd::BorrowedFd;
use std::io;
use std::time::Duration;

/// Names a connection; one that is closed is never mistaken for the next one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Key {
    pub(super) fn token(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(super) fn of_token(token: u64) -> Key {
        Key { index: token as u32, generation: (token >> 32) as u32 }
    }
}

/// What a system reports, each to one of those who wait.
pub(crate) enum Signal {
    Connection {
        key: Key,
        hang_up: bool,
    },
    Timer,
    Accept,
    Stop,
    /// To everyone, from then on.
    Closed,
    /// Nothing was ready for `idle_after`, or for as long as the system waits at once.
    Idle,
    /// A signal's handler ran on the thread that waits.
    Interrupted,
}

/// What the set needs of a system: a wait of several threads at once for many descriptors.
pub(crate) trait Selector: Sized + Send + Sync {
    fn new() -> io::Result<Self>;
    /// Reports a socket whenever something arrives; perhaps once only, and then `arm_connection` is needed.
    fn add_connection(&self, socket: &Arc<Socket>, key: Key) -> io::Result<()>;
    fn arm_connection(&self, socket: &Arc<Socket>, key: Key);
    /// The connection is about to be closed.
    fn forget_connection(&self, key: Key);
    /// Reports the listener once, and again after each `arm_listener`.
    fn add_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()>;
    fn arm_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()>;
    /// The listener is about to be closed.
    fn forget_listener(&self);
    /// Reports `Stop` once when the pipe is readable.
    fn add_stop(&self, pipe: BorrowedFd<'_>) -> io::Result<()>;
    /// Gets what `set_timer` needs, when that is not to fail later for want of a descriptor.
    fn prepare_timer(&self) -> io::Result<()>;
    /// Reports `Timer` once, after `delay`, behind all that are ready; replaces what was set before.
    fn set_timer(&self, delay: Duration) -> io::Result<()>;
    /// Reports `Closed` to everyone who waits, from now on; or nothing, and all waits are short ones.
    fn close(&self);
    /// Blocks until something is ready, or for `idle_after`.
    fn wait(&self, idle_after: Option<Duration>) -> io::Result<Signal>;
}
