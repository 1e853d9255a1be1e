use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::front::async_queue::life::Status;
use crate::function::Function;
use crate::function::asynchronous::Asynchronous;
use crate::instance::Surroundings;
use crate::scaling::{Opened, Upkeep};

/// A queue without workers, and its platform.
fn queue() -> (Arc<AsyncQueue>, Opened) {
    let asynchronous = Asynchronous { tracks_tasks: true, ..Asynchronous::default() };
    let function = Function { asynchronous, ..Function::example() };
    let upkeep = Upkeep { idle_timeout: Duration::from_secs(60), freeze: None };
    let platform = Platform::start(function, 2, upkeep, Surroundings::for_tests()).expect("a platform");
    let platform = Opened::new(platform);
    (AsyncQueue::new(Arc::clone(&platform), Duration::ZERO, &Arc::default()), platform)
}

fn add(queue: &AsyncQueue, id: &str) {
    let new = New { id: Some(id.to_owned()), is_tracked: true, ..New::event(Vec::new(), format!("1-{id}")) };
    queue.state.lock().tasks.add(new, now()).expect("room");
}

fn status(queue: &AsyncQueue, id: &str) -> Option<Status> {
    queue.get(id, |task| task.life.status())
}

#[test]
fn a_task_that_panics_is_counted_out_and_has_ended() {
    let (queue, _platform) = queue();
    add(&queue, "a");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _running = queue.next().expect("a task");
        assert_eq!(queue.state.lock().running, 1);
        panic!("in a task");
    }));
    assert!(panicked.is_err());
    assert_eq!(status(&queue, "a"), Some(Status::Invalid));
    assert_eq!(queue.state.lock().running, 0);
}

#[test]
fn a_worker_that_panics_makes_room_for_another_one() {
    let (queue, _platform) = queue();
    queue.state.lock().workers = 1;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _worker = Worker(&queue);
        panic!("in a worker");
    }));
    assert!(panicked.is_err());
    assert_eq!(queue.state.lock().workers, 0);
}

#[test]
fn a_closed_queue_runs_nothing_more_and_what_runs_may_finish() {
    let (queue, _platform) = queue();
    ["a", "b", "c"].iter().for_each(|id| add(&queue, id));
    let running = queue.next();
    assert_eq!(queue.waiting(), 2);
    queue.stop();
    assert!(queue.waiting() == 0 && queue.next().is_none());
    queue.wait(Duration::ZERO);
    assert_eq!(queue.state.lock().running, 1);
    drop(running);
    queue.wait(Duration::MAX);
    let refused = queue.push(New::event(Vec::new(), "1-d".to_owned()));
    assert!(matches!(refused, Err(Failure::Exhausted(_))));
}

#[test]
fn workers_that_wait_end_when_the_queue_is_closed() {
    let (queue, _platform) = queue();
    thread::scope(|scope| {
        let workers = [0; 3].map(|_| scope.spawn(|| queue.next().is_none()));
        queue.stop();
        assert!(workers.into_iter().all(|worker| worker.join().expect("an end")));
    });
    assert_eq!(queue.state.lock().idle_workers, 0);
}

#[test]
fn one_that_is_stopped_before_it_runs_makes_room() {
    let (queue, _platform) = queue();
    add(&queue, "a");
    assert_eq!((queue.stop_task("a"), queue.waiting()), (Some(Stop::Done), 0));
    assert_eq!(queue.stop_task("a"), Some(Stop::Ended(Status::Stopped)));
    assert_eq!(queue.stop_task("b"), None);
}

#[test]
fn a_worker_that_takes_a_task_leaves_the_next_one_to_another() {
    let (queue, _platform) = queue();
    let (taken, takes) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..2 {
            let (queue, taken) = (&queue, taken.clone());
            scope.spawn(move || {
                let running = queue.next();
                taken.send(running.as_ref().map(|(taken, _)| taken.request_id.clone())).expect("a test");
                // It runs until the end, as a long one would.
                queue.wait_until_closed();
            });
        }
        while queue.state.lock().idle_workers < 2 {
            thread::yield_now();
        }
        let later = New { delay: Duration::from_millis(1), ..New::event(Vec::new(), "later".to_owned()) };
        queue.state.lock().tasks.add(later, now()).expect("room");
        queue.state.lock().tasks.add(New::event(Vec::new(), "now".to_owned()), now()).expect("room");
        queue.changed.notify_one();
        let mut found = [0; 2].map(|_| takes.recv_timeout(Duration::from_secs(30)).ok().flatten());
        queue.stop();
        found.sort();
        assert_eq!(found, ["later", "now"].map(|id| Some(id.to_owned())));
    });
}

#[test]
fn no_more_run_than_have_room_and_all_wait_with_one_that_has_found_none() {
    let (queue, _platform) = queue();
    ["a", "b", "c"].iter().for_each(|id| add(&queue, id));
    let now = now();
    let look = |now| queue.look(&mut queue.state.lock(), now);
    let hour = Duration::from_secs(3600);
    queue.state.lock().held_until = Some(now.at + hour);
    assert!(matches!(look(now), Look::Wait(Some(until)) if until == now.at + hour));
    assert!(matches!(look(now.plus(hour)), Look::Run(_)), "it is over");
    queue.state.lock().held_until = None;
    let running = [queue.next(), queue.next()];
    assert!(matches!(look(now), Look::Wait(None)), "two instances have two calls");
    drop(running);
}

impl AsyncQueue {
    fn wait_until_closed(&self) {
        drop(self.changed.wait_while(self.state.lock(), |state| !state.is_closed));
    }
}
