//! A request on its way to run, and what else a worker is given to do.

use crate::http1::Head;
use crate::platform::Route;
use crate::serve::connection::Connection;

/// A request whose head is there.
pub(super) struct PendingCall {
    pub connection: Box<Connection>,
    pub head: Head,
    pub route: Route,
}

impl PendingCall {
    /// Memory that it occupies while it is queued.
    pub fn held_bytes(&self) -> usize {
        self.connection.conversation.held_bytes() + self.head.allocated()
    }
}

/// What a worker is given to do.
pub(super) enum Job {
    /// Serve what has arrived on this connection.
    Connection(Box<Connection>),
    /// Run this call, whose turn it is.
    Call(Box<PendingCall>),
}
