//! What `s.yaml` (Serverless Devs, component fc3) says about a function. Flags and defaults are not known
//! here.

mod resource;

mod domains;
mod fields;
pub mod notes;

mod document;
mod interpolate;

mod dotenv;
mod expression;
pub mod yaml;

#[cfg(any(fuzzing, feature = "internals"))]
pub use resource::parse;
pub use resource::{Code, Template, project, read};
