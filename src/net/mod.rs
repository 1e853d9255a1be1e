//! Sockets and their readiness. Nothing of HTTP is known here.

pub mod ready;
pub mod slow_peers;
pub mod socket;
