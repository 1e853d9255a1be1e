//! Not API, and free to change: what others send and write, as functions of bytes, for the fuzz targets and their
//! properties. Nothing is decided here.

pub use crate::function::InitializerKind;
pub use crate::function::template::{Code, Fields as Template, parse as template};
pub use crate::instance::client::fuzzing::{Received, chunk, reply};
pub use crate::instance::headers::{forwarded, is_passed_on, is_reserved};
