//! What does every instance of a run share? The log, the times of its start and stop, whether fc-local is stopping, and
//! how many processes there are. How many instances there are and when one is frozen is not known here.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::home::Home;
use super::isolation::{self, Isolate, NotIsolated};
use super::supervisor::{Idle, Order, Started, run_anew};
use crate::function::Function;
use crate::log::Log;
use crate::sync::{Condvar, Mutex};

pub struct Surroundings {
    pub log: Arc<Log>,
    pub times: StartAndStop,
    pub debugging: Debugging,
    stopping: AtomicBool,
    isolation: Mutex<Isolation>,
    /// The supervisor of the next process in each home.
    next: Mutex<Vec<(Arc<Home>, Idle)>>,
    homes: Mutex<Vec<(Directories, Arc<Home>)>>,
    processes: Mutex<usize>,
    process_ended: Condvar,
    loses_processes: AtomicBool,
    /// Whether it was looked for a program that keeps what it prints.
    looked_for_buffering: AtomicBool,
}

/// What a home is made of.
#[derive(PartialEq)]
struct Directories {
    code: PathBuf,
    layers: Vec<PathBuf>,
    maps_code: bool,
}

impl Directories {
    fn of(function: &Function) -> Directories {
        let Function { code, layers, maps_code, .. } = function;
        Directories { code: code.clone(), layers: layers.clone(), maps_code: *maps_code }
    }
}

/// Whether processes get file systems of their own.
enum Isolation {
    Untried(Isolate),
    Works,
    None(NotIsolated),
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
    pub fn new(log: Arc<Log>, times: StartAndStop, isolate: Isolate) -> Surroundings {
        Surroundings {
            log,
            times,
            debugging: Debugging::Off,
            stopping: AtomicBool::new(false),
            isolation: Mutex::new(Isolation::Untried(isolate)),
            next: Mutex::default(),
            homes: Mutex::default(),
            processes: Mutex::default(),
            process_ended: Condvar::default(),
            loses_processes: AtomicBool::new(false),
            looked_for_buffering: AtomicBool::new(false),
        }
    }

    /// Whether the processes of functions with a code directory get file systems of their own. Tried once, with the
    /// home of `function`.
    pub fn isolate(&self, function: &Function) -> Result<(), NotIsolated> {
        let mut isolation = self.isolation.lock();
        if let Isolation::Untried(isolate) = *isolation {
            *isolation = match self.try_isolation(function, isolate) {
                Ok(()) => Isolation::Works,
                Err(reason) => Isolation::None(reason),
            };
        }
        match &*isolation {
            Isolation::None(reason) => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    fn try_isolation(&self, function: &Function, isolate: Isolate) -> Result<(), NotIsolated> {
        if isolate == Isolate::Off {
            return Err(NotIsolated::Off);
        }
        if let Some(missing) = isolation::missing() {
            return Err(missing);
        }
        let refused = |error: io::Error| NotIsolated::NoSpace(error.to_string());
        let home = Arc::new(Home::of(function, true).map_err(refused)?);
        let mut idle = Idle::start(home.within()).map_err(refused)?;
        idle.wait().map_err(refused)?;
        self.homes.lock().push((Directories::of(function), Arc::clone(&home)));
        self.next.lock().push((home, idle));
        Ok(())
    }

    /// Why no instance gets a network of its own, unless something that is seen when it is tried speaks against it.
    pub fn without_networks(&self) -> Option<NotIsolated> {
        match &*self.isolation.lock() {
            Isolation::Untried(Isolate::Off) => Some(NotIsolated::Off),
            Isolation::None(reason) => Some(reason.clone()),
            _ => isolation::network_missing(),
        }
    }

    /// The home of a function, which is made when it is first asked for.
    pub fn home(&self, function: &Function) -> Arc<Home> {
        let is_isolated = function.maps_code && self.isolate(function).is_ok();
        let directories = Directories::of(function);
        let mut homes = self.homes.lock();
        if let Some((_, home)) = homes.iter().find(|(known, _)| *known == directories) {
            return Arc::clone(home);
        }
        let home = Home::of(function, is_isolated).unwrap_or_else(|error| {
            self.log.warn(None, &format!("what stands for /code and /opt cannot be made: {error}"));
            Home::bare(function)
        });
        let home = Arc::new(home);
        homes.push((directories, Arc::clone(&home)));
        home
    }

    /// Makes the homes anew for processes that are started from now on: what they are made of may have changed.
    pub fn forget_homes(&self) {
        self.homes.lock().clear();
        drop(std::mem::take(&mut *self.next.lock()));
    }

    /// Has a supervisor ready for the next process of `function`; without one that process starts its own.
    pub fn prepare(&self, function: &Function) {
        let home = self.home(function);
        let mut next = self.next.lock();
        if !next.iter().any(|(known, _)| Arc::ptr_eq(known, &home)) && !self.is_stopping() {
            next.extend(Idle::start(home.within()).ok().map(|idle| (home, idle)));
        }
    }

    /// Runs what `order` says below the supervisor that is ready in `home`, or a new one.
    pub fn run(&self, home: &Arc<Home>, order: &Order) -> io::Result<Started> {
        let mut next = self.next.lock();
        let ready =
            next.iter().position(|(known, _)| Arc::ptr_eq(known, home)).map(|at| next.swap_remove(at).1);
        drop(next);
        match ready.map(|idle| idle.run(order)) {
            Some(Ok(started)) => started,
            // Somebody may have killed that one.
            Some(Err(_)) | None => run_anew(home.within(), order),
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

    /// Whether nobody has looked yet for a program that keeps what it prints: for whoever does now.
    pub fn begin_look_for_buffering(&self) -> bool {
        !self.looked_for_buffering.swap(true, Ordering::SeqCst)
    }

    /// Lets nobody wait any longer for a process that is starting.
    pub fn stop_starting(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(std::mem::take(&mut *self.next.lock()));
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
        Surroundings::new(Arc::new(Log::silent()), times, Isolate::Off)
    }
}
