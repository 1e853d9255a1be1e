//! The queue of a function's asynchronous invocations: accepted at once, run when they are due, counted until they are over. How one
//! is run is in `run.rs`, what is known of them in `tasks.rs`.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::life::{Moment, Rules, Stop};
use super::siblings::{Siblings, Sink};
use super::tasks::{Look, New, Query, Refused, Taken, Task, Tasks};
use crate::front::failure::Failure;
use crate::scaling::Platform;
use crate::sync::{Condvar, Mutex};

/// How many run at once, or wait for an instance: each has a worker, which is made when it is needed.
const MAX_WORKERS: usize = 64;

pub struct AsyncQueue {
    pub(super) platform: Arc<Platform>,
    /// The delay before the first retry.
    first_delay: Duration,
    pub(super) siblings: Arc<Siblings>,
    pub(super) state: Mutex<State>,
    changed: Condvar,
}

/// The tasks, and the workers that run them.
#[derive(Default)]
pub struct State {
    pub(super) tasks: Tasks,
    workers: usize,
    idle_workers: usize,
    running: usize,
    /// After one has found no room: none is taken before.
    pub(super) held_until: Option<Instant>,
    pub(super) is_closed: bool,
}

impl AsyncQueue {
    /// For a function, whose results go to its `siblings`.
    pub fn new(platform: Arc<Platform>, first_delay: Duration, siblings: &Arc<Siblings>) -> Arc<AsyncQueue> {
        let queue = Arc::new(AsyncQueue {
            platform,
            first_delay,
            siblings: Arc::clone(siblings),
            state: Mutex::default(),
            changed: Condvar::default(),
        });
        let sink: Arc<dyn Sink> = Arc::clone(&queue) as _;
        siblings.join(&sink);
        queue
    }

    /// Accepts an event; the id of its task.
    pub fn push(self: &Arc<AsyncQueue>, new: New) -> Result<String, Failure> {
        let is_tracked = self.platform.function().asynchronous.tracks_tasks;
        let capacity = self.platform.capacity();
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Failure::Exhausted("fc-local is stopping".to_owned()));
        }
        let needed = state.tasks.waiting() + 1;
        if state.idle_workers < needed && state.workers < MAX_WORKERS.min(capacity) {
            let queue = Arc::clone(self);
            let work = move || queue.work();
            match thread::Builder::new().name("async".to_owned()).spawn(work) {
                Ok(_) => state.workers += 1,
                Err(error) if state.workers == 0 => {
                    return Err(Failure::Exhausted(format!("nobody can run it: {error}")));
                }
                // Another one runs it later.
                Err(_) => {}
            }
        }
        let added = state.tasks.add(New { is_tracked, ..new }, now());
        self.changed.notify_one();
        added.map_err(|refused| match refused {
            Refused::Full => Failure::Exhausted("as many asynchronous invocations wait as may".to_owned()),
            Refused::Exists(id) => Failure::AsyncTaskAlreadyExists(id),
        })
    }

    fn work(self: Arc<AsyncQueue>) {
        let _worker = Worker(&self);
        while let Some((taken, running)) = self.next() {
            self.run(&taken);
            drop(running);
        }
    }

    /// Waits for a task, which runs until the guard is dropped; `None` when the queue is closed.
    fn next(&self) -> Option<(Taken, Running<'_>)> {
        let mut state = self.state.lock();
        while !state.is_closed {
            match self.look(&mut state, now()) {
                Look::Run(taken) => {
                    state.running += 1;
                    if state.tasks.waiting() > 0 {
                        // Whoever waited for the next one may be this worker.
                        self.changed.notify_one();
                    }
                    let running = Running { queue: self, number: taken.number };
                    return Some((taken, running));
                }
                Look::Expired(number) => {
                    drop(state);
                    self.expired(number);
                    state = self.state.lock();
                }
                Look::Wait(due) => {
                    state.idle_workers += 1;
                    let wait = due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
                    state = self.changed.wait_timeout(state, wait);
                    state.idle_workers -= 1;
                }
            }
        }
        None
    }

    /// The next task. No more run than have room, and where there is none for one, as other calls have it, the others wait with it for a
    /// while: tried one by one, each would wait for longer and longer, and the function idle meanwhile.
    fn look(&self, state: &mut State, now: Moment) -> Look {
        if state.running >= self.platform.capacity() {
            return Look::Wait(None);
        }
        match state.held_until {
            Some(until) if until > now.at => Look::Wait(Some(until)),
            _ => state.tasks.look(now, &self.rules()),
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let asynchronous = &self.platform.function().asynchronous;
        Rules { retries: asynchronous.retries, max_age: asynchronous.max_age, first_delay: self.first_delay }
    }

    /// What is known of a task.
    pub fn get<T>(&self, id: &str, see: impl FnOnce(&Task) -> T) -> Option<T> {
        self.state.lock().tasks.get(id).map(see)
    }

    /// A page of the tasks, and the number that the next one begins with.
    pub fn list<T>(&self, query: &Query, see: impl Fn(&Task) -> T) -> (Vec<T>, Option<u64>) {
        let state = self.state.lock();
        let (found, next) = state.tasks.list(query);
        (found.into_iter().map(see).collect(), next)
    }

    /// Stops a task. The instance of one that runs is stopped with it, as on the platform.
    pub fn stop_task(&self, id: &str) -> Option<Stop> {
        let mut state = self.state.lock();
        let (number, stop) = state.tasks.stop(id, now())?;
        if stop == Stop::Done {
            state.tasks.close(number);
        }
        drop(state);
        match stop {
            Stop::Done => {
                self.platform.log().event(None, &format!("async task {id} is stopped before it ran"))
            }
            // It may wait for a place at an instance.
            Stop::Soon => self.platform.wake_waiting(),
            Stop::Ended(_) => {}
        }
        Some(stop)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.state.lock().tasks.waiting()
    }

    /// Starts nothing more. What was only accepted is lost, and said to be.
    pub fn stop(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let lost = state.tasks.lose_waiting();
        drop(state);
        self.changed.notify_all();
        if lost > 0 {
            self.platform.log().warn(None, &format!("{lost} asynchronous invocations were not run"));
        }
    }

    /// What runs after a [`stop`](Self::stop) may finish within `timeout`.
    pub fn wait(&self, timeout: Duration) {
        let state = self.state.lock();
        drop(self.changed.wait_timeout_while(state, timeout, |state| state.running > 0));
    }
}

impl Sink for AsyncQueue {
    fn function(&self) -> String {
        self.platform.function().name.clone()
    }

    fn accept(self: Arc<AsyncQueue>, new: New) -> Result<String, Failure> {
        self.push(new)
    }
}

/// A task that runs: counted until it is dropped, also by a panic.
struct Running<'a> {
    queue: &'a AsyncQueue,
    number: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.running -= 1;
        let is_left = state
            .tasks
            .numbered(self.number)
            .is_some_and(|task| !task.life.status().is_end() && task.life.due().is_none());
        if is_left {
            state.tasks.change(self.number, |task| task.life.give_up("InternalServerError", now()));
            state.tasks.close(self.number);
        }
        drop(state);
        self.queue.changed.notify_all();
    }
}

/// A worker: counted until it is dropped, also by a panic, so that another one takes its place.
struct Worker<'a>(&'a AsyncQueue);

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.0.state.lock().workers -= 1;
    }
}

pub fn now() -> Moment {
    Moment { at: Instant::now(), unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() }
}

#[cfg(test)]
mod tests;
