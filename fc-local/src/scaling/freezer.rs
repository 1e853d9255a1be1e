//! How is an idle instance frozen? At once, or after a PreStop that takes its time. When it is due is not
//! known here.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::attempt::{Attempt, Outcome};
use super::fleet::{Fleet, State};
use super::slot::{SlotEvent, SlotId, SlotState};
use super::underway::Underway;
use crate::instance::Instance;

/// Freezes a slot's instance, after its PreStop when `with_hooks` says so and it is initialized.
pub fn freeze(fleet: &Arc<Fleet>, state: &mut State, id: SlotId, with_hooks: bool) {
    let Some(instance) = state.instance(id) else { return };
    let is_initialized = state.slots.get(id).is_some_and(|slot| slot.state() != SlotState::Uninitialized);
    if with_hooks && is_initialized {
        park(fleet, state, id, &instance);
    } else {
        freeze_now(state, id, &instance);
    }
}

fn freeze_now(state: &mut State, id: SlotId, instance: &Instance) {
    if state.slots.get_mut(id).is_some_and(|slot| slot.freeze()) {
        instance.freeze();
    }
}

/// Calls PreStop in the background, for which calls that come meanwhile wait.
fn park(fleet: &Arc<Fleet>, state: &mut State, id: SlotId, instance: &Arc<Instance>) {
    let Some(attempt) = state.begin(id, SlotEvent::Park) else { return };
    let (fleet_there, instance, attempt_there) =
        (Arc::clone(fleet), Arc::clone(instance), Arc::clone(&attempt));
    let run = move || call_pre_stop(&fleet_there, id, &instance, attempt_there);
    if let Err(error) = thread::Builder::new().name("park".to_owned()).spawn(run) {
        fleet.surroundings.log.warn(None, &format!("cannot call PreStop before a freeze: {error}"));
        state.apply(id, SlotEvent::Succeed);
        state.end(id, &attempt, Outcome::Again);
    }
}

fn call_pre_stop(fleet: &Arc<Fleet>, id: SlotId, instance: &Instance, attempt: Arc<Attempt>) {
    let underway = Underway::new(fleet, id, attempt);
    instance.pre_stop();
    underway.conclude(|_, state| {
        // Only a request can be repeated: a command is run once per instance.
        let is_repeated = instance.function.has_code_initializer();
        state.apply(id, if is_repeated { SlotEvent::NeedInitializer } else { SlotEvent::Succeed });
        freeze_now(state, id, instance);
        Outcome::Again
    });
    instance.freeze_rest();
    fleet.alarm.ring_by(Instant::now() + fleet.upkeep.idle_timeout);
}
