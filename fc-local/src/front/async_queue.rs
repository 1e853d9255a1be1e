//! Asynchronous invocations: accepted at once, run when there is room, retried when they fail. What an event
//! is, is not known here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::event::{self, Event};
use super::failure::Failure;
use crate::log::excerpt;
use crate::scaling::{Platform, WhenFull};
use crate::sync::{Condvar, Mutex};

/// How many may wait: more are a loop that calls itself.
const MAX_WAITING: usize = 10_000;

/// How many run or wait for room at once: each has a worker, which is made when it is needed.
const MAX_WORKERS: usize = 64;

pub struct AsyncQueue {
    platform: Arc<Platform>,
    tasks: Arc<Tasks>,
}

/// The tasks that wait, and the workers that run them.
#[derive(Default)]
struct Tasks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    workers: usize,
    idle_workers: usize,
    running: usize,
    is_closed: bool,
}

struct Task {
    payload: Vec<u8>,
    request_id: String,
    /// The caller's own name for it.
    name: Option<String>,
}

impl AsyncQueue {
    pub fn new(platform: Arc<Platform>) -> AsyncQueue {
        AsyncQueue { platform, tasks: Arc::default() }
    }

    pub fn push(&self, payload: Vec<u8>, request_id: String, name: Option<String>) -> Result<(), Failure> {
        let mut state = self.tasks.state.lock();
        if state.waiting.len() >= MAX_WAITING {
            return Err(Failure::Exhausted(format!("{MAX_WAITING} asynchronous invocations are waiting")));
        }
        state.waiting.push_back(Task { payload, request_id, name });
        if state.idle_workers < state.waiting.len() && state.workers < MAX_WORKERS {
            let (platform, tasks) = (Arc::clone(&self.platform), Arc::clone(&self.tasks));
            let work = move || {
                let _worker = Worker(&tasks);
                while let Some((task, _running)) = tasks.next() {
                    run(&platform, &tasks, &task);
                }
            };
            match thread::Builder::new().name("async".to_owned()).spawn(work) {
                Ok(_) => state.workers += 1,
                Err(error) if state.workers == 0 => {
                    state.waiting.pop_back();
                    return Err(Failure::Exhausted(format!("nobody can run it: {error}")));
                }
                // Another one runs it later.
                Err(_) => {}
            }
        }
        self.tasks.changed.notify_one();
        Ok(())
    }

    /// Starts nothing more. What was only accepted is lost, and said to be.
    pub fn stop(&self) {
        let lost = self.tasks.close();
        if lost > 0 {
            self.platform.log().warn(None, &format!("{lost} asynchronous invocations were not run"));
        }
        self.platform.wake_waiting();
    }

    /// What runs after a [`stop`](Self::stop) may finish within `timeout`.
    pub fn wait(&self, timeout: Duration) {
        self.tasks.wait_for_running(timeout);
    }
}

impl Tasks {
    /// Waits for a task, which runs until the guard is dropped; `None` when the queue is closed.
    fn next(&self) -> Option<(Task, Running<'_>)> {
        let mut state = self.state.lock();
        state.idle_workers += 1;
        let is_waiting = |state: &mut State| state.waiting.is_empty() && !state.is_closed;
        let mut state = self.changed.wait_while(state, is_waiting);
        state.idle_workers -= 1;
        if state.is_closed {
            return None;
        }
        let task = state.waiting.pop_front()?;
        state.running += 1;
        Some((task, Running(self)))
    }

    /// Closes the queue; how many tasks were waiting.
    fn close(&self) -> usize {
        let mut state = self.state.lock();
        state.is_closed = true;
        let lost = std::mem::take(&mut state.waiting).len();
        drop(state);
        self.changed.notify_all();
        lost
    }

    fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    fn wait_for_running(&self, timeout: Duration) {
        let state = self.state.lock();
        drop(self.changed.wait_timeout_while(state, timeout, |state| state.running > 0));
    }
}

/// A task that runs: counted until it is dropped, also by a panic.
struct Running<'a>(&'a Tasks);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
        self.0.changed.notify_all();
    }
}

/// A worker: counted until it is dropped, also by a panic, so that another one takes its place.
struct Worker<'a>(&'a Tasks);

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.0.state.lock().workers -= 1;
    }
}

/// One invocation with its retries. To wait for room is not an attempt.
fn run(platform: &Platform, tasks: &Tasks, task: &Task) {
    let retries_allowed = platform.function().async_retries;
    let title = match &task.name {
        Some(name) => format!("{} async task {name}", task.request_id),
        None => format!("{} async", task.request_id),
    };
    let is_closed = || tasks.is_closed();
    let mut retries = 0;
    while !is_closed() {
        let event = Event {
            retries,
            when_full: WhenFull::WaitUnless(&is_closed),
            trigger: "async",
            ..Event::new(&task.payload, &task.request_id)
        };
        let error = match event::invoke(&platform.scaler, &event).map_err(Failure::from) {
            Ok(reply) if !reply.failed => return,
            Ok(reply) => excerpt::first_line(&String::from_utf8_lossy(&reply.body)),
            // There was no room until the queue was closed.
            Err(Failure::Exhausted(_)) => continue,
            Err(failure) => failure.to_string(),
        };
        if retries == retries_allowed {
            let text = format!("{title}: failed for good after {} attempts: {error}", retries + 1);
            return platform.log().warn(None, &text);
        }
        retries += 1;
        let text = format!("{title}: failed, retry {retries} of {retries_allowed}: {error}");
        platform.log().warn(None, &text);
    }
    platform.log().warn(None, &format!("{title}: not run to its end, fc-local stops"));
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn with(count: usize) -> Tasks {
        let tasks = Tasks::default();
        for number in 0..count {
            let request_id = number.to_string();
            tasks.state.lock().waiting.push_back(Task { payload: Vec::new(), request_id, name: None });
        }
        tasks
    }

    #[test]
    fn tasks_run_in_the_order_in_which_they_were_accepted() {
        let tasks = with(3);
        let order: Vec<String> =
            (0..3).filter_map(|_| tasks.next()).map(|(task, _)| task.request_id).collect();
        assert_eq!(order, ["0", "1", "2"]);
    }

    #[test]
    fn a_task_runs_until_it_is_over_or_panics() {
        let tasks = with(2);
        let running = tasks.next().expect("a task");
        assert_eq!(tasks.state.lock().running, 1);
        drop(running);
        assert_eq!(tasks.state.lock().running, 0);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _running = tasks.next().expect("a task");
            panic!("in a task");
        }));
        assert!(panicked.is_err());
        assert_eq!(tasks.state.lock().running, 0);
    }

    #[test]
    fn a_worker_that_panics_makes_room_for_another_one() {
        let tasks = with(0);
        tasks.state.lock().workers = 1;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _worker = Worker(&tasks);
            panic!("in a worker");
        }));
        assert!(panicked.is_err());
        assert_eq!(tasks.state.lock().workers, 0);
    }

    #[test]
    fn a_closed_queue_runs_nothing_and_says_what_it_lost() {
        let tasks = with(3);
        let running = tasks.next();
        assert_eq!(tasks.close(), 2);
        assert!(tasks.is_closed() && tasks.next().is_none());
        tasks.wait_for_running(Duration::ZERO);
        assert_eq!(tasks.state.lock().running, 1, "what runs may finish");
        drop(running);
        tasks.wait_for_running(Duration::MAX);
    }

    #[test]
    fn workers_that_wait_end_when_the_queue_is_closed() {
        let tasks = with(0);
        thread::scope(|scope| {
            let workers = [0; 3].map(|_| scope.spawn(|| tasks.next().is_none()));
            tasks.close();
            assert!(workers.into_iter().all(|worker| worker.join().expect("an end")));
        });
        assert_eq!(tasks.state.lock().idle_workers, 0);
    }
}
