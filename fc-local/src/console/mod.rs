//! The console: a page, and an API in JSON, that show what happens while `start` serves, and send calls. On an address of
//! its own, for the people and programs of this machine alone. What happens is `record`'s to know.

mod server;

mod routes;

mod events;

mod send;

mod answers;
mod detail;
mod functions;

pub mod client;

mod guard;
mod pages;
mod query;
mod refusal;
mod served;

pub use server::Console;
