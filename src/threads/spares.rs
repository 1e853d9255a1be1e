//! Idle workers, parked in a channel, which hands each its task. A spare costs a stack; making a thread anew
//! costs 30 µs.

use crate::sync::{Mutex, Receiver, Sender, bounded};
use std::time::Duration;

/// What a burst leaves behind. It stays below the platform's 1,024 threads with everything else that may be
/// there.
pub(crate) const MAX_SPARES: usize = 200;

pub(super) struct Spares<T> {
    inside: Mutex<Inside<T>>,
}

type Channel<T> = (Sender<T>, Receiver<T>);

struct Inside<T> {
    /// Made for the first spare: a start has none.
    channel: Option<Channel<T>>,
    /// Workers at the channel for which no task is on its way. Each task in the channel has one of the
    /// others.
    idle: usize,
    closed: bool,
}

impl<T> Spares<T> {
    pub(super) fn new() -> Spares<T> {
        Spares { inside: Mutex::new(Inside { channel: None, idle: 0, closed: false }) }
    }

    /// Has one of them do this; gives it back when there is none.
    pub(super) fn give(&self, task: T) -> Result<(), T> {
        let mut inside = self.inside.lock();
        match &inside.channel {
            Some((tasks, _)) if inside.idle > 0 => {
                tasks.try_send(task).map_err(|error| error.into_inner())?;
                inside.idle -= 1;
                Ok(())
            }
            _ => Err(task),
        }
    }

    /// Makes the calling worker one of them until there is something for it to do, or for `lifetime`.
    pub(super) fn wait(&self, lifetime: Duration) -> Option<T> {
        let tasks = self.join()?;
        tasks.recv_timeout(lifetime).ok().or_else(|| self.leave(&tasks))
    }

    fn join(&self) -> Option<Receiver<T>> {
        let mut inside = self.inside.lock();
        if inside.closed || inside.idle >= MAX_SPARES {
            return None;
        }
        inside.idle += 1;
        let (_, tasks) = inside.channel.get_or_insert_with(|| bounded(MAX_SPARES));
        Some(tasks.clone())
    }

    /// A worker's time is up, or all of theirs. When no other one is idle, a task is on its way to this one.
    fn leave(&self, tasks: &Receiver<T>) -> Option<T> {
        let mut inside = self.inside.lock();
        if inside.idle > 0 {
            inside.idle -= 1;
            return None;
        }
        tasks.try_recv().ok()
    }

    /// Ends all of them, also those that come later.
    pub(super) fn close(&self) {
        let mut inside = self.inside.lock();
        inside.closed = true;
        // With the last sender gone, those that wait are told.
        inside.channel = None;
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.inside.lock().idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Arc, STACK_SIZE, spawn};
    use std::time::Instant;

    const WATCHDOG: Duration = Duration::from_secs(30);

    /// Spares that report what they were given, each on a thread of its own.
    fn parked(count: usize) -> (Arc<Spares<u32>>, Receiver<Option<u32>>) {
        let spares = Arc::new(Spares::new());
        let (report, reports) = bounded(16);
        for _ in 0..count {
            let (spares, report) = (spares.clone(), report.clone());
            spawn("spare", STACK_SIZE, move || report.send(spares.wait(WATCHDOG)).unwrap()).unwrap();
        }
        let began = Instant::now();
        while spares.idle() < count {
            assert!(began.elapsed() < WATCHDOG, "not all of them are parked");
            std::thread::yield_now();
        }
        (spares, reports)
    }

    #[test]
    fn a_task_is_taken_by_one_spare_and_given_back_without_one() {
        let (spares, reports) = parked(1);
        assert_eq!(spares.give(1), Ok(()));
        assert_eq!(spares.give(2), Err(2), "the only one has its task");
        assert_eq!(reports.recv_timeout(WATCHDOG), Ok(Some(1)));
        assert_eq!(spares.give(3), Err(3));
    }

    #[test]
    fn a_task_that_comes_as_a_spares_time_ends_is_not_lost() {
        let spares = Spares::new();
        let tasks = spares.join().unwrap();
        assert_eq!(spares.give(1), Ok(()));
        assert_eq!(spares.leave(&tasks), Some(1));
    }

    #[test]
    fn a_spare_whose_time_ends_leaves_a_task_to_the_one_that_stays() {
        let spares = Spares::new();
        let (first, second) = (spares.join().unwrap(), spares.join().unwrap());
        assert_eq!(spares.give(1), Ok(()));
        assert_eq!(spares.leave(&first), None);
        assert_eq!(second.try_recv(), Ok(1));
        assert_eq!(spares.idle(), 0);
    }

    #[test]
    fn a_close_ends_those_that_wait_and_those_that_come() {
        let (spares, reports) = parked(2);
        spares.close();
        for _ in 0..2 {
            assert_eq!(reports.recv_timeout(WATCHDOG), Ok(None));
        }
        assert_eq!(spares.wait(WATCHDOG), None);
        assert_eq!(spares.give(1), Err(1));
    }

    #[test]
    fn a_spare_leaves_when_nothing_comes() {
        let spares = Spares::<u32>::new();
        assert_eq!(spares.wait(Duration::ZERO), None);
        assert_eq!(spares.idle(), 0);
    }

    #[test]
    fn there_are_no_more_spares_than_may_be() {
        let spares = Spares::<u32>::new();
        let joined: Vec<_> = (0..MAX_SPARES).map(|_| spares.join().unwrap()).collect();
        assert_eq!(spares.wait(WATCHDOG), None, "and does not wait");
        assert_eq!(joined.len(), spares.idle());
    }
}
