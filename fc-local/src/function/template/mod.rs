//! What `s.yaml` (Serverless Devs, component fc3) says about functions. Flags and defaults are not known here.

mod reading;

mod schema;

mod resource;

mod asynchronous;
mod code;
mod senders;
mod timers;
mod triggers;

mod domains;
mod name;

mod findings;

mod fields;

mod document;
mod note;

mod references;

mod evaluation;

mod dotenv;
mod expression;
mod yaml;

mod placeholder;
mod trouble;

mod scalar;

mod node;
mod number;

pub use asynchronous::AsyncFields;
pub use code::Code;
pub use document::{Resource, base};
#[cfg(test)]
pub use node::Line;
pub use node::{Node, Value};
pub use note::{Kind as NoteKind, Note};
#[cfg(any(fuzzing, feature = "internals"))]
pub use reading::parse;
pub use reading::{Template, TemplateFunction, runnable, summary};
pub use resource::Fields;
