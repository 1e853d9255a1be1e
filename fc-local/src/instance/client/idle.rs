//! The connections of a pool that no request uses. When one is opened is not known here.

use super::connection::{Connection, IdleState};
use crate::sync::Mutex;

#[derive(Default)]
pub struct IdleConnections(Mutex<Vec<Connection>>);

impl IdleConnections {
    pub fn put(&self, connection: Connection) {
        self.0.lock().push(connection);
    }

    /// The connection used last, skipping those whose end has already arrived.
    pub fn take(&self) -> Option<Connection> {
        let mut connections = self.0.lock();
        while let Some(connection) = connections.pop() {
            if connection.idle_state() == IdleState::Silent {
                return Some(connection);
            }
        }
        None
    }

    /// What the connection used last has been doing since; `None` when there is none: the last reply closed
    /// its own.
    pub fn state(&self) -> Option<IdleState> {
        self.0.lock().last().map(Connection::idle_state)
    }

    /// What has arrived on the connection used last and belongs to no request; `None` when there is no connection.
    #[cfg(any(fuzzing, feature = "internals"))]
    pub fn unread(&self) -> Option<usize> {
        self.0.lock().last().map(|connection| connection.received.len())
    }

    /// Closes all of them with a reset.
    pub fn reset(&self) {
        for connection in self.0.lock().drain(..) {
            connection.reset();
        }
    }
}
