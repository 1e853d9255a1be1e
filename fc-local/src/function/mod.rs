//! What is known of a function before it runs: its configuration, its variables, and what its template says.
//! Nothing here starts anything.

pub mod template;

pub mod executable;

pub mod environment;
pub mod variables;

pub mod places;
mod substitution;

pub mod header_text;

mod configuration;

pub mod account;
pub mod asynchronous;
pub mod package;
pub mod rewrite;
pub mod schedule;

pub use configuration::{Broken, CustomDomain, HttpTrigger, Project, Route, Sender, Timer};
pub use configuration::{Function, HOOK_TIMEOUT, HealthCheck, Initializer, InitializerKind, PreStop};
pub use configuration::{LOG_BEGIN_RULE, MEMORY, MEMORY_STEP};
