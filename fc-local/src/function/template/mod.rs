//! What `s.yaml` (Serverless Devs, component fc3) says about a function. Flags and defaults are not known
//! here.

mod resource;

mod domains;

mod fields;
mod interpolate;
mod yaml;

#[cfg(any(fuzzing, feature = "internals"))]
pub use resource::parse;
pub use resource::{Template, project, read};
