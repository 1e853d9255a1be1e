//! Is an instance healthy? The first check decides whether it has started, the periodic ones whether it gets
//! calls. How a check is made is not known here.

use std::sync::Arc;
use std::thread;

use super::fleet::Fleet;
use super::slot::SlotId;
use crate::function::HealthCheck;
use crate::instance::{Instance, NotStarted};
use crate::log::Log;

/// The first check of a new instance, if it has one.
pub fn first(instance: &Instance) -> Result<(), NotStarted> {
    let Some(check) = &instance.function.health else {
        return Ok(());
    };
    instance.process.wait(check.initial_delay);
    instance.check_health(check).map_err(NotStarted::Unhealthy)
}

/// Checks for as long as the process lives; never while it is frozen.
pub fn watch(fleet: &Arc<Fleet>, slot: SlotId, instance: &Arc<Instance>) {
    let (fleet, instance) = (Arc::clone(fleet), Arc::clone(instance));
    let log = Arc::clone(&fleet.surroundings.log);
    let run = move || {
        let Some(check) = &instance.function.health else {
            return;
        };
        let mut record = Record::default();
        while instance.process.wait(check.period).is_none() {
            if let Some(result) = check_once(&fleet, slot, || instance.check_health(check)) {
                let health = record.note(&result, check);
                report(&fleet, instance.log(), slot, &instance.id, result, health);
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("health".to_owned()).spawn(run) {
        log.warn(None, &format!("cannot check health: {error}"));
    }
}

/// One check, during which the instance is not frozen; `None` when it is frozen or not ready.
fn check_once<R>(fleet: &Fleet, slot: SlotId, check: impl FnOnce() -> R) -> Option<R> {
    let is_checked = fleet.lock().slots.get_mut(slot).is_some_and(|slot| slot.begin_health_check());
    let _underway = is_checked.then(|| HealthCheckUnderway { fleet, slot })?;
    Some(check())
}

/// A health check that was begun; it ends when dropped, also by a panic.
struct HealthCheckUnderway<'a> {
    fleet: &'a Fleet,
    slot: SlotId,
}

impl Drop for HealthCheckUnderway<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.fleet.lock().slots.get_mut(self.slot) {
            slot.end_health_check();
        }
    }
}

/// Checks of the same outcome in a row.
#[derive(Default)]
struct Record {
    failures: u32,
    successes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Healthy,
    Unhealthy,
}

impl Record {
    /// What the outcome makes of the instance: something only when it is the threshold's in a row.
    fn note(&mut self, result: &Result<(), String>, check: &HealthCheck) -> Option<Health> {
        *self = match result {
            Ok(()) => Record { failures: 0, successes: self.successes.saturating_add(1) },
            Err(_) => Record { failures: self.failures.saturating_add(1), successes: 0 },
        };
        if self.failures == check.failure_threshold {
            Some(Health::Unhealthy)
        } else if self.successes == check.success_threshold {
            Some(Health::Healthy)
        } else {
            None
        }
    }
}

/// Sends calls elsewhere or lets them come again.
fn report(
    fleet: &Fleet,
    log: &Log,
    id: SlotId,
    instance_id: &str,
    result: Result<(), String>,
    health: Option<Health>,
) {
    if let Err(reason) = result {
        log.warn(Some(instance_id), &reason);
    }
    let Some(health) = health else { return };
    let is_healthy = health == Health::Healthy;
    let has_changed = fleet.lock().slots.get_mut(id).is_some_and(|slot| slot.set_healthy(is_healthy));
    if has_changed {
        // An unhealthy instance may be replaced, a healthy one has room.
        fleet.tell_all();
    }
    match health {
        Health::Unhealthy => log.warn(Some(instance_id), "unhealthy: calls go to other instances"),
        Health::Healthy if has_changed => log.event(Some(instance_id), "healthy again"),
        Health::Healthy => {}
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::scaling::fleet::tests::{fleet, ready};
    use crate::scaling::slot::SlotEvent;
    use crate::scaling::slots::Choice;

    fn failed() -> Result<(), String> {
        Err("check function health failed".to_owned())
    }

    /// The periodic check's work, for each of these outcomes.
    fn watch(fleet: &Arc<Fleet>, slot: SlotId, record: &mut Record, outcomes: &[Result<(), String>]) {
        let check = HealthCheck::new("/health".to_owned());
        for outcome in outcomes {
            if let Some(result) = check_once(fleet, slot, || outcome.clone()) {
                let health = record.note(&result, &check);
                report(fleet, &fleet.surroundings.log, slot, "c-1", result, health);
            }
        }
    }

    #[test]
    fn an_unhealthy_instance_gets_no_calls() {
        let fleet = fleet();
        let slot = ready(&fleet);
        let mut record = Record::default();
        watch(&fleet, slot, &mut record, &[failed(), failed()]);
        assert_eq!(fleet.lock().slots.choose(), Choice::Use(slot), "below the threshold");
        watch(&fleet, slot, &mut record, &[failed()]);
        assert_eq!(fleet.lock().slots.choose(), Choice::Start);
        watch(&fleet, slot, &mut record, &[Ok(())]);
        assert_eq!(fleet.lock().slots.choose(), Choice::Use(slot), "healthy again");
    }

    #[test]
    fn no_health_check_reaches_a_frozen_instance() {
        let fleet = fleet();
        let slot = ready(&fleet);
        assert_eq!(check_once(&fleet, slot, || "checked"), Some("checked"));
        assert!(fleet.lock().slots.get_mut(slot).expect("a slot").freeze());
        assert_eq!(check_once(&fleet, slot, || unreachable!("it is frozen")), None::<()>);
        fleet.lock().slots.get_mut(slot).expect("a slot").enter();
        assert_eq!(check_once(&fleet, slot, || "thawed"), Some("thawed"));
    }

    #[test]
    fn an_instance_is_not_frozen_during_a_check_and_may_be_after_one_that_panicked() {
        let fleet = fleet();
        let slot = ready(&fleet);
        let freezes = || fleet.lock().slots.get_mut(slot).expect("a slot").freeze();
        assert_eq!(check_once(&fleet, slot, freezes), Some(false));
        let panicked =
            catch_unwind(AssertUnwindSafe(|| check_once(&fleet, slot, || panic!("in a health check"))));
        assert!(panicked.is_err());
        assert!(freezes());
    }

    #[test]
    fn a_check_that_was_not_begun_ends_no_other() {
        let fleet = fleet();
        let slot = ready(&fleet);
        assert!(fleet.lock().slots.get_mut(slot).expect("a slot").begin_health_check());
        assert!(fleet.lock().apply(slot, SlotEvent::Park));
        assert_eq!(check_once(&fleet, slot, || unreachable!("it is not ready")), None::<()>);
        assert!(fleet.lock().slots.get(slot).expect("a slot").has_health_check());
    }

    #[test]
    fn outcomes_count_in_a_row() {
        let check = HealthCheck {
            failure_threshold: 2,
            success_threshold: 3,
            ..HealthCheck::new("/health".to_owned())
        };
        let mut record = Record::default();
        for (number, (is_healthy, health)) in [
            (false, None),
            (true, None),
            (false, None),
            (false, Some(Health::Unhealthy)),
            (false, None),
            (true, None),
            (true, None),
            (true, Some(Health::Healthy)),
            (true, None),
        ]
        .into_iter()
        .enumerate()
        {
            let result = if is_healthy { Ok(()) } else { failed() };
            assert_eq!(record.note(&result, &check), health, "check {number}");
        }
    }
}
