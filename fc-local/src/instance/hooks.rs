//! What does the platform ask of an instance by itself? The Initializer's two types, health checks, and
//! PreStop with the stop that follows it. When each is due is not known here.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::client::{Deadline, Error, Patience, RequestBody};
use super::failure::NotInitialized;
use super::function_output::Role;
use super::process::Process;
use super::running::Instance;
use super::supervisor::{Within, run_anew};
use super::{command, headers};
use crate::function::{Function, HealthCheck, InitializerKind, executable};
use crate::id;
use crate::log::{excerpt, milliseconds};
use crate::record::PhaseKind;

/// How much of a hook's reply is read; of a health check's, whose status alone counts.
const MAX_REPLY: u64 = 1024 * 1024;
const MAX_HEALTH_REPLY: u64 = 64 * 1024;

/// How often a wait for a command looks at the time.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl NotInitialized {
    fn replace(message: String) -> NotInitialized {
        NotInitialized { message, keep_instance: false }
    }
}

impl Instance {
    /// Runs the configured Initializer, if any.
    pub fn initialize(&self) -> Result<(), NotInitialized> {
        let Some(initializer) = &self.function.initializer else {
            self.owe_pre_stop();
            self.enters(PhaseKind::Ready);
            return Ok(());
        };
        self.enters(PhaseKind::Initializing);
        let begin = Instant::now();
        let result = match &initializer.kind {
            InitializerKind::Code => self.initialize_by_request(initializer.timeout),
            InitializerKind::Command(words) => self.initialize_by_command(words, initializer.timeout),
        };
        self.spent("initializer", begin.elapsed());
        match &result {
            Ok(()) => {
                self.owe_pre_stop();
                self.enters(PhaseKind::Ready);
            }
            Err(error) => {
                self.warn(&error.message);
                self.enters(PhaseKind::Uninitialized);
            }
        }
        result
    }

    fn initialize_by_request(&self, timeout: Duration) -> Result<(), NotInitialized> {
        let begin = Instant::now();
        match self.ask("POST", "/initialize", self.deadline(timeout)) {
            Ok((200..=299, _)) => Ok(()),
            Ok((status, body)) => Err(NotInitialized {
                message: format!(
                    "Function initialization failed: POST /initialize returned status code {status}{}",
                    shown(&body)
                ),
                keep_instance: matches!(status, 400 | 404),
            }),
            Err(Error::TimedOut) => Err(NotInitialized::replace(format!(
                "Function initialization timed out after {} seconds (maxMemoryUsage: {:.2}MB)",
                timeout.as_secs(),
                self.memory.peak_mb()
            ))),
            Err(Error::Dropped(_) | Error::BrokenOff(_)) => {
                Err(NotInitialized::replace(self.unexpected_exit(begin).to_string()))
            }
            Err(error) => Err(NotInitialized::replace(format!("Function initialization failed: {error}"))),
        }
    }

    /// Status and body of the reply to a hook's request.
    fn ask(&self, method: &str, hook: &str, deadline: Deadline) -> Result<(u16, Vec<u8>), Error> {
        let head = headers::request(method, hook, Some(hook), &id::uuid(), &self.common_headers);
        let mut reply = self.pool.send(&head, RequestBody::Bytes(b""), &Patience::of(deadline))?;
        let body = reply.body.read_all(MAX_REPLY).map_err(Error::of_body)?;
        Ok((reply.status, body))
    }

    /// Runs beside the server, in its environment, in a group of its own. What it leaves behind is the instance's.
    fn initialize_by_command(&self, words: &[String], timeout: Duration) -> Result<(), NotInitialized> {
        let failed =
            |text: String| NotInitialized::replace(format!("Function initialization failed: {text}"));
        let (function, role) = (&self.function, Role::Initializer);
        let order = command::of(function, &self.home.places, words, &self.id, self.port, role);
        let run = || match &self.network {
            None => self.surroundings.run(&self.home, &order),
            Some(_) => run_anew(Within::Beside(self.process.supervisor()), &order),
        };
        let running = Process::spawn(run, &self.id, role, &self.surroundings)
            .map_err(|error| failed(not_spawned(function, words, &error)))?;
        self.watch(&running);
        match wait(&running, &self.deadline(timeout)) {
            Some(status) if status.success() => {
                running.output.drain(); // what it printed stands before what follows
                self.keep(running);
                Ok(())
            }
            Some(status) => {
                let stderr = ending(&excerpt::last_line(&running.output.last_lines()));
                Err(failed(format!("the command exited with {}{stderr}", exit_code(status))))
            }
            None => {
                running.end(Duration::ZERO);
                let stderr = ending(&excerpt::last_line(&running.output.last_lines()));
                let seconds = timeout.as_secs();
                Err(failed(format!("the command timed out after {seconds} seconds{stderr}")))
            }
        }
    }

    /// One health check; why it failed.
    pub fn check_health(&self, check: &HealthCheck) -> Result<(), String> {
        let head = headers::request("GET", &check.path, None, &id::uuid(), &self.common_headers);
        let patience = Patience::of(self.deadline(check.timeout));
        let mut reply = self
            .pool
            .send(&head, RequestBody::Bytes(b""), &patience)
            .map_err(|error| format!("check function health failed: {error}"))?;
        let _ = reply.body.read_all(MAX_HEALTH_REPLY); // only the status counts; a whole body keeps the connection
        if (200..400).contains(&reply.status) {
            Ok(())
        } else {
            Err(format!("check function health failed with status code: {}", reply.status))
        }
    }

    /// `GET /pre-stop`, when it is configured; whatever comes of it, the stop goes on.
    pub fn pre_stop(&self) {
        let Some(hook) = &self.function.pre_stop else {
            return;
        };
        self.enters(PhaseKind::PreStop);
        let begin = Instant::now();
        let outcome = self.ask("GET", "/pre-stop", self.deadline(hook.timeout));
        match outcome {
            Ok((200..=299, _)) => {
                let time = milliseconds(begin.elapsed());
                self.event(&format!("PreStop took {time:.1} ms"));
            }
            Ok((status, body)) => {
                self.warn(&format!("PreStop failed with status {status}{}", shown(&body)));
            }
            Err(Error::TimedOut) => {
                let seconds = hook.timeout.as_secs();
                self.warn(&format!("PreStop timed out after {seconds} seconds"));
            }
            Err(error) => self.warn(&format!("PreStop failed: {error}")),
        }
        self.enters(PhaseKind::Ready);
    }

    /// PreStop when one is owed, then the end of the process.
    pub fn stop(&self, reason: &str) {
        self.thaw();
        if self.take_owed_pre_stop() && self.process.exited().is_none() {
            self.pre_stop();
        }
        self.enters(PhaseKind::Stopping);
        self.end(self.surroundings.times.sigterm_grace);
        self.pool.reset();
        self.event(&format!("stopped: {reason}"));
        self.surroundings.log.recorder().end_instance(&self.id, &format!("stopped: {reason}"));
    }
}

/// Waits for the exit of a process, until the deadline.
fn wait(process: &Process, deadline: &Deadline) -> Option<ExitStatus> {
    loop {
        match (process.exited(), deadline.left()) {
            (Some(status), _) => return Some(status),
            (None, Ok(left)) => drop(process.wait(left.min(LOOK_EVERY))),
            (None, Err(_)) => return None,
        }
    }
}

/// Of an Initializer's command that the system refused: its script is no part of the message.
fn not_spawned(function: &Function, words: &[String], error: &io::Error) -> String {
    let fault =
        error.raw_os_error().and_then(|errno| executable::fault_after_refusal(function, words, errno));
    match fault {
        Some(fault) => format!("{fault}; {}", fault.remedy()),
        None => format!("the command '{}': {error}", words.first().map_or("", String::as_str)),
    }
}

fn exit_code(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("code {code}"))
}

/// The first line of a reply's body, as the end of a message.
fn shown(body: &[u8]) -> String {
    ending(&excerpt::first_line(&String::from_utf8_lossy(body)))
}

fn ending(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}
