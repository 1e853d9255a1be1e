//! Sockets and their readiness. Nothing of HTTP is known here.

// What comes from the wire ends nothing by a panic.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

mod listener;
mod ready;
mod slow_peers;
mod socket;

pub(crate) use listener::{is_exhaustion, is_failed_connection, is_queue_empty, listen};
pub(crate) use ready::{Key, Parked, Parking, Ready, ReadySet};
pub(crate) use slow_peers::{MAX_SLOW_PEERS, SlowPeer, SlowPeers, WaitedFor};
pub(crate) use socket::{Readiness, Socket};
