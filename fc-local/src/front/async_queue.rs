//! Asynchronous invocations: accepted at once, run when there is room, retried when they fail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::event::{self, Event};
use super::failure::Failure;
use crate::scaling::Platform;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// More than this waiting is a loop that calls itself.
const MAX_WAITING: usize = 10_000;

/// Workers are made as needed; each runs one invocation at a time.
const MAX_WORKERS: usize = 64;

/// How long a call waits when every instance is saturated.
const THROTTLED: Duration = Duration::from_millis(50);

pub struct AsyncQueue {
    shared: Arc<Shared>,
}

struct Shared {
    platform: Arc<Platform>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    workers: usize,
    idle: usize,
    running: usize,
    closed: bool,
}

struct Task {
    event: Vec<u8>,
    request_id: String,
    /// The caller's own name for it.
    name: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl AsyncQueue {
    pub fn new(platform: Arc<Platform>) -> AsyncQueue {
        AsyncQueue {
            shared: Arc::new(Shared { platform, state: Mutex::default(), changed: Condvar::default() }),
        }
    }

    pub fn push(&self, event: Vec<u8>, request_id: String, name: Option<String>) -> Result<(), Failure> {
        let mut state = self.shared.lock();
        if state.waiting.len() >= MAX_WAITING {
            return Err(Failure::Exhausted(format!("{MAX_WAITING} asynchronous invocations are waiting")));
        }
        state.waiting.push_back(Task { event, request_id, name });
        if state.idle < state.waiting.len() && state.workers < MAX_WORKERS {
            let shared = Arc::clone(&self.shared);
            let spawned = thread::Builder::new().name("async".to_owned()).spawn(move || shared.work());
            state.workers += usize::from(spawned.is_ok());
        }
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Nothing more is started; what runs may finish within `timeout`. What was only accepted is lost, and said to be.
    pub fn close(&self, timeout: Duration) {
        let mut state = self.shared.lock();
        state.closed = true;
        let lost = state.waiting.len();
        state.waiting.clear();
        self.shared.changed.notify_all();
        if lost > 0 {
            self.shared.platform.log().warn(None, &format!("{lost} asynchronous invocations were not run"));
        }
        let running = self.shared.changed.wait_timeout_while(state, timeout, |state| state.running > 0);
        drop(running);
    }
}

impl Shared {
    fn work(&self) {
        loop {
            let task = {
                let mut state = self.lock();
                loop {
                    if state.closed {
                        return;
                    }
                    if let Some(task) = state.waiting.pop_front() {
                        state.running += 1;
                        break task;
                    }
                    state.idle += 1;
                    state = self.changed.wait(state);
                    state.idle -= 1;
                }
            };
            self.run(&task);
            self.lock().running -= 1;
            self.changed.notify_all();
        }
    }

    /// One invocation with its retries. Being throttled is not an attempt.
    fn run(&self, task: &Task) {
        let retries = self.platform.function().async_retries;
        let title = match &task.name {
            Some(name) => format!("{} async task {name}", task.request_id),
            None => format!("{} async", task.request_id),
        };
        let mut attempt = 0;
        while !self.lock().closed {
            let result = event::invoke(
                &self.platform.scaler,
                &Event { retries: attempt, ..Event::new(&task.event, &task.request_id) },
            );
            let error = match result {
                Ok(answer) if !answer.failed => return,
                Ok(answer) => String::from_utf8_lossy(&answer.body).into_owned(),
                Err(Failure::Exhausted(_)) => {
                    thread::sleep(THROTTLED);
                    continue;
                }
                Err(failure) => failure.to_string(),
            };
            if attempt == retries {
                let text = format!("{title}: failed for good after {} attempts: {error}", attempt + 1);
                self.platform.log().warn(None, &text);
                return;
            }
            attempt += 1;
            self.platform
                .log()
                .warn(None, &format!("{title}: failed, retry {attempt} of {retries}: {error}"));
        }
        self.platform.log().warn(None, &format!("{title}: not run to its end, fc-local stops"));
    }
}
