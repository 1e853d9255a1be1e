//! What does every instance of a run share? The log, the watch over orphans, the times of its start and stop,
//! and whether fc-local is stopping. How many instances there are and when one is frozen is not known here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::orphans::OrphanWatch;
use crate::log::Log;

pub struct Surroundings {
    pub log: Arc<Log>,
    pub orphans: Arc<OrphanWatch>,
    pub times: StartAndStop,
    stopping: AtomicBool,
}

/// The times of a start and a stop.
#[derive(Clone, Copy, Debug)]
pub struct StartAndStop {
    /// How long a process may take to open its port.
    pub start_timeout: Duration,
    /// How long after SIGTERM SIGKILL follows at a stop; with zero there is no SIGTERM.
    pub sigterm_grace: Duration,
}

impl Surroundings {
    /// Starts the watch over orphans, which every instance is told to.
    pub fn start(log: Log, times: StartAndStop) -> io::Result<Surroundings> {
        let orphans = Arc::new(OrphanWatch::start()?);
        Ok(Surroundings { log: Arc::new(log), orphans, times, stopping: AtomicBool::new(false) })
    }

    /// Lets nobody wait any longer for a process that is starting.
    pub fn stop_starting(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
impl Surroundings {
    /// Surroundings in which nothing is printed and nobody watches over orphans.
    pub fn for_tests() -> Surroundings {
        let times = StartAndStop { start_timeout: Duration::from_secs(30), sigterm_grace: Duration::ZERO };
        let orphans = Arc::new(OrphanWatch::none());
        Surroundings { log: Arc::new(Log::silent()), orphans, times, stopping: AtomicBool::new(false) }
    }
}
