//! Asynchronous invocations: accepted at once, run when they are due and there is room, retried when they fail, and their results
//! handed on. Who sends them is not known here.

mod run;

mod queue;

mod siblings;

mod tasks;

mod life;
mod result;

pub use life::{Change, Status, Stop};
pub use queue::{AsyncQueue, now};
pub use siblings::Siblings;
pub use tasks::{New, Query, Task};
