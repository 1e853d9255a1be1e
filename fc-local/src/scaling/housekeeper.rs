//! What happens to instances by the clock: freeze, idle out, the look at their memory, and the log of calls. One thread, asleep until the
//! next of these is due.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::scaling::scaler::Scaler;
use crate::scaling::slots::{Outcome, Phase, Slot, Slots};
use crate::sync::{Condvar, Mutex};

/// How often the memory of busy instances is looked at.
pub const MEMORY_EVERY: Duration = Duration::from_millis(20);

/// Wakes the housekeeper early. A busy gateway rings with every request, so an alarm that is due anyhow costs nothing.
#[derive(Default)]
pub struct Bell {
    alarm: Mutex<Option<Instant>>,
    earlier: Condvar,
}

impl Bell {
    pub fn ring_by(&self, at: Instant) {
        let mut alarm = self.alarm.lock();
        if alarm.is_none_or(|due| at < due) {
            *alarm = Some(at);
            self.earlier.notify_one();
        }
    }

    /// Sleeps until the alarm, which is then unset.
    fn wait(&self) {
        let mut alarm = self.alarm.lock();
        loop {
            let left = match *alarm {
                Some(due) => due.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(3600),
            };
            if left.is_zero() {
                *alarm = None;
                return;
            }
            alarm = self.earlier.wait_timeout(alarm, left);
        }
    }
}

/// Starts the thread; it ends when the scaler is closed.
pub fn start(scaler: &Arc<Scaler>) -> std::io::Result<thread::JoinHandle<()>> {
    let scaler = Arc::clone(scaler);
    thread::Builder::new().name("housekeeper".to_owned()).spawn(move || {
        loop {
            scaler.housekeeper.wait();
            scaler.surroundings.log.flush();
            let next = {
                let mut state = scaler.lock();
                if state.closing && state.slots.is_empty() {
                    return;
                }
                scaler.forget_exited(&mut state);
                scaler.tidy(&mut state, Instant::now())
            };
            scaler.look_at_memory();
            if let Some(next) = next {
                scaler.housekeeper.ring_by(next);
            }
        }
    })
}

/// What the clock does to an idle slot.
enum Due {
    Freeze,
    Stop,
    At(Instant),
}

impl Scaler {
    /// Does what is due; when the next thing is.
    fn tidy(self: &Arc<Self>, state: &mut Slots, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let mut at = |when: Instant| next = Some(next.map_or(when, |known| known.min(when)));
        let mut frozen = Vec::new();
        let mut idle = Vec::new();
        for slot in &state.slots {
            match self.due(slot, now) {
                Some(Due::Freeze) => frozen.push(slot.id),
                Some(Due::Stop) => idle.push(slot.id),
                Some(Due::At(when)) => at(when),
                None => {}
            }
        }
        for id in frozen {
            self.freeze(state, id);
            at(now + self.upkeep.idle_timeout);
        }
        for id in idle {
            self.retire(state, id, "idle");
        }
        next
    }

    fn due(&self, slot: &Slot, now: Instant) -> Option<Due> {
        if matches!(slot.phase, Phase::Stopping) {
            return None;
        }
        if slot.in_flight > 0 || matches!(slot.phase, Phase::Busy(_)) {
            return slot.instance.is_some().then_some(Due::At(now + MEMORY_EVERY));
        }
        let idle_at = slot.last_used + self.upkeep.idle_timeout;
        if now >= idle_at {
            return Some(Due::Stop);
        }
        let Some(freeze) = self.upkeep.freeze.filter(|_| !slot.frozen && slot.healthy) else {
            return Some(Due::At(idle_at));
        };
        let freeze_at = slot.last_used + freeze.after;
        if now < freeze_at {
            return Some(Due::At(freeze_at.min(idle_at)));
        }
        // A health check is short, and an instance is frozen after it.
        Some(if slot.pinned > 0 { Due::At(now + MEMORY_EVERY) } else { Due::Freeze })
    }

    fn freeze(self: &Arc<Self>, state: &mut Slots, id: u64) {
        let hooks = self.upkeep.freeze.is_some_and(|freeze| freeze.with_hooks);
        let Some(slot) = state.get(id) else { return };
        let Some(instance) = slot.instance.clone() else {
            return;
        };
        if !hooks || matches!(slot.phase, Phase::Uninitialized) {
            slot.frozen = true;
            instance.process.signal(Signal::STOP);
            return;
        }
        // PreStop takes its time, and calls that come meanwhile wait for it.
        let attempt = self.make_busy(state, id);
        let scaler = Arc::clone(self);
        let park = move || {
            instance.pre_stop();
            let mut state = scaler.lock();
            if let Some(slot) = state.get(id) {
                slot.last_used = Instant::now();
                // Only a request can be repeated: a command is run once per instance.
                let repeated = instance.function.has_code_initializer();
                slot.phase = if repeated { Phase::Uninitialized } else { Phase::Ready };
                if slot.in_flight == 0 {
                    slot.frozen = true;
                    instance.process.signal(Signal::STOP);
                }
            }
            drop(state);
            attempt.finish(Outcome::Again);
            scaler.housekeeper.ring_by(Instant::now() + scaler.upkeep.idle_timeout);
        };
        if let Err(error) = thread::Builder::new().name("park".to_owned()).spawn(park) {
            self.surroundings.log.warn(None, &format!("cannot call PreStop before a freeze: {error}"));
        }
    }

    /// Ends instances that take more memory than they may.
    fn look_at_memory(&self) {
        let busy: Vec<_> = {
            let state = self.lock();
            let thawed = state.slots.iter().filter(|slot| !slot.frozen);
            thawed.filter_map(|slot| slot.instance.clone()).collect()
        };
        for instance in busy {
            if instance.memory.sample(Instant::now()) {
                let limit = instance.memory.limit_mb();
                let text = format!(
                    "FunctionOOMError: {:.2} MB in use, memorySize is {limit} MB; the process is killed",
                    instance.memory.peak_mb()
                );
                self.surroundings.log.warn(Some(&instance.id), &text);
                instance.process.signal(Signal::KILL);
            }
        }
    }
}
