//! What is known of a function before it runs.

pub mod configuration;
pub mod environment;
pub mod template;
