//! The platform around one function: its parts put together, and its life from start to close.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::fleet::Fleet;
use super::housekeeper;
use super::scaler::Scaler;
use super::slot::Slot;
use super::slots::{Limits, Slots};
use super::upkeep::Upkeep;
use crate::function::Function;
use crate::instance::Surroundings;
use crate::log::Log;
use crate::sync::Mutex;

/// How long the end of processes is waited for that are in no slot: those that were just being started.
const LAST_WAIT: Duration = Duration::from_secs(10);

pub struct Platform {
    pub scaler: Scaler,
    fleet: Arc<Fleet>,
    housekeeper: Mutex<Option<JoinHandle<()>>>,
}

impl Platform {
    /// The platform for `function`, without instances yet.
    pub fn start(
        function: Function,
        max_instances: usize,
        upkeep: Upkeep,
        surroundings: Surroundings,
    ) -> io::Result<Platform> {
        let limits = Limits { max_instances, concurrency: function.concurrency, port: function.port };
        let fleet = Fleet::new(Arc::new(surroundings), upkeep, function, Slots::new(limits));
        let fleet = Arc::new(fleet);
        let housekeeper = Mutex::new(Some(housekeeper::start(&fleet)?));
        Ok(Platform { scaler: Scaler::new(Arc::clone(&fleet)), fleet, housekeeper })
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.fleet.surroundings.log
    }

    pub fn function(&self) -> Arc<Function> {
        self.fleet.function()
    }

    /// A new configuration: what runs finishes, then goes; the next call starts the new one.
    pub fn reload(&self, function: Function) {
        self.fleet.reload(function);
    }

    /// Lets calls that wait for room ask again whether they still want it.
    pub fn wake_waiting(&self) {
        self.fleet.wake_all();
    }

    /// Calls that run may finish; those that wait for an instance to start are refused.
    pub fn stop_starting(&self) {
        self.fleet.stop_starting();
    }

    pub fn is_stopping(&self) -> bool {
        self.fleet.surroundings.is_stopping()
    }

    /// How many calls there are that have an instance, or wait for one that starts.
    pub fn calls(&self) -> usize {
        self.fleet.lock().slots.iter().map(Slot::calls).sum()
    }

    /// How many calls there can be at once.
    pub fn capacity(&self) -> usize {
        self.fleet.lock().slots.capacity()
    }

    /// Stops all instances; nothing of them is left afterwards.
    pub fn close(&self) {
        self.fleet.stop_starting();
        self.fleet.close();
        if let Some(housekeeper) = self.housekeeper.lock().take() {
            let _ = housekeeper.join(); // a panic there has been printed
        }
        let left = self.fleet.surroundings.wait_for_processes(LAST_WAIT);
        if left > 0 {
            self.log().warn(None, &format!("{left} processes are not gone although they were killed"));
        }
        self.log().flush();
    }
}

/// A platform that is closed on every way out of a command.
pub struct Opened(Arc<Platform>);

impl Opened {
    pub fn new(platform: Platform) -> Opened {
        Opened(Arc::new(platform))
    }
}

impl Deref for Opened {
    type Target = Arc<Platform>;

    fn deref(&self) -> &Arc<Platform> {
        &self.0
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.close();
    }
}
