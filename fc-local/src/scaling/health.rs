//! Health checks: the first one decides whether an instance has started, the periodic ones whether it gets calls.

use std::sync::Arc;
use std::thread;

use crate::front::failure::Failure;
use crate::instance::{Instance, NotStarted};
use crate::scaling::scaler::Scaler;

/// The first check of a new instance, if it has one.
pub fn first(instance: &Instance) -> Result<(), Failure> {
    let Some(check) = &instance.function.health else {
        return Ok(());
    };
    instance.process.wait(check.initial_delay);
    instance.check_health(check).map_err(|reason| Failure::NotStarted(NotStarted::Unhealthy(reason)))
}

/// Checks for as long as the process lives; never while it is frozen.
pub fn watch(scaler: &Arc<Scaler>, slot: u64, instance: &Arc<Instance>) {
    let (scaler, instance) = (Arc::clone(scaler), Arc::clone(instance));
    let log = Arc::clone(&scaler.surroundings.log);
    let run = move || {
        let Some(check) = &instance.function.health else {
            return;
        };
        let (mut failures, mut successes) = (0, 0);
        while instance.process.wait(check.period).is_none() {
            if !scaler.pin(slot) {
                continue;
            }
            let result = instance.check_health(check);
            scaler.unpin(slot);
            match result {
                Ok(()) => (failures, successes) = (0, successes + 1),
                Err(reason) => {
                    (failures, successes) = (failures + 1, 0);
                    scaler.surroundings.log.warn(Some(&instance.id), &reason);
                }
            }
            if failures == check.failure_threshold {
                scaler.set_healthy(slot, false);
                scaler.surroundings.log.warn(Some(&instance.id), "unhealthy: calls go to other instances");
            } else if successes == check.success_threshold && scaler.set_healthy(slot, true) {
                scaler.surroundings.log.event(Some(&instance.id), "healthy again");
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("health".to_owned()).spawn(run) {
        log.warn(None, &format!("cannot check health: {error}"));
    }
}

impl Scaler {
    /// Keeps a thawed instance from being frozen; false when it is frozen or going.
    fn pin(&self, slot: u64) -> bool {
        let mut state = self.lock();
        let Some(slot) = state.get(slot) else {
            return false;
        };
        let checked = !slot.frozen && matches!(slot.phase, crate::scaling::slots::Phase::Ready);
        slot.pinned += usize::from(checked);
        checked
    }

    fn unpin(&self, slot: u64) {
        if let Some(slot) = self.lock().get(slot) {
            slot.pinned = slot.pinned.saturating_sub(1);
        }
    }

    /// Whether that changed anything.
    fn set_healthy(&self, slot: u64, healthy: bool) -> bool {
        let mut state = self.lock();
        let Some(slot) = state.get(slot) else {
            return false;
        };
        std::mem::replace(&mut slot.healthy, healthy) != healthy
    }
}
