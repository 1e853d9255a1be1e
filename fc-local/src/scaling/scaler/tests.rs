use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::instance::IgnoresPort;
use crate::scaling::fleet::tests::{calls, enter, fleet, ready, starting, state_of};
use crate::scaling::slot::SlotState;

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
    assert_eq!(scaler.acquire(WhenFull::Refuse).err(), Some(saturated.into()));
    drop(claims);
}

#[test]
fn a_call_that_waits_for_room_gives_up_when_it_is_told_to() {
    let fleet = fleet();
    let _claims = [ready(&fleet), ready(&fleet)].map(|slot| enter(&fleet, slot));
    let scaler = Scaler::new(Arc::clone(&fleet));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| scaler.acquire(WhenFull::WaitUnless(&|| is_over.load(Ordering::SeqCst))).err());
        is_over.store(true, Ordering::SeqCst);
        fleet.wake_all();
        let refused = waiting.join().expect("an end");
        assert!(matches!(refused, Some(Unavailable::NoRoom(_))), "{refused:?}");
    });
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

#[test]
fn a_function_that_ignores_its_port_is_judged_by_who_holds_it() {
    let ignores = || IgnoresPort::ExitedInUse { told: 9001 };
    let fail = |fleet: &Fleet, slot| {
        let mut state = fleet.lock();
        not_started(&mut state, slot, StartError::IgnoresPort(ignores()))
    };
    let add = |fleet: &Fleet| fleet.lock().slots.add(9001, Instant::now(), Occupant::default());

    let alone = fleet();
    let slot = add(&alone);
    let taken = NotStarted::PortTaken { port: 9000, ignores: ignores() };
    assert_eq!(fail(&alone, slot), Unavailable::NotStarted(taken), "another program");

    let beside_one = fleet();
    ready(&beside_one);
    let slot = add(&beside_one);
    assert_eq!(fail(&beside_one, slot), NoRoom::OneInstance(ignores()).into());
    beside_one.lock().slots.remove(slot);
    let _claim = enter(&beside_one, SlotId(0));
    let choice = beside_one.lock().slots.choose();
    assert_eq!(choice, Choice::Refuse(NoRoom::OneInstance(ignores())), "and further ones are not tried");

    let replaced = fleet();
    let old = ready(&replaced);
    let _claim = enter(&replaced, old);
    replaced.reload(Function::example());
    let slot = add(&replaced);
    assert_eq!(fail(&replaced, slot), NoRoom::PortHeld { port: 9000, ignores: ignores() }.into());
}

#[test]
fn a_new_instance_gets_the_configured_port_unless_it_is_held() {
    let fleet = fleet();
    let scaler = Scaler::new(Arc::clone(&fleet));
    let free = port::free_port(&[]).expect("a free port");
    assert_eq!(scaler.port(&fleet.lock(), free).0, free);
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let taken_port = taken.local_addr().expect("bound").port();
    assert_ne!(scaler.port(&fleet.lock(), taken_port).0, taken_port);
    ready(&fleet);
    assert_ne!(scaler.port(&fleet.lock(), 9000).0, 9000);
}

#[test]
fn functions_that_start_at_once_are_told_different_ports() {
    let (one, other) = (fleet(), fleet());
    let ports = Arc::clone(&one.surroundings.ports);
    let scaler = Scaler::new(Arc::clone(&one));
    let free = port::free_port(&[]).expect("a free port");
    // Another function's instance is about to open it.
    let claim = Ports::claim(&ports, free).expect("nobody's");
    let (told, _held) = scaler.port(&one.lock(), free);
    assert_ne!(told, free);
    assert_ne!(scaler.port(&one.lock(), free).0, told, "which is another instance's by now");
    assert_eq!(Scaler::new(other).port(&fleet().lock(), free).0, free, "another run knows nothing of it");
    drop(claim);
    assert_eq!(scaler.port(&one.lock(), free).0, free);
}
