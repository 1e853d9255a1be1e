//! The platform around one function: what its parts share, and its life from start to close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cli::args::PlatformArgs;
use crate::function::Function;
use crate::id;
use crate::instance::orphans::Watcher;
use crate::instance::procfs;
use crate::log::Log;
use crate::scaling::housekeeper;
use crate::scaling::scaler::Scaler;
use crate::sync::Mutex;

/// What every instance needs to know of where it runs.
pub struct Surroundings {
    pub args: PlatformArgs,
    pub idle_timeout: Duration,
    pub log: Arc<Log>,
    pub watcher: Arc<Watcher>,
    /// Nothing that is being started is waited for any longer.
    pub stopping: AtomicBool,
}

pub struct Platform {
    pub scaler: Arc<Scaler>,
    pub log: Arc<Log>,
    pub args: PlatformArgs,
    watcher: Arc<Watcher>,
    housekeeper: Mutex<Option<JoinHandle<()>>>,
}

/// How many instances there may be, and for how long without a call.
pub struct Scale {
    pub max_instances: usize,
    pub idle_timeout: Duration,
}

impl Platform {
    pub fn start(function: Function, args: &PlatformArgs, scale: &Scale, log: Log) -> Result<Platform> {
        let watcher =
            Arc::new(Watcher::start().context("cannot start the process that watches for orphans")?);
        let log = Arc::new(log);
        let surroundings = Arc::new(Surroundings {
            args: args.clone(),
            idle_timeout: scale.idle_timeout,
            log: Arc::clone(&log),
            watcher: Arc::clone(&watcher),
            stopping: AtomicBool::new(false),
        });
        let scaler = Arc::new(Scaler::new(surroundings, function, scale.max_instances));
        let housekeeper = housekeeper::start(&scaler).context("cannot start a thread")?;
        let housekeeper = Mutex::new(Some(housekeeper));
        Ok(Platform { scaler, log, args: args.clone(), watcher, housekeeper })
    }

    /// Calls that run may finish; those that wait for an instance to start are refused.
    pub fn stop_starting(&self) {
        self.scaler.surroundings.stopping.store(true, Ordering::SeqCst);
    }

    /// Stops all instances; nothing of them is left afterwards.
    pub fn close(&self) {
        if self.scaler.close() {
            // An instance that was just being started is in no list yet.
            procfs::kill_tagged(id::instance_prefix());
        }
        let housekeeper = self.housekeeper.lock().take();
        if let Some(housekeeper) = housekeeper {
            let _ = housekeeper.join(); // a panic there has been printed
        }
        self.log.flush();
        self.watcher.finish();
    }
}
