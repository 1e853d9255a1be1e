//! What `s.yaml` (Serverless Devs, component fc3) says about a function. Flags and defaults are not known
//! here.

mod resource;

mod code;
mod domains;
mod fields;
pub mod notes;

mod document;
mod interpolate;

mod dotenv;
mod expression;
pub mod yaml;

pub use code::Code;
#[cfg(any(fuzzing, feature = "internals"))]
pub use resource::parse;
pub use resource::{Template, project, read};
