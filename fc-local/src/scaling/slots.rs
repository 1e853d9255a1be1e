//! Which instance serves a call? The rule alone: ids and times go in, a choice comes out. No process, no
//! clock, no thread is known here.

use std::time::Instant;

use super::slot::{Slot, SlotEvent, SlotId, SlotState};
use super::unavailable::NoRoom;
use crate::instance::IgnoresPort;

/// Why an instance of an older configuration goes.
pub const CHANGED: &str = "the code or the template changed";

/// All slots of one function. `T` is what their user keeps in each.
pub struct Slots<T> {
    slots: Vec<Slot<T>>,
    limits: Limits,
    /// Counts configurations: slots of an older one serve nobody new.
    generation: u64,
    next_id: u64,
    ports: Ports,
    may_start: bool,
    is_closing: bool,
}

/// What is known of the ports that the function opens. Within a configuration this only grows, so that whoever tries
/// again only when it has grown does not do so for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// It opens what it is told, as far as is known.
    AsTold,
    /// It opens the configured one alone: a further instance needs a network of its own.
    OneEach(IgnoresPort),
    /// The same, and there are no networks: there can be only one instance.
    One(IgnoresPort),
}

impl Ports {
    fn rank(&self) -> u8 {
        match self {
            Ports::AsTold => 0,
            Ports::OneEach(_) => 1,
            Ports::One(_) => 2,
        }
    }

    pub fn ignores(&self) -> Option<&IgnoresPort> {
        match self {
            Ports::AsTold => None,
            Ports::OneEach(ignores) | Ports::One(ignores) => Some(ignores),
        }
    }

    /// Whether this is more than `other`.
    pub fn exceeds(&self, other: &Ports) -> bool {
        self.rank() > other.rank()
    }
}

/// What the configuration says of instances.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_instances: usize,
    /// Calls at once per instance.
    pub concurrency: usize,
    /// The first instance's port.
    pub port: u16,
}

/// What a call does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    Use(SlotId),
    /// Runs the Initializer of this one, then uses it.
    Initialize(SlotId),
    /// Waits for the outcome of what somebody else does to this one.
    Join(SlotId),
    /// Starts a new one.
    Start,
    /// Waits until the only one, which is starting, has opened its port: a function that ignores what it is
    /// told would open the same one twice.
    AwaitFirst(SlotId),
    /// Waits until one that is being stopped, or has to be, no longer holds the port of the first one.
    AwaitPort,
    /// Makes room first: this one is unhealthy and idle.
    Replace(SlotId),
    Refuse(NoRoom),
}

/// What a call leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The slot was gone already, or others use it.
    Nothing,
    /// The instance is idle.
    Idle,
    /// The instance is idle, and goes for this reason.
    Condemned(&'static str),
}

impl<T> Slots<T> {
    pub fn new(limits: Limits) -> Slots<T> {
        Slots {
            slots: Vec::new(),
            limits,
            generation: 0,
            next_id: 0,
            ports: Ports::AsTold,
            may_start: true,
            is_closing: false,
        }
    }

    /// An instance with room, the one used last before all others, so that the rest can idle out; one that
    /// will be ready soon before a new one; a new one only when all are saturated.
    pub fn choose(&self) -> Choice {
        if self.is_closing {
            return Choice::Refuse(NoRoom::Stopping);
        }
        let concurrency = self.limits.concurrency;
        let with_room = || self.current().filter(|slot| slot.is_healthy() && slot.calls() < concurrency);
        let ready = with_room().filter(|slot| slot.state() == SlotState::Ready);
        if let Some(slot) = ready.max_by_key(|slot| slot.last_used()) {
            return Choice::Use(slot.id());
        }
        if let Some(slot) = with_room().find(|slot| slot.state() == SlotState::Uninitialized) {
            return Choice::Initialize(slot.id());
        }
        if let Some(slot) = with_room().find(|slot| slot.state().is_busy()) {
            return Choice::Join(slot.id());
        }
        let instances = self.current().count();
        let max_instances = self.max_instances();
        if instances < max_instances {
            return self.start_or_wait();
        }
        if let Some(slot) = self.current().find(|slot| !slot.is_healthy() && slot.calls() == 0) {
            return Choice::Replace(slot.id());
        }
        Choice::Refuse(match self.one_port() {
            Some(_) if !self.may_start => NoRoom::Stopping,
            Some(ignores) => NoRoom::OneInstance(ignores.clone()),
            None => NoRoom::Saturated { instances, concurrency, max_instances },
        })
    }

    /// How many instances there can be.
    fn max_instances(&self) -> usize {
        if self.one_port().is_some() { 1 } else { self.limits.max_instances }
    }

    /// How many calls there can be at once.
    pub fn capacity(&self) -> usize {
        self.max_instances() * self.limits.concurrency
    }

    /// A new instance, unless its port could only be decided later.
    fn start_or_wait(&self) -> Choice {
        if !self.may_start {
            return Choice::Refuse(NoRoom::Stopping);
        }
        if self.is_any_up() {
            return Choice::Start;
        }
        if let Some(first) = self.current().find(|slot| slot.state() == SlotState::Starting) {
            return Choice::AwaitFirst(first.id());
        }
        match self.holder_of(self.limits.port) {
            Some(holder) if holder.state() == SlotState::Stopping || self.one_port().is_some() => {
                Choice::AwaitPort
            }
            _ => Choice::Start,
        }
    }

    /// The slots that count: not stopping, not condemned, of the current configuration.
    fn current(&self) -> impl Iterator<Item = &Slot<T>> {
        self.slots.iter().filter(|slot| {
            slot.generation() == self.generation
                && slot.condemned().is_none()
                && slot.state() != SlotState::Stopping
        })
    }

    /// Whether an instance of the current configuration has opened its port.
    pub fn is_any_up(&self) -> bool {
        self.current().any(Slot::is_up)
    }

    /// The slot whose instance was told `port`.
    pub fn holder_of(&self, port: u16) -> Option<&Slot<T>> {
        self.slots.iter().find(|slot| slot.port() == port)
    }

    /// A place for an instance that is about to start on `port`, with the call that starts it counted in.
    pub fn add(&mut self, port: u16, now: Instant, occupant: T) -> SlotId {
        let id = SlotId(self.next_id);
        self.next_id += 1;
        self.slots.push(Slot::new(id, self.generation, port, now, occupant));
        id
    }

    /// Counts a call out, and condemns the slot for this reason if there is one.
    pub fn leave(&mut self, id: SlotId, condemned: Option<&'static str>, now: Instant) -> Left {
        let generation = self.generation;
        let Some(slot) = self.get_mut(id) else { return Left::Nothing };
        slot.leave(now);
        if let Some(reason) = condemned {
            slot.condemn(reason);
        }
        if slot.generation() != generation {
            slot.condemn(CHANGED);
        }
        match slot.condemned() {
            _ if slot.calls() > 0 => Left::Nothing,
            Some(reason) => Left::Condemned(reason),
            None => Left::Idle,
        }
    }

    /// Lets a slot's instance go. What is in the slot when there is an instance to be stopped; a slot whose
    /// process has not opened its port is removed.
    pub fn retire(&mut self, id: SlotId, now: Instant) -> Option<&T> {
        let slot = self.get_mut(id)?;
        let was_starting = slot.state() == SlotState::Starting;
        if !slot.apply(SlotEvent::Retire, now) {
            return None;
        }
        if was_starting {
            self.remove(id);
            return None;
        }
        self.get(id).map(|slot| &slot.occupant)
    }

    /// Begins a new configuration: what runs finishes, then goes. The instances that go at once, since nobody
    /// uses them.
    pub fn renew(&mut self, concurrency: usize, port: u16) -> Vec<SlotId> {
        self.limits = Limits { concurrency, port, ..self.limits };
        self.generation += 1;
        self.ports = Ports::AsTold;
        self.outdated()
    }

    /// The instances of older configurations that nobody uses, nor does anything to.
    pub fn outdated(&self) -> Vec<SlotId> {
        let older = self.slots.iter().filter(|slot| slot.generation() != self.generation);
        let idle = older.filter(|slot| {
            slot.calls() == 0 && !slot.state().is_busy() && slot.state() != SlotState::Stopping
        });
        idle.map(Slot::id).collect()
    }

    /// Takes note of more than was known; whether it is more.
    pub fn learn(&mut self, ports: Ports) -> bool {
        let is_news = ports.exceeds(&self.ports);
        if is_news {
            self.ports = ports;
        }
        is_news
    }

    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Why there can be only one instance, of whichever configuration.
    pub fn one_port(&self) -> Option<&IgnoresPort> {
        match &self.ports {
            Ports::One(ignores) => Some(ignores),
            Ports::AsTold | Ports::OneEach(_) => None,
        }
    }

    /// Whether there may be more than one instance at once.
    pub fn may_grow(&self) -> bool {
        self.limits.max_instances > 1
    }

    /// Refuses calls that no instance there is has room for.
    pub fn stop_starting(&mut self) {
        self.may_start = false;
    }

    /// Refuses all calls from now on.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    pub fn get(&self, id: SlotId) -> Option<&Slot<T>> {
        self.slots.iter().find(|slot| slot.id() == id)
    }

    /// The slot, unless its process has not opened its port or its stop has begun: what calls may be sent to.
    pub fn get_up(&self, id: SlotId) -> Option<&Slot<T>> {
        self.get(id).filter(|slot| slot.is_up())
    }

    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot<T>> {
        self.slots.iter_mut().find(|slot| slot.id() == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Slot<T>> {
        self.slots.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn remove(&mut self, id: SlotId) {
        self.slots.retain(|slot| slot.id() != id);
    }

    pub fn clear(&mut self) {
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests;
