use super::*;
use crate::sync::{AtomicBool, Ordering, Receiver, STACK_SIZE, Sender, bounded};
use crate::threads::watchdog::QUICK_CALLS;
use std::thread::{self, ThreadId};
use std::time::Instant;

const WATCHDOG: Duration = Duration::from_secs(30);

/// A pool whose workers report when they wait and what they do; one that waits goes on with every event.
struct Scene {
    pool: Arc<Pool<u32>>,
    waits: Receiver<ThreadId>,
    works: Receiver<(u32, ThreadId)>,
    events: Sender<()>,
}

fn scene() -> Scene {
    scene_with_limit(100)
}

fn scene_with_limit(limit: usize) -> Scene {
    let ((wait, waits), (work, works), (events, event)) = (bounded(100), bounded(100), bounded(100));
    let pool = Arc::new_cyclic(|pool: &crate::sync::Weak<Pool<u32>>| {
        let weak = pool.clone();
        Pool::new(Arc::new(Clock::new()), limit, STACK_SIZE, move |first, _: &WorkerSlot| {
            let mut task = first;
            while let Some(pool) = weak.upgrade() {
                match task {
                    Task::Wait(_waiting) => {
                        wait.send(thread::current().id()).unwrap();
                        if event.recv().is_err() {
                            return;
                        }
                    }
                    Task::Work(number) => work.send((number, thread::current().id())).unwrap(),
                    Task::Leave => return,
                }
                task = pool.next_task();
            }
        })
    });
    pool.wanted.store(2, Ordering::Relaxed); // whatever machine this is
    Scene { pool, waits, works, events }
}

impl Scene {
    fn work(&self, number: u32) -> ThreadId {
        self.pool.dispatch(number).unwrap();
        let (done, worker) = self.works.recv_timeout(WATCHDOG).unwrap();
        assert_eq!(done, number);
        worker
    }

    fn next_to_wait(&self) -> ThreadId {
        self.waits.recv_timeout(WATCHDOG).unwrap()
    }

    fn waiting(&self) -> usize {
        self.pool.waiting.get()
    }

    fn until_spares(&self, count: usize) {
        let began = Instant::now();
        while self.pool.spares.idle() != count {
            assert!(began.elapsed() < WATCHDOG, "never {count} spares");
            thread::yield_now();
        }
    }
}

#[test]
fn one_worker_waits_however_often_that_is_ensured() {
    let scene = scene();
    scene.pool.ensure_waiting();
    scene.pool.ensure_waiting();
    scene.next_to_wait();
    assert_eq!((scene.waiting(), scene.pool.slots.taken()), (1, 1));
}

#[test]
fn a_worker_that_comes_back_waits_when_too_few_do_and_is_a_spare_when_enough_do() {
    let scene = scene();
    for number in 1..=2 {
        let worker = scene.work(number);
        assert_eq!(scene.next_to_wait(), worker);
    }
    let third = scene.work(3);
    scene.until_spares(1);
    assert_eq!(scene.work(4), third, "a spare is woken before a thread is made");
    scene.until_spares(1);
    // One that waited has something to do: the spare is not needed for it, and it waits again.
    scene.events.send(()).unwrap();
    scene.next_to_wait();
    assert_eq!(scene.waiting(), 2);
}

#[test]
fn close_ends_the_spares_and_whoever_runs_the_first_worker() {
    let scene = scene();
    for number in 1..=3 {
        scene.work(number);
    }
    scene.until_spares(1);
    scene.pool.close();
    scene.pool.wait_for_end(2, WATCHDOG);
    assert_eq!(scene.pool.slots.taken(), 2);
    scene.pool.closed.wait();
}

#[test]
fn work_over_the_limit_of_workers_comes_back() {
    let scene = scene_with_limit(1);
    scene.work(1);
    scene.next_to_wait();
    assert_eq!(scene.pool.dispatch(2), Err(2));
}

#[test]
fn where_nobody_can_be_made_to_wait_nobody_counts_as_waiting() {
    let scene = scene_with_limit(0);
    scene.pool.ensure_waiting();
    scene.pool.replace_late(&Look { quick: 0, late: 1 });
    assert!(scene.pool.start().is_err());
    assert_eq!(scene.waiting(), 0);
}

#[test]
fn quick_code_that_is_late_is_replaced_by_somebody_who_waits() {
    let scene = scene();
    let slot = scene.pool.slots.take().unwrap();
    while scene.pool.watchdog.quick_calls() < QUICK_CALLS {
        drop(scene.pool.watchdog.begin_run(&slot));
    }
    let run = scene.pool.begin_run(&slot);
    scene.next_to_wait();
    drop(run);
    assert_eq!(scene.pool.watchdog.quick_calls(), 0, "and does not count as quick any more");
    scene.pool.close();
}

#[test]
fn code_of_unknown_duration_has_somebody_wait_before_it_runs() {
    let scene = scene();
    let slot = scene.pool.slots.take().unwrap();
    let _run = scene.pool.begin_run(&slot);
    assert_eq!(scene.waiting(), 1);
    scene.next_to_wait();
}

#[test]
fn code_that_blocks_on_a_peer_has_somebody_wait_and_is_not_late() {
    let scene = scene();
    let slot = scene.pool.slots.take().unwrap();
    let _run = scene.pool.watchdog.begin_run(&slot);
    scene.pool.will_block(&slot);
    scene.next_to_wait();
    assert_eq!(slot.stopwatch().started(), None);
}

/// Whether it panics before, while or after it waits.
#[test]
fn a_worker_that_panics_is_replaced_by_one_that_waits() {
    for panics_at in 0..3 {
        let (wait, waits) = bounded(1);
        let is_first = AtomicBool::new(true);
        let pool =
            Arc::new(Pool::<u32>::new(Arc::new(Clock::new()), 2, STACK_SIZE, move |task, _: &WorkerSlot| {
                let panics = is_first.swap(false, Ordering::SeqCst);
                assert!(!panics || panics_at > 0, "before it waits");
                let Task::Wait(waiting) = task else { panic!("{task:?}") };
                assert!(!panics || panics_at > 1, "while it waits");
                drop(waiting);
                assert!(!panics, "after it");
                wait.send(()).unwrap();
            }));
        pool.start().unwrap();
        waits.recv_timeout(WATCHDOG).expect("a second one");
        pool.wait_for_end(0, WATCHDOG);
        assert_eq!((pool.slots.taken(), pool.waiting.get()), (0, 0));
    }
}
