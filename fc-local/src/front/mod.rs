//! What callers reach: the HTTP trigger and the InvokeFunction API, and how a call is made and answered. How
//! many instances there are is not known here.

mod gateway;

pub mod guard;

mod api;
mod async_queue;
mod http_trigger;

pub mod event;
mod relay;

pub mod invocation;

mod caller;
mod limited_body;

pub mod failure;

pub use gateway::Gateway;
