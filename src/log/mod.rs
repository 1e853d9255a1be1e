//! Lines on standard output: the platform's Start and End lines and those of the `log` macros.

pub(crate) mod lifecycle_line;
#[cfg(feature = "logger")]
mod line;
#[cfg(feature = "logger")]
pub(crate) mod logger;
pub(crate) mod request_scope;
mod stdout;

pub(crate) use lifecycle_line::LifecycleLine;
pub(crate) use request_scope::RequestScope;
#[cfg(test)]
pub(crate) use stdout::written;
pub(crate) use stdout::{error_line, terminal_line};
