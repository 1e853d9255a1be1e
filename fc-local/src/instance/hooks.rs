//! The lifecycle hooks as the platform calls them: the Initializer's two types, and PreStop.

use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::front::failure::Failure;
use crate::function::InitializerKind;
use crate::id;
use crate::instance::client::{Error, Patience, RequestBody};
use crate::instance::function_output::Role;
use crate::instance::running::Instance;
use crate::instance::{headers, process};

/// What is shown of a hook's answer in a message.
const SHOWN: usize = 1024;

/// Why an instance is not initialized.
pub struct InitializeError {
    pub failure: Failure,
    /// The platform tries again on this instance (400, 404); otherwise the next call gets a new one.
    pub keep_instance: bool,
}

impl InitializeError {
    fn replace(message: String) -> InitializeError {
        InitializeError { failure: Failure::Initialization(message), keep_instance: false }
    }
}

impl Instance {
    /// Runs the configured Initializer, if any.
    pub fn initialize(&self) -> Result<(), InitializeError> {
        let Some(initializer) = &self.function.initializer else {
            self.initialized.store(true, Ordering::SeqCst);
            return Ok(());
        };
        let begin = Instant::now();
        let result = match &initializer.kind {
            InitializerKind::Code => self.initialize_by_request(initializer.timeout),
            InitializerKind::Command(words) => self.initialize_by_command(words, initializer.timeout),
        };
        self.spent("initializer", begin.elapsed());
        match &result {
            Ok(()) => self.initialized.store(true, Ordering::SeqCst),
            Err(error) => self.surroundings.log.warn(Some(&self.id), &error.failure.message()),
        }
        result
    }

    fn initialize_by_request(&self, timeout: Duration) -> Result<(), InitializeError> {
        let begin = Instant::now();
        let head = headers::request("POST", "/initialize", Some("/initialize"), &id::uuid(), &self.headers);
        let answer = self
            .pool
            .send(&head, RequestBody::Bytes(b""), &Patience::until(begin + timeout))
            .and_then(|mut reply| {
                let body = reply.body.read_all(1 << 20).map_err(Error::of_body)?;
                Ok((reply.status, body))
            });
        match answer {
            Ok((200..=299, _)) => Ok(()),
            Ok((status, body)) => Err(InitializeError {
                failure: Failure::Initialization(format!(
                    "Function initialization failed: POST /initialize returned status code {status}{}",
                    shown(&body)
                )),
                keep_instance: matches!(status, 400 | 404),
            }),
            Err(Error::TimedOut) => Err(InitializeError::replace(format!(
                "Function initialization timed out after {} seconds (maxMemoryUsage: {:.2}MB)",
                timeout.as_secs(),
                self.memory.peak_mb()
            ))),
            Err(Error::Dropped(_)) => Err(InitializeError::replace(self.dropped(begin).message())),
            Err(error) => Err(InitializeError::replace(format!("Function initialization failed: {}", error))),
        }
    }

    /// Runs beside the server, in its environment, in a group of its own.
    fn initialize_by_command(&self, words: &[String], timeout: Duration) -> Result<(), InitializeError> {
        let failed =
            |text: String| InitializeError::replace(format!("Function initialization failed: {text}"));
        let command = process::command(&self.function, words, &self.id, self.port);
        let surroundings = &self.surroundings;
        let running =
            process::spawn(command, &self.id, Role::Initializer, &surroundings.log, &surroundings.watcher)
                .map_err(|error| failed(format!("the command '{}': {error}", words.join(" "))))?;
        match running.wait(timeout) {
            Some(status) if status.success() => Ok(()),
            Some(status) => {
                let stderr = running.output.last();
                Err(failed(format!("the command exited with {}: {stderr}", exit_code(status))))
            }
            None => {
                running.kill(Duration::ZERO);
                let stderr = running.output.last();
                let seconds = timeout.as_secs();
                Err(failed(format!("the command timed out after {seconds} seconds: {stderr}")))
            }
        }
    }

    /// GET /pre-stop; whatever comes of it, the stop goes on.
    pub fn pre_stop(&self) {
        let Some(hook) = &self.function.pre_stop else {
            return;
        };
        let begin = Instant::now();
        let head = headers::request("GET", "/pre-stop", Some("/pre-stop"), &id::uuid(), &self.headers);
        let reply = self.pool.send(&head, RequestBody::Bytes(b""), &Patience::until(begin + hook.timeout));
        let log = &self.surroundings.log;
        match reply {
            Ok(mut reply) => {
                let body = reply.body.read_all(1 << 20).unwrap_or_default();
                if reply.is_success() {
                    let time = crate::log::milliseconds(begin.elapsed());
                    log.event(Some(&self.id), &format!("PreStop took {time:.1} ms"));
                } else {
                    log.warn(
                        Some(&self.id),
                        &format!("PreStop failed with status {}{}", reply.status, shown(&body)),
                    );
                }
            }
            Err(Error::TimedOut) => {
                let seconds = hook.timeout.as_secs();
                log.warn(Some(&self.id), &format!("PreStop timed out after {seconds} seconds"));
            }
            Err(error) => log.warn(Some(&self.id), &format!("PreStop failed: {}", error)),
        }
    }
}

fn exit_code(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("code {code}"))
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body)).trim().to_owned();
    if text.is_empty() { text } else { format!(": {text}") }
}
