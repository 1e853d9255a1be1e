//! What callers reach: the HTTP triggers, custom domains and the API, and how a call is made and answered. How
//! many instances there are is not known here.

mod timers;

mod gateway;

pub mod guard;

mod http_trigger;

mod api;
mod domains;
mod served;
mod trigger_rules;

mod async_queue;

pub mod event;
mod relay;

pub mod invocation;

mod caller;
mod later;
mod limited_body;

pub mod failure;

pub use caller::Caller;
pub use gateway::{Entrance, Gateway};
pub use http_trigger::HttpCall;
pub use timers::Timers;
