//! One instance: a process, its port, its connections. Its hooks are in `hooks.rs`, who may use it in `scaler.rs`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::front::failure::Failure;
use crate::function::{Function, HealthCheck};
use crate::id;
use crate::instance::client::{Patience, Pool, RequestBody};
use crate::instance::function_output::Role;
use crate::instance::headers;
use crate::instance::memory::Memory;
use crate::instance::port::{self, NotReady, Wanted};
use crate::instance::process::{self, Process};
use crate::scaling::platform::Surroundings;
use crate::sync::Mutex;

pub struct Instance {
    pub id: String,
    pub port: u16,
    pub function: Arc<Function>,
    pub process: Process,
    pub pool: Pool,
    pub memory: Memory,
    /// The common headers of every request to it.
    pub headers: Vec<u8>,
    pub surroundings: Arc<Surroundings>,
    /// Whether a PreStop is owed.
    pub initialized: AtomicBool,
    cold_start: Mutex<Option<Vec<(&'static str, Duration)>>>,
}

/// Why an instance did not start.
pub enum StartError {
    Failed(Failure),
    /// It serves, but not on the port it was told: there can be only one of it.
    IgnoresPort(String),
}

impl Instance {
    /// Starts the process and waits for its port.
    pub fn start(
        surroundings: &Arc<Surroundings>,
        function: &Arc<Function>,
        port: u16,
    ) -> Result<Instance, StartError> {
        let id = id::instance();
        let begin = Instant::now();
        let command = process::command(function, &function.command, &id, port);
        let process = process::spawn(command, &id, Role::Function, &surroundings.log, &surroundings.watcher)
            .map_err(|error| StartError::Failed(not_spawned(function, &error)))?;
        let spawned = begin.elapsed();
        surroundings.log.event(
            Some(&id),
            &format!(
                "process {} started on port {port}: {}",
                process.pid.as_raw_nonzero(),
                function.command_line()
            ),
        );
        let timeout = surroundings.args.start_timeout;
        let wanted = Wanted { port, configured: function.port, timeout, stopping: &surroundings.stopping };
        let host = match port::wait(&process, &wanted) {
            Ok(host) => host,
            Err(why) => {
                process.end(Duration::ZERO);
                return Err(not_ready(&why, function, &process, port, timeout));
            }
        };
        let cold_start = vec![("process", spawned), ("port", begin.elapsed().saturating_sub(spawned))];
        let memory = Memory::new(process.pid, function.memory_mb);
        // A process that exits in its first call has left no other trace.
        memory.peak_mb();
        Ok(Instance {
            pool: Pool::new(host, port),
            memory,
            headers: headers::common(function),
            surroundings: Arc::clone(surroundings),
            initialized: AtomicBool::new(false),
            cold_start: Mutex::new(Some(cold_start)),
            function: Arc::clone(function),
            id,
            port,
            process,
        })
    }

    /// Adds a part to the cold start's account.
    pub fn spent(&self, part: &'static str, time: Duration) {
        if let Some(parts) = &mut *self.cold_start.lock() {
            parts.push((part, time));
        }
    }

    /// The first invocation's first byte arrived: the cold start is over.
    pub fn first_byte(&self, time: Duration) {
        self.spent("first byte", time);
        self.end_cold_start();
    }

    /// The first invocation is over, whatever came of it: the account is printed once.
    pub fn end_cold_start(&self) {
        if let Some(parts) = self.cold_start.lock().take() {
            self.surroundings.log.cold_start(&self.id, &parts);
        }
    }

    /// One health check.
    pub fn check_health(&self, check: &HealthCheck) -> Result<(), String> {
        let head = headers::request("GET", &check.path, None, &id::uuid(), &self.headers);
        let patience = Patience::until(Instant::now() + check.timeout);
        let mut reply = self
            .pool
            .send(&head, RequestBody::Bytes(b""), &patience)
            .map_err(|error| format!("check function health failed: {}", error))?;
        let _ = reply.body.read_all(64 * 1024); // only the status counts; a whole body keeps the connection
        if (200..400).contains(&reply.status) {
            Ok(())
        } else {
            Err(format!("check function health failed with status code: {}", reply.status))
        }
    }

    /// The error of a call whose connection was dropped; the reason it was, when fc-local knows it.
    pub fn dropped(&self, since: Instant) -> Failure {
        // The kernel resets connections a moment before the exit can be waited for.
        self.process.wait(Duration::from_millis(20));
        Failure::Exited { after: since.elapsed(), memory_mb: self.memory.peak_mb() }
    }

    /// PreStop when one is owed, then the end of the process.
    pub fn stop(&self, reason: &str) {
        self.process.signal(rustix::process::Signal::CONT);
        if self.initialized.swap(false, Ordering::SeqCst) && self.process.exited().is_none() {
            self.pre_stop();
        }
        self.process.end(self.surroundings.args.sigterm);
        self.pool.reset();
        self.surroundings.log.event(Some(&self.id), &format!("stopped: {reason}"));
    }
}

/// The platform's errors for a process that could not be started at all.
fn not_spawned(function: &Function, error: &io::Error) -> Failure {
    let command = function.command_line();
    let code = error.raw_os_error().unwrap_or(0);
    if error.kind() == io::ErrorKind::NotFound {
        let message = format!("The start command '{command}' was not found: {}", process::strerror(code));
        return Failure::NotStarted { code: "CAFileNotFound", message };
    }
    let message = format!(
        "Function instance exited unexpectedly(code {code}, message:{}) with start command '{command}'. Logs:",
        process::strerror(code)
    );
    Failure::NotStarted { code: "CAExited", message }
}

fn not_ready(
    why: &NotReady,
    function: &Function,
    process: &Process,
    port: u16,
    timeout: Duration,
) -> StartError {
    let logs = process.output.last();
    let unhealthy = |reason: &str| {
        let seconds = timeout.as_secs();
        let message = format!(
            "Function instance health check failed on port {port} in {seconds} seconds{reason}.\nLogs:{logs}"
        );
        StartError::Failed(Failure::NotStarted { code: "FunctionNotStarted", message })
    };
    match why {
        NotReady::Exited(_) if port != function.port && says_port_in_use(&logs) => {
            StartError::IgnoresPort(format!("it exited with an address in use, port {port} was its own"))
        }
        NotReady::Exited(status) => {
            let message = format!(
                "Function instance exited unexpectedly({}) with start command '{}'. Logs:{logs}",
                process::describe_exit(*status),
                function.command_line()
            );
            StartError::Failed(Failure::NotStarted { code: "CAExited", message })
        }
        NotReady::Unreachable(address) => unhealthy(&format!(
            ": it listens on {address} only, where the platform cannot reach it; listen on 0.0.0.0"
        )),
        NotReady::Stopping => StartError::Failed(Failure::stopping()),
        NotReady::TimedOut(ports) if port != function.port && ports.contains(&function.port) => {
            StartError::IgnoresPort(format!("it listens on {} instead of {port}", function.port))
        }
        NotReady::TimedOut(ports) if ports.is_empty() => unhealthy(""),
        NotReady::TimedOut(ports) => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            unhealthy(&format!(": it listens on {} instead", ports.join(", ")))
        }
    }
}

/// How runtimes say EADDRINUSE: libc's text, Node's and Python's names for it.
fn says_port_in_use(logs: &str) -> bool {
    let logs = logs.to_lowercase();
    ["address already in use", "eaddrinuse", "address in use"].iter().any(|text| logs.contains(text))
}
