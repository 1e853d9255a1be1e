//! What does every instance of a run share? The log, the times of its start and stop, whether fc-local is stopping, and
//! how many processes there are. How many instances there are and when one is frozen is not known here.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ports::Ports;
use super::supervisor::{Idle, Order, Started};
use crate::log::Log;
use crate::sync::{Condvar, Mutex};

pub struct Surroundings {
    pub log: Arc<Log>,
    pub times: StartAndStop,
    /// Shared by all functions of a run.
    pub ports: Arc<Ports>,
    pub debugging: Debugging,
    stopping: AtomicBool,
    /// The supervisor of the next process.
    next: Mutex<Option<Idle>>,
    processes: Mutex<usize>,
    process_ended: Condvar,
    loses_processes: AtomicBool,
}

/// The times of a start and a stop.
#[derive(Clone, Copy, Debug)]
pub struct StartAndStop {
    /// How long a process may take to open its port.
    pub start_timeout: Duration,
    /// How long after SIGTERM SIGKILL follows at a stop; with zero there is no SIGTERM.
    pub sigterm_grace: Duration,
}

/// Whether the function is run for a debugger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Debugging {
    #[default]
    Off,
    /// Below this command.
    Below(Vec<String>),
    /// Somebody else starts it.
    Attached,
}

impl Debugging {
    /// Whether nothing has a time limit.
    pub fn is_on(&self) -> bool {
        *self != Debugging::Off
    }
}

impl Surroundings {
    pub fn new(log: Arc<Log>, times: StartAndStop) -> Surroundings {
        Surroundings {
            log,
            times,
            ports: Arc::default(),
            debugging: Debugging::Off,
            stopping: AtomicBool::new(false),
            next: Mutex::default(),
            processes: Mutex::default(),
            process_ended: Condvar::default(),
            loses_processes: AtomicBool::new(false),
        }
    }

    /// Has a supervisor ready for the next process; without one that process starts its own.
    pub fn prepare(&self) {
        let mut next = self.next.lock();
        if next.is_none() && !self.is_stopping() {
            *next = Idle::start().ok();
        }
    }

    /// Runs what `order` says below the supervisor that is ready, or a new one.
    pub fn run(&self, order: &Order) -> io::Result<Started> {
        let ready = self.next.lock().take();
        match ready.map(|idle| idle.run(order)) {
            Some(Ok(started)) => started,
            // Somebody may have killed that one.
            Some(Err(_)) | None => Idle::start()?.run(order)?,
        }
    }

    /// Counts a process from before its fork until nothing of it is left.
    pub fn begin_process(surroundings: &Arc<Surroundings>) -> Alive {
        *surroundings.processes.lock() += 1;
        Alive(Arc::clone(surroundings))
    }

    /// Waits for the end of all processes, at most `timeout`; how many are left.
    pub fn wait_for_processes(&self, timeout: Duration) -> usize {
        *self.process_ended.wait_timeout_while(self.processes.lock(), timeout, |processes| *processes > 0)
    }

    /// Says once what cannot be promised here.
    pub fn warn_of_lost_processes(&self) {
        if !self.loses_processes.swap(true, Ordering::SeqCst) {
            let text = "this system has no child subreapers: processes that leave the function's group are not frozen, \
                 and at a stop only those are found that kept their environment";
            self.log.warn(None, text);
        }
    }

    /// Lets nobody wait any longer for a process that is starting.
    pub fn stop_starting(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(self.next.lock().take());
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// A process that is counted.
pub struct Alive(Arc<Surroundings>);

impl Drop for Alive {
    fn drop(&mut self) {
        *self.0.processes.lock() -= 1;
        self.0.process_ended.notify_all();
    }
}

#[cfg(test)]
impl Surroundings {
    /// Surroundings in which nothing is printed.
    pub fn for_tests() -> Surroundings {
        let times = StartAndStop { start_timeout: Duration::from_secs(30), sigterm_grace: Duration::ZERO };
        Surroundings::new(Arc::new(Log::silent()), times)
    }
}
