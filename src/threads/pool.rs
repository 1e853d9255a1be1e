//! Workers: who waits for connections, who is spare, and when one is made. Nothing of HTTP is known here.
//!
//! As many workers wait as there are cores. Before one of them runs code that may block, it makes
//! sure that another one waits; a worker that comes back when enough of them wait becomes a spare,
//! and leaves when it is not needed for long. Code that has been quick for a while may skip that:
//! then the watch notices within about a millisecond when it is not quick this time.

mod spares;

use crate::clock::{Clock, Moment};
use spares::Spares;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

/// A thread switch and its cache misses cost about 5 µs: below a few of those, waking a spare for a call costs more than the call.
const QUICK: Duration = Duration::from_micros(20);

/// So many calls in a row have to be quick before the next one counts as quick.
const QUICK_CALLS: u32 = 16;

/// How often the watch looks, and from when on a call is late.
const WATCH_TICK: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_micros(100);

/// The watch goes to sleep after so many looks at nothing.
const WATCH_IDLE_TICKS: u32 = 50;

/// A spare costs a stack; making a new one costs 30 µs.
const SPARE_LIFETIME: Duration = Duration::from_secs(10);

/// Even on one core: one runs the function, one answers the platform.
const MIN_WAITING: usize = 2;

/// What a worker that was woken or made is to do first.
pub(crate) enum Duty<J> {
    /// Wait for connections; it is counted as waiting already.
    Wait,
    /// Do this.
    Work(J),
    /// End.
    Leave,
}

/// When a worker began code that counts as quick, as nanoseconds of the clock; 0 when it runs none.
type Stamp = Arc<AtomicU64>;

type Body<J> = Box<dyn Fn(Duty<J>, &Seat) + Send + Sync>;

pub(crate) struct Pool<J> {
    clock: Arc<Clock>,
    limit: usize,
    waiting: AtomicUsize,
    spares: Spares<J>,
    ended: Condvar,
    /// Calls that were quick, since the last one that was not.
    quick_calls: AtomicU32,
    stamps: Mutex<Vec<Stamp>>,
    watch: OnceLock<Thread>,
    watch_sleeps: AtomicBool,
    wanted: OnceLock<usize>,
    closed: AtomicBool,
    /// What every worker runs.
    body: OnceLock<Body<J>>,
}

/// A worker's place in the pool.
pub(crate) struct Seat {
    stamp: Stamp,
}

/// A stretch of the author's code on a worker.
pub(crate) struct Stretch {
    began: Moment,
    watched: bool,
}

impl<J: Send + 'static> Pool<J> {
    /// A pool of at most so many workers.
    pub fn new(clock: Arc<Clock>, limit: usize) -> Pool<J> {
        Pool {
            clock,
            limit,
            waiting: AtomicUsize::new(0),
            spares: Spares::new(),
            ended: Condvar::new(),
            quick_calls: AtomicU32::new(0),
            stamps: Mutex::new(Vec::new()),
            watch: OnceLock::new(),
            watch_sleeps: AtomicBool::new(true),
            wanted: OnceLock::new(),
            closed: AtomicBool::new(false),
            body: OnceLock::new(),
        }
    }

    /// What every worker is to run, until it returns.
    pub fn set_body(&self, body: impl Fn(Duty<J>, &Seat) + Send + Sync + 'static) {
        let _ = self.body.set(Box::new(body)); // set once, before the first worker
    }

    /// Makes the calling thread a worker that begins by waiting, and returns when the pool is
    /// closed: a process ends with its first thread, which may leave before that like any other spare.
    pub fn work_here(&self) {
        self.promise_waiting();
        if let Some(seat) = self.take_seat() {
            self.run(Duty::Wait, &seat);
        }
        let is_open = |_: &mut Vec<Stamp>| !self.closed.load(Ordering::SeqCst);
        drop(self.ended.wait_while(self.lock_stamps(), is_open));
    }

    /// Somebody is going to wait: counted before it does.
    pub fn promise_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
    }

    /// A place for one more worker, unless there are as many as there may be; it counts before the worker's thread runs.
    fn take_seat(&self) -> Option<Seat> {
        let mut stamps = self.lock_stamps();
        if stamps.len() >= self.limit {
            return None;
        }
        let stamp = Stamp::default();
        stamps.push(stamp.clone());
        Some(Seat { stamp })
    }

    fn leave_seat(&self, stamp: &Stamp) {
        self.lock_stamps().retain(|other| !Arc::ptr_eq(other, stamp));
        self.ended.notify_all();
    }

    fn run(&self, first: Duty<J>, seat: &Seat) {
        if let Some(body) = self.body.get() {
            body(first, seat);
        }
        self.leave_seat(&seat.stamp);
    }

    /// What a worker does next that has finished: waits, when too few do, or becomes a spare.
    pub fn next_duty(&self) -> Duty<J> {
        let join = |waiting| (waiting < self.wanted(waiting)).then_some(waiting + 1);
        if self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, join).is_ok() {
            return Duty::Wait;
        }
        self.spares.wait(SPARE_LIFETIME)
    }

    /// The worker that calls this has been woken: it waits no more.
    pub fn left_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until at most `count` workers are left, for `timeout` at the most.
    pub fn wait_for_threads(&self, count: usize, timeout: Duration) {
        let stamps = self.lock_stamps();
        // Whether it came true or took too long, there is nothing more to be done about it.
        let _ = self.ended.wait_timeout_while(stamps, timeout, |stamps| stamps.len() > count);
    }

    /// How many are to wait. Asking the system for its cores takes some system calls, which a
    /// start does not need.
    fn wanted(&self, waiting: usize) -> usize {
        if waiting < MIN_WAITING {
            return MIN_WAITING;
        }
        *self.wanted.get_or_init(|| cores().max(MIN_WAITING))
    }

    /// Ends all spares and the watch; those that wait end with the readiness set.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.lock_stamps()); // whoever looked before it was closed waits by now
        self.ended.notify_all();
        self.spares.close();
        if let Some(watch) = self.watch.get() {
            watch.unpark();
        }
    }

    fn lock_stamps(&self) -> MutexGuard<'_, Vec<Stamp>> {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Send + 'static> Pool<J> {
    /// Begins a stretch of code of unknown duration on the calling worker.
    pub fn begin(self: &Arc<Self>, seat: &Seat) -> Stretch {
        let began = self.clock.elapsed();
        let watched = self.quick_calls.load(Ordering::Relaxed) >= QUICK_CALLS;
        if watched {
            // The watch takes the stamp for what it compares with: never 0.
            seat.stamp.store(began.0.max(1), Ordering::SeqCst);
        }
        if self.waiting.load(Ordering::SeqCst) == 0 {
            if watched { self.wake_watch() } else { self.cover() }
        }
        Stretch { began, watched }
    }

    /// The stretch is about to block on something that is not the author's: nobody may be stuck behind it.
    pub fn will_block(self: &Arc<Self>, seat: &Seat) {
        seat.stamp.store(0, Ordering::SeqCst);
        self.cover();
    }

    /// Ends a stretch, and learns from how long it took.
    pub fn end(&self, seat: &Seat, stretch: Stretch) {
        if stretch.watched {
            seat.stamp.store(0, Ordering::SeqCst);
        }
        if self.clock.elapsed().since(stretch.began) > QUICK {
            self.quick_calls.store(0, Ordering::Relaxed);
        } else if !stretch.watched {
            self.quick_calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes sure that somebody waits.
    pub fn cover(self: &Arc<Self>) {
        let promise = self.waiting.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst);
        if promise.is_ok() && self.summon(Duty::Wait).is_err() {
            self.left_waiting();
        }
    }

    /// Has a spare do this, or a new worker.
    pub fn summon(self: &Arc<Self>, duty: Duty<J>) -> Result<(), Duty<J>> {
        let Err(duty) = self.spares.give(duty) else { return Ok(()) };
        // Those that are about to give up a peer are the next ones free.
        let Some(seat) = self.take_seat() else { return Err(duty) };
        // The duty comes back when the system has no thread to give.
        let (hand, handed) = (Arc::new(Mutex::new(Some(duty))), self.clone());
        let (taken, stamp) = (hand.clone(), seat.stamp.clone());
        let spawned = thread::Builder::new().name("fc-worker".into()).spawn(move || {
            let duty = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
            handed.run(duty.unwrap_or(Duty::Leave), &seat);
        });
        let Err(error) = spawned else { return Ok(()) };
        self.leave_seat(&stamp);
        log::error!("cannot make a thread: {error}");
        let duty = hand.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(duty.unwrap_or(Duty::Leave))
    }

    fn wake_watch(self: &Arc<Self>) {
        if !self.watch_sleeps.swap(false, Ordering::SeqCst) {
            return;
        }
        if let Some(watch) = self.watch.get() {
            return watch.unpark();
        }
        let pool = self.clone();
        match thread::Builder::new().name("fc-watch".into()).spawn(move || pool.watch()) {
            Ok(handle) => {
                let _ = self.watch.set(handle.thread().clone()); // only one is ever made
            }
            Err(error) => {
                log::error!("cannot make a thread: {error}");
                self.watch_sleeps.store(true, Ordering::SeqCst);
                self.cover();
            }
        }
    }

    /// While quick code runs: finds what is late, and has others wait in its stead.
    fn watch(self: Arc<Self>) {
        let mut idle_ticks = 0;
        while !self.closed.load(Ordering::SeqCst) {
            thread::park_timeout(WATCH_TICK);
            let (running, late) = self.look();
            for _ in 0..late {
                let waiting = self.waiting.load(Ordering::SeqCst);
                if waiting + running >= self.wanted(MIN_WAITING) {
                    break;
                }
                self.promise_waiting();
                if self.summon(Duty::Wait).is_err() {
                    self.left_waiting();
                }
            }
            idle_ticks = if running + late == 0 { idle_ticks + 1 } else { 0 };
            if idle_ticks >= WATCH_IDLE_TICKS {
                idle_ticks = 0;
                self.watch_sleeps.store(true, Ordering::SeqCst);
                // Whoever began before that has not woken the watch.
                if self.lock_stamps().iter().any(|stamp| stamp.load(Ordering::SeqCst) != 0) {
                    self.watch_sleeps.store(false, Ordering::SeqCst);
                }
                while self.watch_sleeps.load(Ordering::SeqCst) && !self.closed.load(Ordering::SeqCst) {
                    thread::park();
                }
            }
        }
    }

    /// How many workers run quick code, and how many of those turn out to be late just now.
    fn look(&self) -> (usize, usize) {
        let now = self.clock.elapsed();
        let (mut running, mut late) = (0, 0);
        for stamp in self.lock_stamps().iter() {
            let began = stamp.load(Ordering::SeqCst);
            if began == 0 {
                continue;
            }
            if now.since(Moment(began)) < LATE {
                running += 1;
            } else if stamp.compare_exchange(began, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                late += 1;
            }
        }
        (running, late)
    }
}

/// The cores this process may run on. What std asks on Linux also reads the files of the control
/// groups, for a quota that says nothing of how many run at once.
#[cfg(target_os = "linux")]
fn cores() -> usize {
    rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize)
}

#[cfg(not(target_os = "linux"))]
fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
