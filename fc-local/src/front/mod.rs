//! What callers reach.

mod api;
mod async_queue;
pub mod event;
pub mod failure;
pub mod gateway;
pub mod invocation;
