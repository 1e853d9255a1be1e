//! What happened lately: invocations, instances, log lines, and how much of each at once, kept for whoever looks. Bounded,
//! and cheap for those who report: one short lock, nobody is woken, nobody is waited for. Who looks is not known here.

mod recorder;

mod reports;

mod state;

mod instances;
mod invocations;
mod lines;

mod journal;
mod level;
mod metrics;
mod segments;

pub use instances::{Part, PhaseKind};
pub use invocations::{Details, Invocation, NewCall};
pub use level::Level;
pub use lines::{MAX_BYTES as MAX_LOG_BYTES, Wanted};
pub use recorder::{Call, Recorder};
pub use state::{Ended, MAX_INVOCATIONS, Update};
