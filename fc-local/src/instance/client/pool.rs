//! The connections to one instance, and exactly the platform's rule for a pooled one that turns out dead: the
//! request is sent again for GET, HEAD, OPTIONS and TRACE, never for the rest.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::connection::{Connection, IdleState};
use super::error::Error;
use super::exchange::exchange;
use super::idle::IdleConnections;
use super::reply::Reply;
use super::request::{RequestBody, RequestHead};
use super::wait::Patience;

pub struct Pool {
    address: SocketAddr,
    idle: Arc<IdleConnections>,
}

impl Pool {
    pub fn new(host: IpAddr, port: u16) -> Pool {
        Pool { address: SocketAddr::new(host, port), idle: Arc::default() }
    }

    /// Sends one request and waits for the head of its final reply.
    pub fn send(
        &self,
        head: &RequestHead,
        mut body: RequestBody<'_>,
        patience: &Patience,
    ) -> Result<Reply, Error> {
        let is_repeatable = head.is_safe() && matches!(body, RequestBody::Bytes(_));
        while let Some(connection) = self.idle.take() {
            match exchange(connection, head, &mut body, patience, &self.idle) {
                // A dead one says nothing about the next: the function may have closed them all. One that has
                // begun to answer is not dead.
                Err(Error::Dropped(_)) if is_repeatable => {}
                result => return result,
            }
        }
        let connection = Connection::open(self.address, &patience.deadline)?;
        exchange(connection, head, &mut body, patience, &self.idle)
    }

    /// An empty pool to the same instance.
    pub fn another(&self) -> Pool {
        Pool { address: self.address, idle: Arc::default() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the idle connections with a reset: the port of a process that was killed is then free at once,
    /// and not kept in TIME_WAIT, where a server without SO_REUSEADDR could not bind it.
    pub fn reset(&self) {
        self.idle.reset();
    }

    /// What the idle connection used last has been doing since its last reply; `None` when that reply closed
    /// it.
    pub fn idle_state(&self) -> Option<IdleState> {
        self.idle.state()
    }
}

#[cfg(test)]
mod tests;
