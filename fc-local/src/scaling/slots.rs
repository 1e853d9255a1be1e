//! Which instance serves a call? The rule alone, on plain state: no process, no clock, no thread.

use std::sync::Arc;
use std::time::Instant;

use crate::front::failure::Failure;
use crate::function::Function;
use crate::instance::Instance;
use crate::sync::{Condvar, Mutex};

/// An instance, or the place of one that is being started or stopped.
pub struct Slot {
    pub id: u64,
    pub generation: u64,
    pub port: u16,
    pub phase: Phase,
    pub instance: Option<Arc<Instance>>,
    /// Calls that use it or wait for it.
    pub in_flight: usize,
    /// Health checks under way: not frozen meanwhile.
    pub pinned: usize,
    pub frozen: bool,
    pub healthy: bool,
    /// Why it goes when its last call is over.
    pub condemned: Option<&'static str>,
    pub last_used: Instant,
}

#[derive(Clone)]
pub enum Phase {
    /// Somebody starts, initializes or parks it; the rest waits for the outcome.
    Busy(Arc<Attempt>),
    /// Runs, and its Initializer must succeed before the next call.
    Uninitialized,
    Ready,
    Stopping,
}

/// What those who wait for a busy slot wait for.
#[derive(Default)]
pub struct Attempt {
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

#[derive(Clone)]
pub enum Outcome {
    Ready,
    Failed(Failure),
    /// Neither: choose again.
    Again,
}

impl Attempt {
    pub fn finish(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
        self.done.notify_all();
    }

    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.lock().clone()
    }

    /// Bounded by the attempt itself: start and hooks have timeouts.
    pub fn wait(&self) -> Outcome {
        let outcome = self.done.wait_while(self.outcome.lock(), |outcome| outcome.is_none());
        outcome.clone().unwrap_or(Outcome::Again)
    }
}

/// All slots of one function.
pub struct Slots {
    pub function: Arc<Function>,
    /// Counts configurations: slots of an older one serve nobody new.
    pub generation: u64,
    pub slots: Vec<Slot>,
    next_id: u64,
    /// Why there can be only one instance.
    pub single: Option<String>,
    pub closing: bool,
}

/// What a call does next.
pub enum Choice {
    Use(u64),
    /// Runs the Initializer of this slot, then uses it.
    Initialize(u64),
    Join(u64, Arc<Attempt>),
    Start,
    /// Makes room first: this one is unhealthy and idle.
    Replace(u64),
    Refuse(String),
}

impl Slots {
    pub fn new(function: Arc<Function>) -> Slots {
        Slots { function, generation: 0, slots: Vec::new(), next_id: 0, single: None, closing: false }
    }

    /// An instance with room, the one used last before all others, so that the rest can idle out; one that will be
    /// ready soon before a new one; a new one only when all are saturated.
    pub fn choose(&self, max: usize) -> Choice {
        if self.closing {
            return Choice::Refuse(Failure::stopping().to_string());
        }
        let concurrency = self.function.concurrency;
        let with_room = || self.current().filter(|slot| slot.healthy && slot.in_flight < concurrency);
        let ready =
            with_room().filter(|slot| matches!(slot.phase, Phase::Ready)).max_by_key(|slot| slot.last_used);
        if let Some(slot) = ready {
            return Choice::Use(slot.id);
        }
        if let Some(slot) = with_room().find(|slot| matches!(slot.phase, Phase::Uninitialized)) {
            return Choice::Initialize(slot.id);
        }
        let busy = with_room().find_map(|slot| match &slot.phase {
            Phase::Busy(attempt) => Some(Choice::Join(slot.id, Arc::clone(attempt))),
            _ => None,
        });
        if let Some(join) = busy {
            return join;
        }
        let live = self.current().count();
        match &self.single {
            Some(why) if live >= 1 => return Choice::Refuse(why.clone()),
            _ if live < max => return Choice::Start,
            _ => {}
        }
        match self.current().find(|slot| !slot.healthy && slot.in_flight == 0) {
            Some(slot) => Choice::Replace(slot.id),
            None => Choice::Refuse(format!(
                "all {live} instances are saturated with {concurrency} requests each; --max-instances is {max}"
            )),
        }
    }

    /// Slots that count: not stopping, not condemned, of the current configuration.
    fn current(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| {
            slot.generation == self.generation
                && slot.condemned.is_none()
                && !matches!(slot.phase, Phase::Stopping)
        })
    }

    /// A place for an instance that is about to start on `port`, with its first call waiting.
    pub fn add(&mut self, port: u16, now: Instant) -> (u64, Arc<Attempt>) {
        let attempt = Arc::new(Attempt::default());
        let id = self.next_id;
        self.next_id += 1;
        self.slots.push(Slot {
            id,
            generation: self.generation,
            port,
            phase: Phase::Busy(Arc::clone(&attempt)),
            instance: None,
            in_flight: 1,
            pinned: 0,
            frozen: false,
            healthy: true,
            condemned: None,
            last_used: now,
        });
        (id, attempt)
    }

    pub fn get(&mut self, id: u64) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    pub fn remove(&mut self, id: u64) {
        self.slots.retain(|slot| slot.id != id);
    }

    /// The start of the only instance, as long as its port is not open.
    pub fn first_start(&self) -> Option<Arc<Attempt>> {
        if self.has_other(u64::MAX) {
            return None;
        }
        self.current().find_map(|slot| match &slot.phase {
            Phase::Busy(attempt) => Some(Arc::clone(attempt)),
            _ => None,
        })
    }

    /// Whether another instance of the current configuration is up.
    pub fn has_other(&self, id: u64) -> bool {
        self.current().any(|slot| slot.id != id && slot.instance.is_some())
    }
}

#[cfg(test)]
mod tests;
