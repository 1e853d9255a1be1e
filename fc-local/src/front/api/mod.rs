//! The API as the vendor's SDK clients call it; any signature is accepted. What is not served is refused in the
//! API's words, and never reaches the function.

mod answer;

mod describe;
mod invoke;
mod tasks;

pub mod path;

pub use answer::{answer, find};
