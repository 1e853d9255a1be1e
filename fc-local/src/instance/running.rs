//! A running instance: its process, its connections, what it costs. How it comes to be is in `start.rs`, what
//! the platform asks of it by itself in `hooks.rs`; who may use it is not known here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::client::Pool;
use super::cold_start::{ColdStart, Parts};
use super::failure::UnexpectedExit;
use super::headers;
use super::home::Home;
use super::memory::Memory;
use super::network::Network;
use super::process::Process;
use super::surroundings::Surroundings;
use crate::function::Function;
use crate::sync::Mutex;

/// How long after a reset of its connections an exit is waited for: until then another call would be sent to a process
/// that is gone. One that only closed its connection costs its caller this time.
const EXIT_AFTER_RESET: Duration = Duration::from_millis(500);

pub struct Instance {
    pub id: String,
    pub port: u16,
    pub function: Arc<Function>,
    pub surroundings: Arc<Surroundings>,
    /// What stands for its code and its layers, for as long as it lives.
    pub home: Arc<Home>,
    /// Of its own, unless it is in this machine's.
    pub network: Option<Network>,
    pub process: Process,
    pub pool: Pool,
    pub memory: Memory,
    /// What an Initializer's command left behind.
    left_behind: Mutex<Option<Arc<Process>>>,
    /// The common headers of every request to it.
    pub common_headers: Vec<u8>,
    cold_start: ColdStart,
    owes_pre_stop: AtomicBool,
}

/// Which instance it is, and where it listens.
pub struct Identity {
    pub id: String,
    pub host: IpAddr,
    /// What it was told.
    pub port: u16,
    /// What leads there on this machine.
    pub outer: u16,
    pub home: Arc<Home>,
    pub network: Option<Network>,
}

impl Instance {
    /// The instance whose `process` has opened its port; `cold_start` is what that took.
    pub fn new(
        identity: Identity,
        process: Process,
        function: &Arc<Function>,
        surroundings: &Arc<Surroundings>,
        cold_start: Parts,
    ) -> Instance {
        let Identity { id, host, port, outer, home, network } = identity;
        let memory = Memory::new(process.pid, function.memory_mb);
        // A process that exits in its first call has left no other trace.
        memory.peak_mb();
        Instance {
            id,
            port,
            function: Arc::clone(function),
            surroundings: Arc::clone(surroundings),
            home,
            network,
            process,
            left_behind: Mutex::default(),
            pool: Pool::new(host, outer),
            memory,
            common_headers: headers::common(function),
            cold_start: ColdStart::new(cold_start),
            owes_pre_stop: AtomicBool::new(false),
        }
    }

    /// Takes charge of a process that belongs to the instance beside its own.
    pub fn keep(&self, process: Process) {
        *self.left_behind.lock() = Some(Arc::new(process));
    }

    /// Nobody looks for its processes under the lock.
    fn left_behind(&self) -> Option<Arc<Process>> {
        self.left_behind.lock().clone()
    }

    /// Stops its processes where they are, but for those that have left their group: [`freeze_rest`](Self::freeze_rest)
    /// looks for them.
    pub fn freeze(&self) {
        self.process.freeze();
        self.left_behind().iter().for_each(|process| process.freeze());
    }

    pub fn freeze_rest(&self) {
        self.process.freeze_rest();
        self.left_behind().iter().for_each(|process| process.freeze_rest());
    }

    pub fn thaw(&self) {
        self.process.thaw();
        self.left_behind().iter().for_each(|process| process.thaw());
    }

    /// Ends all its processes.
    pub fn end(&self, grace: Duration) {
        self.process.end(grace);
        if let Some(process) = self.left_behind() {
            process.end(Duration::ZERO);
        }
    }

    /// Looks at the memory of all its processes; true the first time that it is over the limit.
    pub fn exceeds_memory(&self, now: Instant) -> bool {
        self.memory.sample(now, || {
            let mut members = self.process.members();
            members.extend(self.left_behind().iter().flat_map(|process| process.members()));
            members
        })
    }

    /// Adds a part to the cold start's account.
    pub fn spent(&self, part: &'static str, time: Duration) {
        self.cold_start.add(part, time);
    }

    /// The first invocation's first byte arrived: the cold start is over.
    pub fn first_byte(&self, time: Duration) {
        self.spent("first byte", time);
        self.end_cold_start();
    }

    /// The first invocation is over, whatever came of it: the account is printed once.
    pub fn end_cold_start(&self) {
        if let Some(parts) = self.cold_start.close() {
            self.process.output.drain(); // what it printed meanwhile stands before
            self.surroundings.log.cold_start(&self.id, &parts);
        }
    }

    /// Owes the function a PreStop from now on: it is initialized, or need not be.
    pub fn owe_pre_stop(&self) {
        self.owes_pre_stop.store(true, Ordering::SeqCst);
    }

    /// Whether a PreStop is owed, for whoever calls it now.
    pub fn take_owed_pre_stop(&self) -> bool {
        self.owes_pre_stop.swap(false, Ordering::SeqCst)
    }

    /// The failure of a call whose connection was dropped.
    pub fn unexpected_exit(&self, since: Instant) -> UnexpectedExit {
        // The kernel resets connections a moment before the exit can be waited for.
        let after = since.elapsed();
        self.process.wait(EXIT_AFTER_RESET);
        UnexpectedExit { after, memory_mb: self.memory.peak_mb() }
    }
}
