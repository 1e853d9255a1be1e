//! What may happen to the place of one instance? Its states are one table:
//!
//! | state | Open | Initialize | Park | Succeed | NeedInitializer | Retire |
//! |---|---|---|---|---|---|---|
//! | Starting | Initializing | - | - | - | - | Stopping |
//! | Initializing | - | - | - | Ready | Uninitialized | Stopping |
//! | Uninitialized | - | Initializing | - | - | - | Stopping |
//! | Ready | - | - | Parking | - | - | Stopping |
//! | Parking | - | - | - | Ready | Uninitialized | Stopping |
//! | Stopping | - | - | - | - | - | - |
//!
//! An event that has a `-` changes nothing: what it tells of has been overtaken by a stop. No process, no
//! clock, no thread and no other slot is known here.

use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Its process has not opened its port.
    Starting,
    /// Its Initializer or its first health check runs.
    Initializing,
    /// Its Initializer must succeed before the next call.
    Uninitialized,
    Ready,
    /// PreStop runs before it is frozen.
    Parking,
    Stopping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotEvent {
    /// The port is open.
    Open,
    /// A call runs the Initializer.
    Initialize,
    /// PreStop begins before a freeze.
    Park,
    /// What ran is over, and calls may use the instance.
    Succeed,
    /// What ran is over, and the Initializer must run before the next call.
    NeedInitializer,
    /// The instance goes.
    Retire,
}

impl SlotState {
    fn after(self, event: SlotEvent) -> Option<SlotState> {
        use SlotEvent::{Initialize, NeedInitializer, Open, Park, Retire, Succeed};
        use SlotState::{Initializing, Parking, Ready, Starting, Stopping, Uninitialized};
        match (self, event) {
            (Stopping, _) => None,
            (_, Retire) => Some(Stopping),
            (Starting, Open) => Some(Initializing),
            (Initializing | Parking, Succeed) => Some(Ready),
            (Initializing | Parking, NeedInitializer) => Some(Uninitialized),
            (Uninitialized, Initialize) => Some(Initializing),
            (Ready, Park) => Some(Parking),
            (
                Starting | Initializing | Uninitialized | Ready | Parking,
                Open | Initialize | Park | Succeed | NeedInitializer,
            ) => None,
        }
    }

    /// Whether somebody starts, initializes or parks the instance, and the rest waits for the outcome.
    pub fn is_busy(self) -> bool {
        matches!(self, SlotState::Starting | SlotState::Initializing | SlotState::Parking)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotId(pub u64);

/// The place of an instance, from its start to the end of its process. `T` is what its user keeps there.
pub struct Slot<T> {
    id: SlotId,
    /// The configuration that it was made for.
    generation: u64,
    port: u16,
    state: SlotState,
    /// Calls that use the instance or wait for it.
    calls: usize,
    /// Health checks under way.
    health_checks: usize,
    is_frozen: bool,
    is_healthy: bool,
    /// Why the instance goes when its last call is over.
    condemned: Option<&'static str>,
    last_used: Instant,
    pub occupant: T,
}

impl<T> Slot<T> {
    /// A slot whose instance is starting, with the call that starts it.
    pub fn new(id: SlotId, generation: u64, port: u16, now: Instant, occupant: T) -> Slot<T> {
        Slot {
            id,
            generation,
            port,
            state: SlotState::Starting,
            calls: 1,
            health_checks: 0,
            is_frozen: false,
            is_healthy: true,
            condemned: None,
            last_used: now,
            occupant,
        }
    }

    /// Moves on as the table says; false when it says nothing.
    pub fn apply(&mut self, event: SlotEvent, now: Instant) -> bool {
        let Some(state) = self.state.after(event) else { return false };
        self.state = state;
        if matches!(event, SlotEvent::Succeed | SlotEvent::NeedInitializer) {
            self.last_used = now;
        }
        true
    }

    /// Counts a call in. Whether the instance is to be thawed for it.
    pub fn enter(&mut self) -> bool {
        self.calls += 1;
        std::mem::take(&mut self.is_frozen)
    }

    /// Counts a call out.
    pub fn leave(&mut self, now: Instant) {
        self.calls = self.calls.saturating_sub(1);
        self.last_used = now;
    }

    /// Lets the instance go when its last call is over; the first reason stays.
    pub fn condemn(&mut self, reason: &'static str) {
        self.condemned = self.condemned.or(Some(reason));
    }

    /// Begins a health check, during which the instance is not frozen; false when it is not to be checked
    /// now.
    pub fn begin_health_check(&mut self) -> bool {
        let is_checked = !self.is_frozen && self.state == SlotState::Ready;
        self.health_checks += usize::from(is_checked);
        is_checked
    }

    pub fn end_health_check(&mut self) {
        self.health_checks = self.health_checks.saturating_sub(1);
    }

    /// Takes note of its health. Whether that changed anything.
    pub fn set_healthy(&mut self, is_healthy: bool) -> bool {
        std::mem::replace(&mut self.is_healthy, is_healthy) != is_healthy
    }

    /// Freezes an instance that nobody uses; false when somebody does.
    pub fn freeze(&mut self) -> bool {
        let is_idle = matches!(self.state, SlotState::Ready | SlotState::Uninitialized);
        let may_freeze = is_idle && self.calls == 0 && self.health_checks == 0;
        self.is_frozen |= may_freeze;
        may_freeze
    }

    pub fn id(&self) -> SlotId {
        self.id
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn state(&self) -> SlotState {
        self.state
    }

    pub fn calls(&self) -> usize {
        self.calls
    }

    pub fn has_health_check(&self) -> bool {
        self.health_checks > 0
    }

    pub fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    pub fn is_healthy(&self) -> bool {
        self.is_healthy
    }

    pub fn condemned(&self) -> Option<&'static str> {
        self.condemned
    }

    pub fn last_used(&self) -> Instant {
        self.last_used
    }

    /// Whether the process has opened its port, and is not being stopped.
    pub fn is_up(&self) -> bool {
        !matches!(self.state, SlotState::Starting | SlotState::Stopping)
    }
}

#[cfg(test)]
mod tests;
