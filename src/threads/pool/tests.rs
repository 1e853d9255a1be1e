use super::*;
use crossbeam_channel::{Receiver as Events, Sender, unbounded};
use std::thread::ThreadId;

const WATCHDOG: Duration = Duration::from_secs(30);

/// A pool whose workers report what they do; one that waits does so until it is given an event.
struct Scene {
    pool: Arc<Pool<u32>>,
    waits: Events<ThreadId>,
    works: Events<(u32, ThreadId)>,
    events: Sender<()>,
}

fn scene() -> Scene {
    let pool: Arc<Pool<u32>> = Arc::new(Pool::new(Arc::new(Clock::new()), 100));
    let _ = pool.wanted.set(2); // whatever machine this is
    let ((wait, waits), (work, works), (events, event)) = (unbounded(), unbounded(), unbounded());
    let weak = Arc::downgrade(&pool);
    pool.set_body(move |first, _| {
        let mut duty = first;
        while let Some(pool) = weak.upgrade() {
            match duty {
                Duty::Wait => {
                    wait.send(thread::current().id()).unwrap();
                    let is_over = event.recv().is_err();
                    pool.left_waiting();
                    if is_over {
                        return;
                    }
                }
                Duty::Work(number) => work.send((number, thread::current().id())).unwrap(),
                Duty::Leave => return,
            }
            duty = pool.next_duty();
        }
    });
    Scene { pool, waits, works, events }
}

impl Scene {
    fn work(&self, number: u32) -> ThreadId {
        assert!(self.pool.summon(Duty::Work(number)).is_ok());
        let (done, worker) = self.works.recv_timeout(WATCHDOG).unwrap();
        assert_eq!(done, number);
        worker
    }

    fn next_to_wait(&self) -> ThreadId {
        self.waits.recv_timeout(WATCHDOG).unwrap()
    }

    fn until_spares(&self, count: usize) {
        let began = std::time::Instant::now();
        while self.pool.spares.count() != count {
            assert!(began.elapsed() < WATCHDOG, "never {count} spares");
            thread::yield_now();
        }
    }
}

#[test]
fn cover_has_one_worker_wait_and_no_more() {
    let scene = scene();
    scene.pool.cover();
    scene.pool.cover();
    scene.next_to_wait();
    assert_eq!(scene.pool.waiting.load(Ordering::SeqCst), 1);
    assert_eq!(scene.pool.lock_stamps().len(), 1);
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
    assert_eq!(scene.pool.waiting.load(Ordering::SeqCst), 2);
}

#[test]
fn close_ends_the_spares() {
    let scene = scene();
    for number in 1..=3 {
        scene.work(number);
    }
    scene.until_spares(1);
    scene.pool.close();
    scene.pool.wait_for_threads(2, WATCHDOG);
    assert_eq!(scene.pool.lock_stamps().len(), 2);
}

/// A worker of the test's own, in code that counts as quick.
fn quick_seat(pool: &Arc<Pool<u32>>) -> Seat {
    let seat = Seat { stamp: Arc::new(AtomicU64::new(0)) };
    pool.lock_stamps().push(seat.stamp.clone());
    pool.quick_calls.store(QUICK_CALLS, Ordering::SeqCst);
    seat
}

#[test]
fn quick_code_that_is_late_is_replaced_by_somebody_who_waits() {
    let scene = scene();
    let seat = quick_seat(&scene.pool);
    let stretch = scene.pool.begin(&seat);
    scene.next_to_wait();
    scene.pool.end(&seat, stretch);
    assert_eq!(scene.pool.quick_calls.load(Ordering::SeqCst), 0, "and does not count as quick any more");
    scene.pool.close();
}

#[test]
fn code_of_unknown_duration_is_covered_before_it_runs() {
    let scene = scene();
    let seat = Seat { stamp: Arc::new(AtomicU64::new(0)) };
    let stretch = scene.pool.begin(&seat);
    assert_eq!(scene.pool.waiting.load(Ordering::SeqCst), 1);
    scene.next_to_wait();
    scene.pool.end(&seat, stretch);
}
