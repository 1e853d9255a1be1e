//! What a peer is allowed, and how long it is waited for.

use super::persistence::CloseReason;
use super::reject::Reject;
use crate::clock::Moment;
use std::time::Duration;

/// What a conversation allows its peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub max_body: u64,
    /// From a head's first byte to its last.
    pub head_timeout: Duration,
    /// From one byte of a body to the next.
    pub body_timeout: Duration,
    /// Between requests; `None` for ever.
    pub idle_timeout: Option<Duration>,
}

/// How long the next bytes are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// `None` for ever.
    pub until: Option<Moment>,
    pub then: Overdue,
}

/// What follows when nothing has come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    Refuse(Reject),
    Close(CloseReason),
}
