use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::scaling::slot::SlotState;
use crate::scaling::slots::{Choice, Limits};
use crate::scaling::ticket::Claim;
use crate::scaling::unavailable::NoRoom;
use crate::scaling::upkeep::Freeze;

/// A fleet of at most two instances with one call each, in which nothing starts a process.
pub fn fleet() -> Arc<Fleet> {
    let second = Duration::from_secs(1);
    let freeze = Some(Freeze { after: second, with_hooks: false });
    let upkeep = Upkeep { idle_timeout: 300 * second, freeze };
    let slots = Slots::new(Limits { max_instances: 2, concurrency: 1, port: 9000 });
    Arc::new(Fleet::new(Arc::new(Surroundings::for_tests()), upkeep, Function::example(), slots))
}

/// A slot whose process has not opened its port, with the call that starts it.
pub fn starting(fleet: &Fleet) -> (SlotId, Arc<Attempt>) {
    let attempt = Arc::new(Attempt::default());
    let occupant = Occupant { instance: None, attempt: Some(Arc::clone(&attempt)), _lease: None };
    (fleet.lock().slots.add(9000, Instant::now(), occupant), attempt)
}

/// A slot that is ready and that nobody uses, without an instance in it.
pub fn ready(fleet: &Fleet) -> SlotId {
    let mut state = fleet.lock();
    let id = state.slots.add(9000, Instant::now(), Occupant::default());
    assert!(state.apply(id, SlotEvent::Open) && state.apply(id, SlotEvent::Succeed));
    state.slots.leave(id, None, Instant::now());
    id
}

/// A call that is counted in.
pub fn enter(fleet: &Arc<Fleet>, id: SlotId) -> Claim {
    fleet.enter(&mut fleet.lock(), id);
    Claim::new(fleet, id)
}

pub fn calls(fleet: &Fleet, id: SlotId) -> Option<usize> {
    fleet.lock().slots.get(id).map(|slot| slot.calls())
}

pub fn state_of(fleet: &Fleet, id: SlotId) -> Option<SlotState> {
    fleet.lock().slots.get(id).map(|slot| slot.state())
}

#[test]
fn a_slot_goes_with_its_stop_also_when_that_panics() {
    let fleet = fleet();
    let slot = ready(&fleet);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _removal = Removal { fleet: &fleet, slot };
        panic!("in a stop");
    }));
    assert!(panicked.is_err());
    assert_eq!(state_of(&fleet, slot), None);
}

#[test]
fn an_attempt_begins_only_where_the_table_allows_it() {
    let fleet = fleet();
    let slot = ready(&fleet);
    let mut state = fleet.lock();
    assert!(state.begin(slot, SlotEvent::Initialize).is_none() && state.attempt(slot).is_none());
    let attempt = state.begin(slot, SlotEvent::Park).expect("a ready slot");
    assert!(state.attempt(slot).is_some());
    state.end(slot, &attempt, Outcome::Again);
    assert!(state.attempt(slot).is_none() && attempt.outcome() == Some(Outcome::Again));
}

#[test]
fn a_new_configuration_retires_what_is_idle_and_condemns_the_rest() {
    let fleet = fleet();
    let (idle, in_use) = (ready(&fleet), ready(&fleet));
    let claim = enter(&fleet, in_use);
    fleet.reload(Function { name: "renewed".to_owned(), ..Function::example() });
    assert_eq!(fleet.function().name, "renewed");
    assert_eq!(state_of(&fleet, idle), Some(SlotState::Stopping));
    assert_eq!(state_of(&fleet, in_use), Some(SlotState::Ready), "its call may finish");
    drop(claim);
    assert_eq!(state_of(&fleet, in_use), Some(SlotState::Stopping));
}

#[test]
fn a_fleet_that_stops_starting_starts_nothing() {
    let fleet = fleet();
    assert_eq!(fleet.lock().slots.choose(), Choice::Start);
    fleet.stop_starting();
    assert!(fleet.surroundings.is_stopping());
    assert_eq!(fleet.lock().slots.choose(), Choice::Refuse(NoRoom::Stopping));
}

#[test]
fn a_closed_fleet_is_empty_and_stays_so() {
    let fleet = fleet();
    starting(&fleet);
    fleet.close();
    assert!(fleet.lock().slots.is_empty() && fleet.lock().slots.is_closing());
    assert_eq!(fleet.lock().slots.choose(), Choice::Refuse(NoRoom::Stopping));
    fleet.close();
}

#[test]
fn a_wait_ends_when_a_slot_has_moved_on() {
    let fleet = fleet();
    let (slot, _) = starting(&fleet);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let state = fleet.lock();
            drop(fleet.wait_while(state, |state| state.slots.get(slot).is_some()));
        });
        fleet.retire(&mut fleet.lock(), slot, "test");
        waiting.join().expect("an end");
    });
}
