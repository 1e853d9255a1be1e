//! Lines on standard output: the platform's own and those of the `log` macros.

pub mod lines;
pub mod logger;
pub mod stdout;
