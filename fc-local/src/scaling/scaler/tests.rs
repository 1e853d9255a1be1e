use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::instance::{IgnoresPort, NotStarted};
use crate::scaling::fleet::tests::{calls, enter, fleet, ready, starting, state_of};
use crate::scaling::slot::SlotState;
use crate::scaling::ticket::Claim;

fn unhealthy() -> Unavailable {
    Unavailable::NotStarted(NotStarted::Unhealthy("test".to_owned()))
}

/// The end of the attempt at the slot that is starting.
fn end(fleet: &Arc<Fleet>, slot: SlotId, attempt: Arc<Attempt>, outcome: Outcome) {
    Underway::new(fleet, slot, attempt).conclude(|_, state| {
        if matches!(outcome, Outcome::Failed(_)) {
            state.slots.remove(slot);
        }
        outcome
    });
}

#[test]
fn a_call_without_room_is_refused_at_once() {
    let fleet = fleet();
    let claims = [ready(&fleet), ready(&fleet)].map(|slot| enter(&fleet, slot));
    let scaler = Scaler::new(Arc::clone(&fleet));
    let saturated = NoRoom::Saturated { instances: 2, concurrency: 1, max_instances: 2 };
    assert_eq!(scaler.acquire(&|| false).err(), Some(saturated.into()));
    drop(claims);
}

#[test]
fn the_failure_of_the_first_instance_is_that_of_all_who_wait_for_it() {
    let fleet = fleet();
    let scaler = Scaler::new(Arc::clone(&fleet));
    let (first, attempt) = starting(&fleet);
    thread::scope(|scope| {
        let waiting = [0; 3].map(|_| scope.spawn(|| scaler.await_first(fleet.lock(), first)));
        end(&fleet, first, attempt, Outcome::Failed(unhealthy()));
        for waiting in waiting {
            // One that came after the end has nothing to wait for.
            let outcome = waiting.join().expect("an end");
            assert!(outcome == Ok(()) || outcome == Err(unhealthy()), "{outcome:?}");
        }
    });
    assert_eq!(scaler.await_first(fleet.lock(), first), Ok(()), "it is gone: choose again");
}

#[test]
fn those_who_wait_for_the_first_instance_see_its_failure_with_its_end() {
    let fleet = fleet();
    let scaler = Scaler::new(Arc::clone(&fleet));
    let (first, attempt) = starting(&fleet);
    attempt.finish(Outcome::Failed(unhealthy()));
    fleet.lock().slots.stop_starting();
    assert_eq!(scaler.await_first(fleet.lock(), first), Err(unhealthy()));
}

#[test]
fn a_call_that_joins_an_attempt_shares_its_failure_and_is_counted_out() {
    let fleet = fleet();
    let scaler = Scaler::new(Arc::clone(&fleet));
    let (slot, attempt) = starting(&fleet);
    attempt.finish(Outcome::Failed(unhealthy()));
    assert_eq!(scaler.join(fleet.lock(), slot).err(), Some(unhealthy()));
    assert_eq!(calls(&fleet, slot), Some(1), "the one that starts it");
}

#[test]
fn an_initializer_that_failed_keeps_or_replaces_its_instance() {
    for (keep_instance, wanted) in [(true, SlotState::Uninitialized), (false, SlotState::Stopping)] {
        let fleet = fleet();
        let (slot, attempt) = starting(&fleet);
        fleet.lock().apply(slot, SlotEvent::Open);
        let failed = NotInitialized { message: "why".to_owned(), keep_instance };
        let outcome = settle(Underway::new(&fleet, slot, attempt), slot, Err(failed));
        assert_eq!(outcome, Outcome::Failed(Unavailable::NotInitialized("why".to_owned())));
        assert_eq!(state_of(&fleet, slot), Some(wanted));
    }
}

#[test]
fn an_initialization_that_a_stop_has_overtaken_serves_nobody() {
    let fleet = fleet();
    let (slot, attempt) = starting(&fleet);
    fleet.lock().apply(slot, SlotEvent::Open);
    fleet.retire(&mut fleet.lock(), slot, "test");
    assert_eq!(settle(Underway::new(&fleet, slot, attempt), slot, Ok(())), Outcome::Again);
    assert_eq!(state_of(&fleet, slot), Some(SlotState::Stopping));
}

fn ignores() -> IgnoresPort {
    IgnoresPort::FoundInUse { told: 9001 }
}

/// A fleet whose only instance is in use.
fn one_in_use() -> (Arc<Fleet>, Claim) {
    let fleet = fleet();
    let slot = ready(&fleet);
    fleet.lock().slots.learn(Ports::One(ignores()));
    let claim = enter(&fleet, slot);
    (fleet, claim)
}

#[test]
fn a_call_waits_for_the_only_instance_until_its_caller_has_gone() {
    let (fleet, _claim) = one_in_use();
    let scaler = Scaler::new(Arc::clone(&fleet));
    let is_gone = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| scaler.acquire(&|| is_gone.load(Ordering::SeqCst)).err());
        while fleet.lock().waiting.is_empty() {
            thread::yield_now();
        }
        is_gone.store(true, Ordering::SeqCst);
        fleet.wake_all();
        assert_eq!(waiting.join().expect("an end"), Some(Unavailable::CallerGone));
    });
    assert!(fleet.lock().waiting.is_empty(), "its turn is the next one's");
}

#[test]
fn a_call_that_comes_later_does_not_overtake_one_that_waits() {
    let (fleet, claim) = one_in_use();
    let turn = fleet.lock().waiting.join();
    drop(claim);
    let newcomer = Turn { fleet: &fleet, number: None, starts: 0 };
    let first = Turn { fleet: &fleet, number: turn, starts: 0 };
    assert_eq!(newcomer.choose(&fleet.lock()), Choice::Refuse(NoRoom::OneInstance(ignores())));
    assert_eq!(first.choose(&fleet.lock()), Choice::Use(SlotId(0)));
    drop(first);
    assert_eq!(newcomer.choose(&fleet.lock()), Choice::Use(SlotId(0)));
}

#[test]
fn no_more_calls_wait_than_may_and_a_stop_refuses_those_that_do() {
    let (fleet, _claim) = one_in_use();
    let scaler = Scaler::new(Arc::clone(&fleet));
    while fleet.lock().waiting.join().is_some() {}
    let crowded = NoRoom::Crowded(ignores());
    assert_eq!(scaler.acquire(&|| false).err(), Some(crowded.into()));
    fleet.stop_starting();
    assert_eq!(scaler.acquire(&|| false).err(), Some(NoRoom::Stopping.into()));
}

#[test]
fn a_new_instance_gets_the_configured_port_unless_it_is_held() {
    let scaler = Scaler::new(fleet());
    let place = |configured, is_ours| scaler.place(&scaler.fleet.lock(), configured, is_ours).0;
    // Nobody else is given this one.
    let free = crate::tests::reserved_port();
    assert_eq!(place(free, false), Where::Told(free));
    assert_ne!(place(free, true), Where::Told(free));
    let another_functions = Lease::of(free).expect("a free port");
    assert_ne!(place(free, false), Where::Told(free));
    scaler.fleet.lock().slots.learn(Ports::OneEach(ignores()));
    assert!(matches!(place(free, false), Where::OwnNetwork(port) if port != free));
    drop(another_functions);
    assert_eq!(place(free, false), Where::Told(free), "a network only where it is needed");
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let taken_port = taken.local_addr().expect("bound").port();
    assert!(matches!(place(taken_port, false), Where::OwnNetwork(_)));
}

#[test]
fn a_call_makes_so_many_starts_and_no_more() {
    let fleet = fleet();
    let mut turn = Turn { fleet: &fleet, number: None, starts: 0 };
    for _ in 1..MOST_STARTS {
        let elsewhere = Outcome::Elsewhere(unhealthy());
        assert_eq!(turn.count_start(elsewhere.clone()), elsewhere);
    }
    assert_eq!(turn.count_start(Outcome::Elsewhere(unhealthy())), Outcome::Failed(unhealthy()));
}
