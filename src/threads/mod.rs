//! Threads: who works, who waits, how many calls run at once. Nothing of HTTP or of sockets is known here.

mod aside;
mod limit;
mod pool;
mod slots;
mod spares;
mod task;
mod watchdog;

pub(crate) use aside::run_aside;
pub(crate) use limit::{Admission, ConcurrencyLimit, Permit, Suspended};
pub(crate) use pool::Pool;
pub(crate) use slots::WorkerSlot;
pub(crate) use spares::MAX_SPARES;
pub(crate) use task::{Task, Waiting};
pub(crate) use watchdog::TimedRun;
