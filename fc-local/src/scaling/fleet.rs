//! Which instances are there, and what becomes of them: when a call leaves, a process exits, the
//! configuration changes, fc-local stops? One lock around the slots. Which instance a call gets is not
//! decided here, nor what the clock does.

use std::process::ExitStatus;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::attempt::{Attempt, Outcome};
use super::queue::Queue;
use super::slot::{Slot, SlotEvent, SlotId};
use super::slots::{CHANGED, Left, Slots};
use super::upkeep::{LOOK_EVERY, Upkeep};
use crate::function::Function;
use crate::instance::port::Lease;
use crate::instance::{Debugging, Instance, Surroundings, describe_exit};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// What a stop may take beside its hook and SIGTERM's grace: the kill itself, whose own bound is half of it.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How long a call that waits for room does so before it looks by itself.
const ROOM_LOOK_EVERY: Duration = Duration::from_secs(1);

pub struct Fleet {
    pub surroundings: Arc<Surroundings>,
    pub upkeep: Upkeep,
    /// Wakes the housekeeper.
    pub alarm: Alarm,
    state: Mutex<State>,
    /// A slot has gone, or has moved on.
    moved: Condvar,
    /// A call has left, or there may be another instance.
    room: Condvar,
}

pub struct State {
    pub function: Arc<Function>,
    pub slots: Slots<Occupant>,
    /// The calls that wait for the only instance.
    pub waiting: Queue,
}

/// What is in a slot.
#[derive(Clone, Default)]
pub struct Occupant {
    /// Set once the port is open.
    pub instance: Option<Arc<Instance>>,
    /// Set for as long as the slot is busy.
    pub attempt: Option<Arc<Attempt>>,
    /// The port is this instance's until the slot is gone.
    pub _lease: Option<Arc<Lease>>,
}

impl State {
    /// Begins an attempt at a slot that moves on with `event`; `None` when a stop has overtaken it.
    pub fn begin(&mut self, id: SlotId, event: SlotEvent) -> Option<Arc<Attempt>> {
        let slot = self.slots.get_mut(id)?;
        slot.apply(event, Instant::now()).then(|| Arc::clone(slot.occupant.attempt.insert(Arc::default())))
    }

    /// Ends a slot's attempt. Under the lock, so that the slot's new state and the outcome are seen together.
    pub fn end(&mut self, id: SlotId, attempt: &Attempt, outcome: Outcome) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.occupant.attempt = None;
        }
        attempt.finish(outcome);
    }

    /// Moves a slot on; false when it is gone or a stop has overtaken this.
    pub fn apply(&mut self, id: SlotId, event: SlotEvent) -> bool {
        self.slots.get_mut(id).is_some_and(|slot| slot.apply(event, Instant::now()))
    }

    pub fn instance(&self, id: SlotId) -> Option<Arc<Instance>> {
        self.slots.get(id)?.occupant.instance.clone()
    }

    /// The instance, unless its stop has begun: no call is sent to one of those.
    pub fn instance_for_calls(&self, id: SlotId) -> Option<Arc<Instance>> {
        self.slots.get_up(id)?.occupant.instance.clone()
    }

    pub fn attempt(&self, id: SlotId) -> Option<Arc<Attempt>> {
        self.slots.get(id)?.occupant.attempt.clone()
    }
}

impl Fleet {
    pub fn new(
        surroundings: Arc<Surroundings>,
        upkeep: Upkeep,
        function: Function,
        slots: Slots<Occupant>,
    ) -> Fleet {
        Fleet {
            surroundings,
            upkeep,
            alarm: Alarm::default(),
            state: Mutex::new(State { function: Arc::new(function), slots, waiting: Queue::default() }),
            moved: Condvar::default(),
            room: Condvar::default(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub fn function(&self) -> Arc<Function> {
        Arc::clone(&self.lock().function)
    }

    /// Counts a call in, and thaws the instance for it.
    pub fn enter(&self, state: &mut State, id: SlotId) {
        let Some(slot) = state.slots.get_mut(id) else { return };
        let thaws = slot.enter();
        if let Some(instance) = slot.occupant.instance.as_ref().filter(|_| thaws) {
            instance.thaw();
        }
        self.alarm.ring_by(Instant::now() + LOOK_EVERY);
    }

    /// Counts a call out; its instance goes for this reason if there is one.
    pub fn leave(self: &Arc<Self>, id: SlotId, condemned: Option<&'static str>) {
        let now = Instant::now();
        let mut state = self.lock();
        match state.slots.leave(id, condemned, now) {
            Left::Nothing => {}
            Left::Idle => self.alarm.ring_by(self.upkeep.first_due(now)),
            Left::Condemned(reason) => self.retire(&mut state, id, reason),
        }
        let is_queued = !state.waiting.is_empty();
        drop(state);
        if is_queued {
            self.room.notify_all(); // one of them is next
        } else {
            self.room.notify_one();
        }
    }

    /// Puts the instance into a slot whose process has opened its port.
    pub fn open(&self, id: SlotId, instance: &Arc<Instance>) {
        let mut state = self.lock();
        if let Some(slot) = state.slots.get_mut(id) {
            slot.occupant.instance = Some(Arc::clone(instance));
            slot.apply(SlotEvent::Open, Instant::now());
        }
        drop(state);
        self.moved.notify_all();
        self.alarm.ring_by(Instant::now() + LOOK_EVERY);
    }

    /// Stops a slot's instance in the background; its place is free at once, its port when it is gone.
    pub fn retire(self: &Arc<Self>, state: &mut State, id: SlotId, reason: &'static str) {
        let retired = state.slots.retire(id, Instant::now());
        self.tell_all();
        let Some(instance) = retired.and_then(|occupant| occupant.instance.clone()) else { return };
        let (fleet, name) = (Arc::clone(self), instance.id.clone());
        let stop = move || {
            let _removal = Removal { fleet: &fleet, slot: id };
            instance.stop(reason);
        };
        if let Err(error) = thread::Builder::new().name("stop".to_owned()).spawn(stop) {
            // Without its instance, whose end needs no thread.
            state.slots.remove(id);
            let text = format!("an instance is killed, since it cannot be stopped: {error}");
            self.surroundings.log.warn(None, &text);
            self.surroundings.log.recorder().end_instance(&name, "killed, since it could not be stopped");
        }
    }

    /// Forgets instances whose process has gone by itself.
    pub fn forget_exited(&self, state: &mut State) {
        let settled = state.slots.iter().filter(|slot| slot.is_up() && !slot.state().is_busy());
        let exited: Vec<(SlotId, Arc<Instance>, ExitStatus)> = settled
            .filter_map(|slot| {
                let instance = slot.occupant.instance.as_ref()?;
                Some((slot.id(), Arc::clone(instance), instance.process.exited()?))
            })
            .collect();
        for (id, instance, status) in exited {
            state.slots.remove(id);
            let text = match self.surroundings.debugging {
                Debugging::Attached => "your function has gone; the next call waits for another".to_owned(),
                _ => format!("process {}", describe_exit(status)),
            };
            self.surroundings.log.warn(Some(&instance.id), &text);
            self.surroundings.log.recorder().end_instance(&instance.id, &text);
            self.tell_all();
        }
    }

    /// A new configuration: what runs finishes, then goes; the next call starts the new one.
    pub fn reload(self: &Arc<Self>, function: Function) {
        self.surroundings.forget_homes();
        let mut state = self.lock();
        let idle = state.slots.renew(function.concurrency, function.port);
        state.function = Arc::new(function);
        for id in idle {
            self.retire(&mut state, id, CHANGED);
        }
        self.tell_all();
    }

    /// Refuses calls that would need another instance, and those that wait for one.
    pub fn stop_starting(&self) {
        self.surroundings.stop_starting();
        self.lock().slots.stop_starting();
        self.tell_all();
    }

    /// Stops all instances and waits until they are gone; those that are being started end by themselves.
    pub fn close(self: &Arc<Self>) {
        let mut state = self.lock();
        state.slots.close();
        let pre_stop = state.function.pre_stop.as_ref().map_or(Duration::ZERO, |hook| hook.timeout);
        let longest = pre_stop + self.surroundings.times.sigterm_grace + STOP_GRACE;
        for id in state.slots.iter().map(|slot| slot.id()).collect::<Vec<_>>() {
            self.retire(&mut state, id, "the platform stops");
        }
        loop {
            state = self.moved.wait_timeout_while(state, longest, |state| !state.slots.is_empty());
            // Its hook may take as long as its author does.
            let is_debugged = |slot: &Slot<Occupant>| {
                slot.occupant.instance.as_ref().is_some_and(|instance| instance.is_debugged())
            };
            if !state.slots.iter().any(is_debugged) {
                break;
            }
        }
        state.slots.clear();
        drop(state);
        self.alarm.ring_by(Instant::now());
    }

    /// Waits for as long as `is_waiting` says so of the slots, which every slot that moves on is a reason to
    /// ask.
    pub fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        mut is_waiting: impl FnMut(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.moved.wait_while(state, |state| is_waiting(state))
    }

    /// As [`wait_while`](Self::wait_while), for `timeout` at the most.
    pub fn wait_timeout_while(
        &self,
        state: MutexGuard<'_, State>,
        timeout: Duration,
        mut is_waiting: impl FnMut(&State) -> bool,
    ) {
        drop(self.moved.wait_timeout_while(state, timeout, |state| is_waiting(state)));
    }

    /// Waits until a call has left an instance, or there may be another one.
    pub fn wait_for_room(&self, state: MutexGuard<'_, State>) {
        drop(self.room.wait_timeout(state, ROOM_LOOK_EVERY));
    }

    /// Wakes all who wait for a slot or for room, after a change under the lock.
    pub fn tell_all(&self) {
        self.moved.notify_all();
        self.room.notify_all();
    }

    /// Wakes all who wait, after a change that they look at and that is not under the lock: whoever has
    /// looked before waits by now, since it looked under the lock and does not let go of it before it waits.
    pub fn wake_all(&self) {
        let _state = self.lock();
        self.tell_all();
    }
}

/// A stop under way: however it ends, its slot goes.
struct Removal<'a> {
    fleet: &'a Fleet,
    slot: SlotId,
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        self.fleet.lock().slots.remove(self.slot);
        self.fleet.tell_all();
    }
}

#[cfg(test)]
pub mod tests;
