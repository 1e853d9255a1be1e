//! An attempt at a slot by the thread that holds this: it ends with an outcome, also when the thread panics.
//! What the attempt is, is not known here.

use std::sync::Arc;

use super::attempt::{Attempt, Outcome};
use super::fleet::{Fleet, State};
use super::slot::SlotId;
use super::slots::CHANGED;

pub struct Underway {
    fleet: Arc<Fleet>,
    slot: SlotId,
    attempt: Arc<Attempt>,
}

impl Underway {
    /// The attempt that was begun at `slot`.
    pub fn new(fleet: &Arc<Fleet>, slot: SlotId, attempt: Arc<Attempt>) -> Underway {
        Underway { fleet: Arc::clone(fleet), slot, attempt }
    }

    /// Ends the attempt with the outcome that `decide` makes of the fleet.
    pub fn conclude(self, decide: impl FnOnce(&Arc<Fleet>, &mut State) -> Outcome) -> Outcome {
        let mut state = self.fleet.lock();
        let outcome = decide(&self.fleet, &mut state);
        state.end(self.slot, &self.attempt, outcome.clone());
        // A configuration that came meanwhile left it alone.
        if state.slots.outdated().contains(&self.slot) {
            self.fleet.retire(&mut state, self.slot, CHANGED);
        }
        drop(state);
        self.fleet.tell_all();
        outcome
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if self.attempt.outcome().is_none() {
            // Nobody knows what state the instance is in.
            let mut state = self.fleet.lock();
            self.fleet.retire(&mut state, self.slot, "an error in fc-local");
            state.end(self.slot, &self.attempt, Outcome::Again);
            drop(state);
            self.fleet.tell_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::function::Function;
    use crate::scaling::fleet::tests::{fleet, ready, state_of};
    use crate::scaling::slot::{SlotEvent, SlotState};

    /// An attempt at a ready slot: a PreStop before a freeze.
    fn parking(fleet: &Arc<Fleet>) -> (SlotId, Arc<Attempt>) {
        let slot = ready(fleet);
        let attempt = fleet.lock().begin(slot, SlotEvent::Park).expect("a ready slot");
        (slot, attempt)
    }

    #[test]
    fn the_slot_and_the_outcome_change_together() {
        let fleet = fleet();
        let (slot, attempt) = parking(&fleet);
        let underway = Underway::new(&fleet, slot, Arc::clone(&attempt));
        let outcome = underway.conclude(|_, state| {
            assert!(state.apply(slot, SlotEvent::Succeed));
            Outcome::Ready
        });
        assert_eq!((outcome, attempt.outcome()), (Outcome::Ready, Some(Outcome::Ready)));
        let state = fleet.lock();
        let slot = state.slots.get(slot).expect("it stays");
        assert!(slot.state() == SlotState::Ready && slot.occupant.attempt.is_none());
    }

    #[test]
    fn an_instance_that_was_busy_while_the_configuration_changed_goes_when_it_no_longer_is() {
        let fleet = fleet();
        let (slot, attempt) = parking(&fleet);
        let underway = Underway::new(&fleet, slot, attempt);
        fleet.reload(Function::example());
        assert_eq!(state_of(&fleet, slot), Some(SlotState::Parking), "its hook may finish");
        underway.conclude(|_, state| {
            assert!(state.apply(slot, SlotEvent::NeedInitializer));
            Outcome::Again
        });
        assert_eq!(state_of(&fleet, slot), Some(SlotState::Stopping));
    }

    #[test]
    fn a_panic_ends_the_attempt_and_its_slot_serves_nobody() {
        let fleet = fleet();
        let (slot, attempt) = parking(&fleet);
        let underway = Underway::new(&fleet, slot, Arc::clone(&attempt));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _underway = underway;
            panic!("in a hook");
        }));
        assert!(panicked.is_err());
        assert_eq!(attempt.wait(), Outcome::Again);
        assert_eq!(state_of(&fleet, slot), Some(SlotState::Stopping));
    }

    #[test]
    fn a_panic_in_the_decision_ends_the_attempt_too() {
        let fleet = fleet();
        let (slot, attempt) = parking(&fleet);
        let underway = Underway::new(&fleet, slot, Arc::clone(&attempt));
        let panicked = catch_unwind(AssertUnwindSafe(|| underway.conclude(|_, _| panic!("under the lock"))));
        assert!(panicked.is_err());
        assert_eq!(attempt.wait(), Outcome::Again);
    }
}
