//! Workers: how many wait for events, when another one is made, and who does a piece of work. What the work
//! is, and what is waited for, is not known here.
//!
//! As many workers wait as there are cores. Before one of them runs code that may block, it makes sure that
//! another one waits; a worker that comes back when enough of them wait becomes a spare, and leaves when it
//! is not needed for long. Code that has been quick for a while may skip that: then the watchdog sees to it
//! when it is not quick this time.

use crate::clock::Clock;
use crate::sync::{Arc, AtomicUsize, Mutex, OnceEvent, OnceLock, Ordering, spawn};
use crate::threads::slots::{WorkerSlot, WorkerSlots};
use crate::threads::spares::Spares;
use crate::threads::task::Task;
use crate::threads::watchdog::{Look, TimedRun, Watchdog};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// How long a worker that is not needed stays.
const SPARE_LIFETIME: Duration = Duration::from_secs(10);

/// Even on one core: one runs the function, one answers the platform.
const MIN_WAITING: usize = 2;

/// What every worker's thread runs, from its first task on.
type WorkerMain<T> = Box<dyn Fn(Task<T>, &WorkerSlot) + Send + Sync>;

pub(crate) struct Pool<T> {
    main: WorkerMain<T>,
    slots: Arc<WorkerSlots>,
    /// Workers that wait, or are about to: they count before they do.
    waiting: AtomicUsize,
    /// How many are to wait, once that is known.
    wanted: OnceLock<usize>,
    spares: Spares<T>,
    backlog: Backlog<T>,
    watchdog: Watchdog,
    closed: OnceEvent,
}

/// A worker that waits, counted until this is dropped.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Work for which there was neither a spare nor a thread: the next worker that is free does it.
struct Backlog<T> {
    /// A worker looks at this alone: there is nearly never any.
    length: AtomicUsize,
    work: Mutex<VecDeque<T>>,
}

impl<T> Backlog<T> {
    fn push(&self, work: T) {
        let mut queue = self.work.lock();
        queue.push_back(work);
        self.length.store(queue.len(), Ordering::SeqCst);
    }

    fn pop(&self) -> Option<T> {
        if self.length.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut queue = self.work.lock();
        let work = queue.pop_front();
        self.length.store(queue.len(), Ordering::SeqCst);
        work
    }
}

impl<T: Send + 'static> Pool<T> {
    /// A pool of at most `limit` workers, of which each runs `main` until that returns.
    pub fn new(
        clock: Arc<Clock>,
        limit: usize,
        main: impl Fn(Task<T>, &WorkerSlot) + Send + Sync + 'static,
    ) -> Pool<T> {
        Pool {
            main: Box::new(main),
            slots: Arc::new(WorkerSlots::new(limit)),
            waiting: AtomicUsize::new(0),
            wanted: OnceLock::new(),
            spares: Spares::new(),
            backlog: Backlog { length: AtomicUsize::new(0), work: Mutex::default() },
            watchdog: Watchdog::new(clock),
            closed: OnceEvent::default(),
        }
    }

    /// Makes the first worker, which begins by waiting.
    pub fn start(self: &Arc<Self>) -> io::Result<()> {
        self.promise_waiting();
        self.make_worker(Task::Wait).map_err(|(_, error)| {
            drop(self.waiting());
            error
        })
    }

    /// Makes the calling thread the first worker, and returns when the pool is closed: a process ends with
    /// its first thread, which may leave before that like any other spare.
    pub fn run_first_worker(&self) {
        self.promise_waiting();
        if let Some(slot) = self.slots.take() {
            (self.main)(Task::Wait, &slot);
        }
        self.closed.wait();
    }

    /// What a worker that is done does next: works, waits when too few do, or becomes a spare.
    pub fn next_task(&self) -> Task<T> {
        if let Some(work) = self.backlog.pop() {
            return Task::Work(work);
        }
        let join = |waiting| (waiting < self.wanted(waiting)).then_some(waiting + 1);
        if self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, join).is_ok() {
            return Task::Wait;
        }
        self.spares.wait(SPARE_LIFETIME)
    }

    /// The calling worker waits, as `Task::Wait` has it, until the guard is dropped. It is counted already.
    pub fn waiting(&self) -> Waiting<'_> {
        Waiting(&self.waiting)
    }

    /// Has a spare do this, or a new worker, or else the next one that is free.
    pub fn dispatch(self: &Arc<Self>, work: T) {
        if let Err(Task::Work(work)) = self.hand(Task::Work(work)) {
            self.backlog.push(work);
        }
    }

    /// Begins a run of code of unknown duration on the calling worker: somebody waits meanwhile, or is going
    /// to when the code turns out not to be quick.
    pub fn begin_run<'a>(self: &'a Arc<Self>, slot: &'a WorkerSlot) -> TimedRun<'a> {
        let run = self.watchdog.begin_run(slot);
        if self.waiting.load(Ordering::SeqCst) == 0 {
            if run.is_watched() { self.wake_watchdog() } else { self.ensure_waiting() }
        }
        run
    }

    /// The calling worker is about to block on something that is not the author's: nobody may be stuck behind
    /// it, and its code is not late by that.
    pub fn will_block(self: &Arc<Self>, slot: &WorkerSlot) {
        slot.stopwatch().stop();
        self.ensure_waiting();
    }

    /// Makes sure that somebody waits.
    fn ensure_waiting(self: &Arc<Self>) {
        let promise = self.waiting.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst);
        if promise.is_ok() && self.hand(Task::Wait).is_err() {
            drop(self.waiting());
        }
    }

    /// Ends all spares and the watchdog; those that wait end with what they wait for.
    pub fn close(&self) {
        self.closed.set();
        self.spares.close();
        self.watchdog.unpark();
    }

    /// Waits until at most `count` workers are left, for `timeout` at the most. Whether it came true or took
    /// too long, there is nothing more to be done about it.
    pub fn wait_for_end(&self, count: usize, timeout: Duration) {
        self.slots.wait_for_vacancy(count, timeout);
    }

    /// A place for a worker of a test's own.
    #[cfg(test)]
    pub fn take_slot(&self) -> WorkerSlot {
        self.slots.take().expect("a free one")
    }

    fn promise_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
    }

    /// Asking the system for its cores takes some system calls, which a start does not need.
    fn wanted(&self, waiting: usize) -> usize {
        if waiting < MIN_WAITING {
            return MIN_WAITING;
        }
        *self.wanted.get_or_init(|| cores().max(MIN_WAITING))
    }

    /// Gives a task to a spare, or to a new worker.
    fn hand(self: &Arc<Self>, task: Task<T>) -> Result<(), Task<T>> {
        let Err(task) = self.spares.give(task) else { return Ok(()) };
        self.make_worker(task).map_err(|(task, error)| {
            // At the limit, those that are about to give up a peer are the next ones free.
            if error.kind() != io::ErrorKind::QuotaExceeded {
                log::error!("cannot make a thread: {error}");
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
        let spawned = spawn("fc-worker", move || {
            if let Some(task) = handed.lock().take() {
                (pool.main)(task, &slot);
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
        match spawn("fc-watch", watch) {
            Ok(thread) => self.watchdog.set_thread(thread),
            Err(error) => {
                log::error!("cannot make a thread: {error}");
                self.watchdog.could_not_wake();
                self.ensure_waiting();
            }
        }
    }

    /// Has others wait in the stead of workers whose code is late.
    fn replace_late(self: &Arc<Self>, look: &Look) {
        for _ in 0..look.late {
            if self.waiting.load(Ordering::SeqCst) + look.running >= self.wanted(MIN_WAITING) {
                break;
            }
            self.promise_waiting();
            if self.hand(Task::Wait).is_err() {
                drop(self.waiting());
            }
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
