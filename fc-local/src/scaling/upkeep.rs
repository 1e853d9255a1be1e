//! What does the clock do to an instance, and when? The rule alone: a slot and a time go in. No process, no
//! clock, no thread is known here.

use std::time::{Duration, Instant};

use super::slot::{Slot, SlotState};

/// How often an instance in use is looked at: its memory, and whether its process still runs.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// An instance is stopped this long after its last call.
    pub idle_timeout: Duration,
    /// `None` when instances are never frozen.
    pub freeze: Option<Freeze>,
}

#[derive(Clone, Copy, Debug)]
pub struct Freeze {
    /// An instance is frozen this long after its last call.
    pub after: Duration,
    /// Whether PreStop runs before a freeze and the Initializer after a thaw.
    pub with_hooks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Freeze,
    Stop,
    /// Nothing before this time.
    At(Instant),
}

impl Upkeep {
    /// What is due for this slot; `None` when nothing will be without an event.
    pub fn due<T>(&self, slot: &Slot<T>, now: Instant) -> Option<Due> {
        if matches!(slot.state(), SlotState::Starting | SlotState::Stopping) {
            return None;
        }
        if slot.calls() > 0 || slot.state().is_busy() {
            return Some(Due::At(now + LOOK_EVERY));
        }
        let idle_at = slot.last_used() + self.idle_timeout;
        if now >= idle_at {
            return Some(Due::Stop);
        }
        let Some(freeze) = self.freeze.filter(|_| !slot.is_frozen() && slot.is_healthy()) else {
            return Some(Due::At(idle_at));
        };
        let freeze_at = slot.last_used() + freeze.after;
        if now < freeze_at {
            return Some(Due::At(freeze_at.min(idle_at)));
        }
        // A health check is short, and the instance is frozen after it.
        Some(if slot.has_health_check() { Due::At(now + LOOK_EVERY) } else { Due::Freeze })
    }

    /// When something is due for an instance that is idle from `now` on.
    pub fn first_due(&self, now: Instant) -> Instant {
        now + self.freeze.map_or(self.idle_timeout, |freeze| freeze.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::slot::{SlotEvent, SlotId};

    const SECOND: Duration = Duration::from_secs(1);

    fn upkeep() -> Upkeep {
        Upkeep { idle_timeout: 300 * SECOND, freeze: Some(Freeze { after: SECOND, with_hooks: false }) }
    }

    fn starting(now: Instant) -> Slot<()> {
        Slot::new(SlotId(1), 0, 9000, now, ())
    }

    /// A ready slot that nobody has used since `now`.
    fn idle(now: Instant) -> Slot<()> {
        let mut slot = starting(now);
        assert!(slot.apply(SlotEvent::Open, now) && slot.apply(SlotEvent::Succeed, now));
        slot.leave(now);
        slot
    }

    #[test]
    fn an_idle_instance_is_frozen_and_then_stopped() {
        let start = Instant::now();
        let mut slot = idle(start);
        for (after, due) in [
            (0, Due::At(start + SECOND)),
            (999, Due::At(start + SECOND)),
            (1000, Due::Freeze),
            (299_999, Due::Freeze),
            (300_000, Due::Stop),
        ] {
            let now = start + Duration::from_millis(after);
            assert_eq!(upkeep().due(&slot, now), Some(due), "{after} ms");
        }
        assert!(slot.freeze());
        for (after, due) in [(1, Due::At(start + 300 * SECOND)), (300, Due::Stop)] {
            assert_eq!(upkeep().due(&slot, start + after * SECOND), Some(due), "frozen, after {after} s");
        }
    }

    #[test]
    fn an_instance_in_use_is_looked_at_and_otherwise_left_alone() {
        let start = Instant::now();
        let much_later = start + 1000 * SECOND;
        let look = Some(Due::At(much_later + LOOK_EVERY));
        let mut in_use = idle(start);
        in_use.enter();
        assert_eq!(upkeep().due(&in_use, much_later), look);
        let mut parking = idle(start);
        assert!(parking.apply(SlotEvent::Park, start));
        assert_eq!(upkeep().due(&parking, much_later), look);
    }

    #[test]
    fn the_clock_does_nothing_to_an_instance_that_starts_or_stops() {
        let start = Instant::now();
        assert_eq!(upkeep().due(&starting(start), start + 1000 * SECOND), None);
        let mut stopping = idle(start);
        assert!(stopping.apply(SlotEvent::Retire, start));
        assert_eq!(upkeep().due(&stopping, start + 1000 * SECOND), None);
    }

    #[test]
    fn an_instance_that_is_never_frozen_only_idles_out() {
        let start = Instant::now();
        let never = Upkeep { freeze: None, ..upkeep() };
        let idle_at = start + 300 * SECOND;
        assert_eq!(never.due(&idle(start), start + 2 * SECOND), Some(Due::At(idle_at)));
        assert_eq!(never.first_due(start), idle_at);
        assert_eq!(upkeep().first_due(start), start + SECOND);
    }

    #[test]
    fn an_unhealthy_instance_is_not_frozen_so_that_it_can_become_healthy() {
        let start = Instant::now();
        let mut sick = idle(start);
        sick.set_healthy(false);
        assert_eq!(upkeep().due(&sick, start + 2 * SECOND), Some(Due::At(start + 300 * SECOND)));
    }

    #[test]
    fn a_freeze_waits_for_a_health_check() {
        let start = Instant::now();
        let now = start + 2 * SECOND;
        let mut checked = idle(start);
        assert!(checked.begin_health_check());
        assert_eq!(upkeep().due(&checked, now), Some(Due::At(now + LOOK_EVERY)));
        checked.end_health_check();
        assert_eq!(upkeep().due(&checked, now), Some(Due::Freeze));
    }

    #[test]
    fn an_instance_that_idles_out_before_it_would_be_frozen_is_stopped() {
        let start = Instant::now();
        let short = Upkeep { idle_timeout: Duration::from_millis(500), ..upkeep() };
        let idle_at = start + Duration::from_millis(500);
        assert_eq!(short.due(&idle(start), start), Some(Due::At(idle_at)));
        assert_eq!(short.due(&idle(start), idle_at), Some(Due::Stop));
    }
}
