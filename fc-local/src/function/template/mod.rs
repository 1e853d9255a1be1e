//! What `s.yaml` (Serverless Devs, component fc3) says about a function. Flags and defaults are not known
//! here.

mod resource;

mod fields;
mod interpolate;
mod yaml;

pub use resource::{Template, read};
