//! One call's place at an instance, from the moment it is counted in: given back when dropped, also by a
//! panic. Which instance it is, is not decided here.

use std::sync::Arc;

use super::fleet::Fleet;
use super::slot::SlotId;
use crate::instance::Instance;

/// A call that is counted in at a slot, and has or waits for its instance.
pub struct Claim {
    fleet: Arc<Fleet>,
    slot: SlotId,
    condemned: Option<&'static str>,
}

/// A call's place at an instance that it may use.
pub struct Ticket {
    claim: Claim,
    pub instance: Arc<Instance>,
}

impl Claim {
    /// Takes charge of a call that was counted in at `slot`. Its drop takes the fleet's lock, which the
    /// caller must have let go of by then.
    pub fn new(fleet: &Arc<Fleet>, slot: SlotId) -> Claim {
        Claim { fleet: Arc::clone(fleet), slot, condemned: None }
    }

    /// The place at `instance`, which is the slot's.
    pub fn at(self, instance: Arc<Instance>) -> Ticket {
        Ticket { claim: self, instance }
    }

    /// The place at the slot's instance; `None` when that has gone meanwhile, or its stop has begun.
    pub fn ticket(self) -> Option<Ticket> {
        let instance = self.fleet.lock().instance_for_calls(self.slot);
        instance.map(|instance| self.at(instance))
    }
}

impl Ticket {
    /// Lets the instance go when its calls are over.
    pub fn condemn(&mut self, reason: &'static str) {
        self.claim.condemned = Some(reason);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.fleet.leave(self.slot, self.condemned);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::scaling::fleet::tests::{calls, enter, fleet, ready, state_of};
    use crate::scaling::slot::SlotState;

    #[test]
    fn a_call_is_counted_out_when_it_is_over_and_when_it_panics() {
        let fleet = fleet();
        let slot = ready(&fleet);
        let claim = enter(&fleet, slot);
        assert_eq!(calls(&fleet, slot), Some(1));
        drop(claim);
        assert_eq!(calls(&fleet, slot), Some(0));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _claim = enter(&fleet, slot);
            panic!("in a call");
        }));
        assert!(panicked.is_err());
        assert_eq!(calls(&fleet, slot), Some(0));
    }

    #[test]
    fn a_condemned_slot_goes_with_its_last_call() {
        let fleet = fleet();
        let slot = ready(&fleet);
        let (mut one, other) = (enter(&fleet, slot), enter(&fleet, slot));
        one.condemned = Some("test");
        drop(one);
        assert_eq!(calls(&fleet, slot), Some(1), "the other one may finish");
        drop(other);
        assert_eq!(state_of(&fleet, slot), Some(SlotState::Stopping));
    }

    #[test]
    fn a_call_that_waited_for_an_instance_is_not_sent_to_it_once_its_stop_has_begun() {
        let fleet = fleet();
        let slot = ready(&fleet);
        let claim = enter(&fleet, slot);
        assert!(fleet.lock().slots.get_up(slot).is_some());
        fleet.retire(&mut fleet.lock(), slot, "test");
        assert!(fleet.lock().slots.get(slot).is_some() && fleet.lock().slots.get_up(slot).is_none());
        assert!(claim.ticket().is_none());
        assert_eq!(calls(&fleet, slot), Some(0));
    }

    #[test]
    fn a_slot_without_an_instance_has_no_ticket_and_counts_the_call_out() {
        let fleet = fleet();
        let slot = ready(&fleet);
        assert!(enter(&fleet, slot).ticket().is_none());
        assert_eq!(calls(&fleet, slot), Some(0));
    }
}
