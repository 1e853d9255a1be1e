//! A running instance: its process, its connections, what it costs. How it comes to be is in `start.rs`, what
//! the platform asks of it by itself in `hooks.rs`; who may use it is not known here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::buffering;
use super::client::{Deadline, Pauses as _, Pool};
use super::cold_start::{ColdStart, Parts};
use super::debugger::Debugger;
use super::failure::UnexpectedExit;
use super::headers;
use super::home::Home;
use super::memory::Memory;
use super::network::Network;
use super::port;
use super::process::Process;
use super::procfs;
use super::surroundings::{Debugging, Surroundings};
use crate::function::Function;
use crate::log::Log;
use crate::record::PhaseKind;
use crate::sync::Mutex;

/// How long after a reset of its connections an exit is waited for: until then another call would be sent to a process
/// that is gone.
const EXIT_AFTER_RESET: Duration = Duration::from_secs(5);

/// How often a process that has reset a connection is asked whether it only did that.
const ALIVE_EVERY: Duration = Duration::from_millis(20);

/// How often an instance in use is looked at for a debugger.
const DEBUGGER_EVERY: Duration = Duration::from_millis(20);

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
    /// Whose deadlines are those of all that is asked of it.
    debugger: Arc<Debugger>,
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
        debugger: Arc<Debugger>,
        function: &Arc<Function>,
        surroundings: &Arc<Surroundings>,
        cold_start: Parts,
    ) -> Instance {
        let Identity { id, host, port, outer, home, network } = identity;
        let attached = (surroundings.debugging == Debugging::Attached).then(|| procfs::owner(port)).flatten();
        if let Some(pid) = attached {
            surroundings.log.event(Some(&id), &format!("attached to process {}", pid.as_raw_nonzero()));
        }
        let memory = Memory::new(attached.unwrap_or(process.pid), function.memory_mb);
        // A process that exits in its first call has left no other trace.
        surroundings.log.recorder().set_memory(&id, memory.peak_mb());
        Instance {
            id,
            port,
            function: Arc::clone(function),
            surroundings: Arc::clone(surroundings),
            home,
            network,
            process,
            debugger,
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
        self.enters(PhaseKind::Frozen);
        self.process.freeze();
        self.left_behind().iter().for_each(|process| process.freeze());
    }

    pub fn freeze_rest(&self) {
        self.process.freeze_rest();
        self.left_behind().iter().for_each(|process| process.freeze_rest());
    }

    pub fn thaw(&self) {
        self.surroundings.log.recorder().thaw(&self.id);
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
        let is_over = self.memory.sample(now, || self.members());
        let recorder = self.surroundings.log.recorder();
        if recorder.is_on()
            && let Some(used) = self.memory.in_use_mb(now)
        {
            recorder.set_memory(&self.id, used);
        }
        is_over
    }

    /// Tells whoever looks what it does from now on.
    pub fn enters(&self, phase: PhaseKind) {
        self.surroundings.log.recorder().enter(&self.id, phase);
    }

    fn members(&self) -> Vec<Pid> {
        let mut members = self.process.members();
        members.extend(self.left_behind().iter().flat_map(|process| process.members()));
        members
    }

    /// After an invocation: says once that what the function prints may never be seen.
    pub fn warn_of_buffering(&self) {
        if self.surroundings.begin_look_for_buffering()
            && !self.process.output.has_stdout()
            && buffering::keeps_output(&self.members())
        {
            let text = "nothing has come on standard output: Python holds back what is printed there, and loses it when the \
                 instance is stopped; if the function prints, set PYTHONUNBUFFERED=1 among its variables";
            self.warn(text);
        }
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
            self.log().cold_start(&self.id, &parts);
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

    /// When something that is asked of it now is over.
    pub fn deadline(&self, time: Duration) -> Deadline {
        self.debugger.deadline(time)
    }

    /// Takes the process of an Initializer's command into account.
    pub fn watch(&self, process: &Process) {
        self.debugger.watch(process.family());
    }

    /// Looks for whoever debugs it, unless that was done a moment ago.
    pub fn look_for_debugger(&self, now: Instant) {
        self.debugger.look(now, DEBUGGER_EVERY);
    }

    /// Whether somebody debugs it: the platform then does nothing to it by itself.
    pub fn is_debugged(&self) -> bool {
        self.debugger.is_there()
    }

    /// The log, once it has all that the function has printed so far: what is said next stands behind it.
    pub fn log(&self) -> &Log {
        self.process.output.show();
        &self.surroundings.log
    }

    pub fn event(&self, text: &str) {
        self.log().event(Some(&self.id), text);
    }

    pub fn warn(&self, text: &str) {
        self.log().warn(Some(&self.id), text);
    }

    /// Whether its port is open now. Into a network of its own whatever stands between connects at any time.
    fn listens(&self) -> bool {
        let address = self.pool.address();
        match &self.network {
            None => port::connects(address.ip(), address.port(), ALIVE_EVERY),
            Some(_) => !procfs::listeners(self.port, Some(self.process.supervisor())).is_empty(),
        }
    }

    /// The failure of a call whose connection was dropped. The platform takes that for an exit; its author is told when it
    /// was none.
    pub fn unexpected_exit(&self, since: Instant) -> UnexpectedExit {
        // The kernel resets connections a moment before the exit can be waited for.
        let after = since.elapsed();
        while since.elapsed() < after + EXIT_AFTER_RESET && self.process.wait(ALIVE_EVERY).is_none() {
            if self.listens() {
                let text = "closed the connection before the end of its response; the process still runs";
                self.warn(text);
                break;
            }
        }
        UnexpectedExit { after, memory_mb: self.memory.peak_mb() }
    }
}
