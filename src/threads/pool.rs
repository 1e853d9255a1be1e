//! Workers: how many wait for events, when another one is made, and who does a piece of work. What the work
//! is, and what is waited for, is not known here.
//!
//! As many workers wait as there are cores. Before one of them runs code that may block, it makes sure that
//! another one waits; a worker that comes back when enough of them wait becomes a spare, and leaves when it
//! is not needed for long. Code that has been quick for a while may skip that: then the watchdog sees to it
//! when it is not quick this time.

use crate::clock::{Clock, Tally};
use crate::contain::{catch, report};
use crate::counters::Totals;
use crate::sync::{Arc, AtomicUsize, Mutex, OnUnwind, OnceEvent, Ordering, spawn};
use crate::threads::slots::{WorkerSlot, WorkerSlots};
use crate::threads::spares::Spares;
use crate::threads::task::{Task, WaitingCount};
use crate::threads::watchdog::{Look, TimedRun, Watchdog};
use log::Level;
use std::io;
use std::time::Duration;

/// The name of its threads. What `std` says of a stack that overflows before it ends the process has nothing else of
/// ours in it; tools that look at a process show the first 15 bytes.
const WORKER: &str = "fc-worker, see FCRT_STACK_SIZE";

/// How long a worker that is not needed stays.
const SPARE_LIFETIME: Duration = Duration::from_secs(10);

/// Even on one core: one runs the function, one answers the platform.
const MIN_WAITING: usize = 2;

/// What every worker's thread runs, from its first task on.
type Main<T> = Box<dyn Fn(Task<T>, &WorkerSlot) + Send + Sync>;

pub(crate) struct Pool<T> {
    main: Main<T>,
    slots: Arc<WorkerSlots>,
    /// Of each worker's thread.
    stack_size: usize,
    waiting: WaitingCount,
    /// How many are to wait; 0 until that is known.
    wanted: AtomicUsize,
    spares: Spares<Task<T>>,
    watchdog: Watchdog,
    closed: OnceEvent,
    clock: Arc<Clock>,
    failed_threads: Tally,
}

impl<T: Send + 'static> Pool<T> {
    /// A pool of at most `limit` workers, of which each runs `main` until that returns.
    pub(crate) fn new(
        clock: Arc<Clock>,
        limit: usize,
        stack_size: usize,
        main: impl Fn(Task<T>, &WorkerSlot) + Send + Sync + 'static,
    ) -> Pool<T> {
        Pool {
            main: Box::new(main),
            slots: Arc::new(WorkerSlots::new(limit)),
            stack_size,
            waiting: WaitingCount::default(),
            wanted: AtomicUsize::new(0),
            spares: Spares::new(),
            watchdog: Watchdog::new(clock.clone()),
            closed: OnceEvent::default(),
            clock,
            failed_threads: Tally::default(),
        }
    }

    /// Makes the first worker, which begins by waiting.
    pub(crate) fn start(self: &Arc<Self>) -> io::Result<()> {
        self.make_worker(Task::Wait(self.waiting.add())).map_err(|(_, error)| error)
    }

    /// Makes the calling thread the first worker. It may leave like any other spare, and an error of ours ends its work
    /// and not the process.
    pub(crate) fn run_first_worker(self: &Arc<Self>) {
        if let Some(slot) = self.slots.take() {
            let _ = catch(|| self.work(Task::Wait(self.waiting.add()), &slot));
        }
    }

    /// A process ends with its first thread, which therefore waits here.
    pub(crate) fn wait_for_close(&self) {
        self.closed.wait();
    }

    /// What a worker that is done does next: works, waits when too few do, or becomes a spare.
    pub(crate) fn next_task(&self) -> Task<T> {
        match self.waiting.add_unless(|waiting| waiting >= self.wanted(waiting)) {
            Some(waiting) => Task::Wait(waiting),
            None => self.spares.wait(SPARE_LIFETIME).unwrap_or(Task::Leave),
        }
    }

    /// Has a spare do this, or a new worker. Gives it back when there is neither.
    pub(crate) fn dispatch(self: &Arc<Self>, work: T) -> Result<(), T> {
        match self.hand(Task::Work(work)) {
            Err(Task::Work(work)) => Err(work),
            _ => Ok(()),
        }
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.slots.taken()
    }

    /// What all of them have counted, and those that have left.
    pub(crate) fn totals(&self) -> Totals {
        self.slots.totals()
    }

    /// Whether the calling worker is the only one.
    pub(crate) fn has_one_worker(&self) -> bool {
        self.waiting.get() == 0 && self.slots.taken() == 1
    }

    /// Whether nobody has had anything to do yet.
    pub(crate) fn is_at_start(&self) -> bool {
        self.waiting.get() == 1 && self.slots.taken() == 1
    }

    /// Begins a run of code of unknown duration on the calling worker: somebody waits meanwhile, or is going
    /// to when the code turns out not to be quick.
    pub(crate) fn begin_run<'a>(self: &'a Arc<Self>, slot: &'a WorkerSlot) -> TimedRun<'a> {
        let run = self.begin_run_alone(slot);
        if self.waiting.get() == 0 {
            if run.is_watched() { self.wake_watchdog() } else { self.ensure_waiting() }
        }
        run
    }

    /// The same where nobody needs to wait.
    pub(crate) fn begin_run_alone<'a>(&'a self, slot: &'a WorkerSlot) -> TimedRun<'a> {
        self.watchdog.begin_run(slot)
    }

    /// The calling worker is about to block on something that is not the author's: nobody may be stuck behind
    /// it, and its code is not late by that.
    pub(crate) fn will_block(self: &Arc<Self>, slot: &WorkerSlot) {
        slot.stopwatch().stop();
        self.ensure_waiting();
    }

    /// Makes sure that somebody waits.
    pub(crate) fn ensure_waiting(self: &Arc<Self>) {
        if let Some(waiting) = self.waiting.add_unless(|waiting| waiting > 0) {
            let _ = self.hand(Task::Wait(waiting)); // without a thread, whoever is free next waits
        }
    }

    /// Ends all spares and the watchdog; those that wait end with what they wait for.
    pub(crate) fn close(&self) {
        self.closed.set();
        self.spares.close();
        self.watchdog.unpark();
    }

    /// Waits until at most `count` workers are left, for `timeout` at the most. Whether it came true or took
    /// too long, there is nothing more to be done about it.
    pub(crate) fn wait_for_end(&self, count: usize, timeout: Duration) {
        self.slots.wait_for_vacancy(count, timeout);
    }

    /// A place for a worker of a test's own.
    #[cfg(test)]
    pub(crate) fn take_slot(&self) -> Option<WorkerSlot> {
        self.slots.take()
    }

    /// A worker's life. Should it unwind, by an error of ours, it is no loss to the others.
    fn work(self: &Arc<Self>, task: Task<T>, slot: &WorkerSlot) {
        let unwinding = OnUnwind::new(|| self.ensure_waiting());
        (self.main)(task, slot);
        unwinding.disarm();
    }

    /// Asking the system for its cores takes some system calls, which a start does not need.
    fn wanted(&self, waiting: usize) -> usize {
        if waiting < MIN_WAITING {
            return MIN_WAITING;
        }
        match self.wanted.load(Ordering::Relaxed) {
            0 => {
                let wanted = cores().max(MIN_WAITING);
                self.wanted.store(wanted, Ordering::Relaxed);
                wanted
            }
            wanted => wanted,
        }
    }

    /// Gives a task to a spare, or to a new worker.
    fn hand(self: &Arc<Self>, task: Task<T>) -> Result<(), Task<T>> {
        let Err(task) = self.spares.give(task) else { return Ok(()) };
        self.make_worker(task).map_err(|(task, error)| {
            // At the limit, those that are about to give up a peer are the next ones free.
            if error.kind() != io::ErrorKind::QuotaExceeded {
                self.no_thread(&error);
            }
            task
        })
    }

    /// The task comes back when there are as many workers as there may be, or the system has no thread to
    /// give.
    fn make_worker(self: &Arc<Self>, task: Task<T>) -> Result<(), (Task<T>, io::Error)> {
        let Some(slot) = self.slots.take() else {
            return Err((task, io::ErrorKind::QuotaExceeded.into()));
        };
        let (task, pool) = (Arc::new(Mutex::new(Some(task))), self.clone());
        let handed = task.clone();
        let spawned = spawn(WORKER, self.stack_size, move || {
            if let Some(task) = handed.lock().take() {
                pool.work(task, &slot);
            }
            drop(slot);
        });
        match spawned {
            Ok(_) => Ok(()),
            Err(error) => Err((task.lock().take().unwrap_or(Task::Leave), error)),
        }
    }

    fn wake_watchdog(self: &Arc<Self>) {
        if !self.watchdog.wake() {
            return;
        }
        let pool = self.clone();
        let watch = move || {
            pool.watchdog.watch(&pool.slots, || pool.closed.has_happened(), |look| pool.replace_late(&look));
        };
        match spawn("fc-watch", self.stack_size, watch) {
            Ok(thread) => self.watchdog.set_thread(thread),
            Err(error) => {
                self.no_thread(&error);
                self.watchdog.could_not_wake();
                self.ensure_waiting();
            }
        }
    }

    #[cold]
    fn no_thread(&self, error: &io::Error) {
        if let Some(count) = self.failed_threads.add(&self.clock, 1) {
            report!(Level::Error, "cannot make a thread: {error} ({count}x)");
        }
    }

    /// Has others wait in the stead of workers whose code is late.
    fn replace_late(self: &Arc<Self>, look: &Look) {
        for _ in 0..look.late {
            let is_enough = |waiting| waiting + look.quick >= self.wanted(MIN_WAITING);
            let Some(waiting) = self.waiting.add_unless(is_enough) else { break };
            let _ = self.hand(Task::Wait(waiting)); // without a thread, whoever is free next waits
        }
    }
}

/// The cores this process may run on. What std asks on Linux also reads the files of the control groups, for
/// a quota that says nothing of how many run at once.
#[cfg(target_os = "linux")]
fn cores() -> usize {
    rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize)
}

#[cfg(not(target_os = "linux"))]
fn cores() -> usize {
    crate::sync::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
