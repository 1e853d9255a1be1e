//! What is Function Compute's: which request is which call, when the author's code runs, and what its
//! failures look like. No sockets and no threads.

mod failure;
mod failure_response;
mod lifecycle;
mod refusal;
mod route;

pub(crate) use failure::{Failure, contain};
pub(crate) use failure_response::{Caller, FC_STATUS_FAILED, FC_STATUS_OK, JSON};
pub(crate) use lifecycle::{Invocation, Lifecycle};
pub(crate) use refusal::Refusal;
pub(crate) use route::{Hook, Route, Routing};
