//! Who does what the clock asks for? One thread, asleep until the next thing is due: freezes and stops of
//! idle instances, the look at their memory, and the log of calls. What is due when is decided in
//! `upkeep.rs`.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::fleet::{Fleet, State};
use super::freezer;
use super::slot::SlotId;
use super::upkeep::Due;
use crate::instance::Instance;

/// How often an instance is looked at that is left alone for as long as somebody debugs it.
const DEBUGGED_LOOK_EVERY: Duration = Duration::from_millis(500);

/// Starts the thread; it ends when the fleet is closed and empty.
pub fn start(fleet: &Arc<Fleet>) -> io::Result<JoinHandle<()>> {
    let fleet = Arc::clone(fleet);
    thread::Builder::new().name("housekeeper".to_owned()).spawn(move || {
        loop {
            fleet.alarm.wait();
            fleet.surroundings.log.flush();
            if is_over(&fleet) {
                return;
            }
            let now = Instant::now();
            instances(&fleet).1.iter().for_each(|instance| instance.look_for_debugger(now));
            let next = tidy(&fleet, now);
            let growing = Some(fleet.lock()).filter(|state| state.slots.may_grow());
            if let Some(function) = growing.map(|state| Arc::clone(&state.function)) {
                fleet.surroundings.prepare(&function);
            }
            let (frozen, thawed) = instances(&fleet);
            frozen.iter().for_each(|instance| instance.freeze_rest());
            thawed.iter().for_each(|instance| kill_over_limit(instance, now));
            if let Some(next) = next {
                fleet.alarm.ring_by(next);
            }
        }
    })
}

/// Whether no instance is left, and none will come.
fn is_over(fleet: &Fleet) -> bool {
    let state = fleet.lock();
    state.slots.is_closing() && state.slots.is_empty()
}

/// Does what is due. When the next thing is; `None` when nothing will be without an event.
fn tidy(fleet: &Arc<Fleet>, now: Instant) -> Option<Instant> {
    let mut state = fleet.lock();
    fleet.forget_exited(&mut state);
    let upkeep = &fleet.upkeep;
    let due: Vec<_> =
        state.slots.iter().filter_map(|slot| Some((slot.id(), upkeep.due(slot, now)?))).collect();
    let mut next: Option<Instant> = None;
    for (id, due) in due {
        let at = match due {
            Due::At(at) if !is_debugged(&state, id) => at,
            Due::At(at) => at.min(now + DEBUGGED_LOOK_EVERY),
            _ if is_debugged(&state, id) => now + DEBUGGED_LOOK_EVERY,
            Due::Freeze => {
                let with_hooks = upkeep.freeze.is_some_and(|freeze| freeze.with_hooks);
                freezer::freeze(fleet, &mut state, id, with_hooks);
                now + upkeep.idle_timeout
            }
            Due::Stop => {
                fleet.retire(&mut state, id, "idle");
                continue;
            }
        };
        next = Some(next.map_or(at, |known| known.min(at)));
    }
    next
}

fn is_debugged(state: &State, id: SlotId) -> bool {
    state.instance(id).is_some_and(|instance| instance.is_debugged())
}

/// The instances that are frozen, and those that run. What is asked of them is in /proc, so not under the lock.
fn instances(fleet: &Fleet) -> (Vec<Arc<Instance>>, Vec<Arc<Instance>>) {
    let state = fleet.lock();
    let instances = |is_frozen| {
        let slots = state.slots.iter().filter(move |slot| slot.is_frozen() == is_frozen);
        slots.filter_map(|slot| slot.occupant.instance.clone()).collect()
    };
    (instances(true), instances(false))
}

/// Ends an instance that takes more memory than it may.
fn kill_over_limit(instance: &Instance, now: Instant) {
    if !instance.is_debugged() && instance.exceeds_memory(now) {
        let limit = instance.memory.limit_mb();
        let text = format!(
            "FunctionOOMError: {:.2} MB in use, memorySize is {limit} MB; the process is killed",
            instance.memory.peak_mb()
        );
        instance.warn(&text);
        instance.process.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::fleet::tests::{enter, fleet, ready, state_of};
    use crate::scaling::slot::SlotState;
    use crate::scaling::upkeep::LOOK_EVERY;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_next_look_is_at_the_earliest_of_what_is_due() {
        let fleet = fleet();
        let now = Instant::now();
        assert_eq!(tidy(&fleet, now), None, "nothing without instances");
        ready(&fleet);
        let idle = tidy(&fleet, now).expect("a freeze");
        assert!(idle > now + LOOK_EVERY);
        let in_use = ready(&fleet);
        let _claim = enter(&fleet, in_use);
        assert_eq!(tidy(&fleet, now), Some(now + LOOK_EVERY));
    }

    #[test]
    fn an_instance_that_idles_out_is_stopped_and_one_in_use_is_not() {
        let fleet = fleet();
        let (idle, in_use) = (ready(&fleet), ready(&fleet));
        let _claim = enter(&fleet, in_use);
        tidy(&fleet, Instant::now() + fleet.upkeep.idle_timeout + SECOND);
        assert_eq!(state_of(&fleet, idle), Some(SlotState::Stopping));
        assert_eq!(state_of(&fleet, in_use), Some(SlotState::Ready));
    }

    #[test]
    fn the_housekeeper_ends_when_the_fleet_is_closed_and_empty() {
        let fleet = fleet();
        let slot = ready(&fleet);
        fleet.lock().slots.close();
        assert!(!is_over(&fleet), "an instance is left");
        fleet.lock().slots.remove(slot);
        assert!(is_over(&fleet));
    }
}
