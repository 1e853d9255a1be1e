//! The platform around one function: its parts put together, and its life from start to close.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::function::Function;
use crate::id;
use crate::instance::{Surroundings, procfs};
use crate::log::Log;
use crate::scaling::housekeeper;
use crate::scaling::scaler::Scaler;
use crate::scaling::upkeep::Upkeep;
use crate::sync::Mutex;

pub struct Platform {
    pub scaler: Arc<Scaler>,
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
        let scaler = Arc::new(Scaler::new(Arc::new(surroundings), upkeep, function, max_instances));
        let housekeeper = Mutex::new(Some(housekeeper::start(&scaler)?));
        Ok(Platform { scaler, housekeeper })
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.scaler.surroundings.log
    }

    pub fn function(&self) -> Arc<Function> {
        self.scaler.function()
    }

    /// A new configuration: what runs finishes, then goes; the next call starts the new one.
    pub fn reload(&self, function: Function) {
        self.scaler.reload(function);
    }

    /// Calls that run may finish; those that wait for an instance to start are refused.
    pub fn stop_starting(&self) {
        self.scaler.surroundings.stop_starting();
    }

    /// Stops all instances; nothing of them is left afterwards.
    pub fn close(&self) {
        if self.scaler.close() {
            // An instance that was just being started is in no list yet.
            procfs::kill_instances(id::instance_prefix());
        }
        if let Some(housekeeper) = self.housekeeper.lock().take() {
            let _ = housekeeper.join(); // a panic there has been printed
        }
        self.scaler.surroundings.log.flush();
        self.scaler.surroundings.orphans.finish();
    }
}
