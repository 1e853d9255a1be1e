//! How does a call get an instance? Chosen by the rule in `slots.rs`, started or initialized when it says so.
//! What becomes of an instance afterwards is in `fleet.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Outcome};
use super::failed_start::Begun;
use super::fleet::{Fleet, Occupant, State};
use super::health;
use super::slot::{SlotEvent, SlotId};
use super::slots::{Choice, Ports};
use super::ticket::{Claim, Ticket};
use super::unavailable::{NoRoom, Unavailable};
use super::underway::Underway;
use crate::function::Function;
use crate::instance::port::Lease;
use crate::instance::{self, Debugging, NotInitialized, Where};
use crate::record::Recorder;
use crate::sync::MutexGuard;

/// How long a call waits for a port before it chooses again.
const PORT_LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many starts a call makes: at the configured port, which is lost to somebody; at another one, which is ignored; in
/// a network of its own, of which there are none; alone.
const MOST_STARTS: usize = 4;

pub struct Scaler {
    fleet: Arc<Fleet>,
}

impl Scaler {
    pub fn new(fleet: Arc<Fleet>) -> Scaler {
        Scaler { fleet }
    }

    /// Where what happens is kept.
    pub fn recorder(&self) -> &Arc<Recorder> {
        self.fleet.surroundings.log.recorder()
    }

    pub fn function(&self) -> Arc<Function> {
        self.fleet.function()
    }

    /// A place at an instance: an existing one, or a new one that this call starts. Where there can be one instance
    /// only, a call waits for its turn, unless its caller has gone.
    pub fn acquire(&self, caller_gone: &dyn Fn() -> bool) -> Result<Ticket, Unavailable> {
        let mut turn = Turn { fleet: &self.fleet, number: None, starts: 0 };
        loop {
            if turn.number.is_some() && caller_gone() {
                return Err(Unavailable::CallerGone);
            }
            let mut state = self.fleet.lock();
            self.fleet.forget_exited(&mut state);
            let result = match turn.choose(&state) {
                // The wait begins under the lock of the choice: nothing that makes room happens in between.
                Choice::Refuse(no_room) => {
                    turn.wait(&mut state, no_room)?;
                    self.fleet.wait_for_room(state);
                    continue;
                }
                choice => self.follow(state, choice, &mut turn),
            };
            if let Some(ticket) = result? {
                return Ok(ticket);
            }
        }
    }

    /// Does what the choice asks for; `None` means to choose again.
    fn follow(
        &self,
        mut state: MutexGuard<'_, State>,
        choice: Choice,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Ticket>, Unavailable> {
        match choice {
            Choice::Use(slot) => return Ok(self.use_ready(state, slot)),
            Choice::Initialize(slot) => return self.initialize(state, slot),
            Choice::Join(slot) => return self.join(state, slot),
            Choice::Start => return self.start(state, turn),
            Choice::AwaitFirst(slot) => self.await_first(state, slot)?,
            Choice::AwaitPort => {
                let is_held = |state: &State| state.slots.choose() == Choice::AwaitPort;
                self.fleet.wait_timeout_while(state, PORT_LOOK_EVERY, is_held);
            }
            Choice::Replace(slot) => self.fleet.retire(&mut state, slot, "unhealthy"),
            Choice::Refuse(no_room) => return Err(no_room.into()),
        }
        Ok(None)
    }

    fn use_ready(&self, mut state: MutexGuard<'_, State>, slot: SlotId) -> Option<Ticket> {
        let instance = state.instance_for_calls(slot)?;
        self.fleet.enter(&mut state, slot);
        drop(state);
        Some(Claim::new(&self.fleet, slot).at(instance))
    }

    fn initialize(
        &self,
        mut state: MutexGuard<'_, State>,
        slot: SlotId,
    ) -> Result<Option<Ticket>, Unavailable> {
        let (Some(instance), Some(attempt)) =
            (state.instance(slot), state.begin(slot, SlotEvent::Initialize))
        else {
            return Ok(None);
        };
        self.fleet.enter(&mut state, slot);
        drop(state);
        let claim = Claim::new(&self.fleet, slot);
        let underway = Underway::new(&self.fleet, slot, attempt);
        ticket(claim, settle(underway, slot, instance.initialize()))
    }

    fn join(&self, mut state: MutexGuard<'_, State>, slot: SlotId) -> Result<Option<Ticket>, Unavailable> {
        let Some(attempt) = state.attempt(slot) else { return Ok(None) };
        self.fleet.enter(&mut state, slot);
        drop(state);
        let claim = Claim::new(&self.fleet, slot);
        ticket(claim, attempt.wait())
    }

    /// Waits until the first instance has opened its port; its failure is that of all who wait for it.
    fn await_first(&self, state: MutexGuard<'_, State>, first: SlotId) -> Result<(), Unavailable> {
        let attempt = state.attempt(first);
        let is_starting = |state: &State| state.slots.choose() == Choice::AwaitFirst(first);
        drop(self.fleet.wait_while(state, is_starting));
        match attempt.and_then(|attempt| attempt.outcome()) {
            Some(Outcome::Failed(failure @ Unavailable::NotStarted(_))) => Err(failure),
            _ => Ok(()),
        }
    }

    fn start(
        &self,
        mut state: MutexGuard<'_, State>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Ticket>, Unavailable> {
        let function = Arc::clone(&state.function);
        let begun = Begun::of(&state);
        let (place, lease) = self.place(&state, function.port, begun.is_beside);
        let attempt = Arc::new(Attempt::default());
        let occupant = Occupant { instance: None, attempt: Some(Arc::clone(&attempt)), _lease: lease };
        let slot = state.slots.add(place.outer(), Instant::now(), occupant);
        drop(state);
        let claim = Claim::new(&self.fleet, slot);
        let underway = Underway::new(&self.fleet, slot, attempt);
        let outcome = self.create(underway, slot, &function, place, begun);
        ticket(claim, turn.count_start(outcome))
    }

    /// Where a new instance listens: at the configured port, unless it is another instance's or another program's; then
    /// at one that it is told, or in a network of its own.
    fn place(&self, state: &State, configured: u16, is_ours: bool) -> (Where, Option<Arc<Lease>>) {
        if self.fleet.surroundings.debugging == Debugging::Attached {
            return (Where::Told(configured), None); // somebody listens there already, as was asked for
        }
        let lease = if is_ours { None } else { Lease::of(configured) };
        if let Some(lease) = lease {
            return (Where::Told(configured), Some(Arc::new(lease)));
        }
        let has_network = matches!(state.slots.ports(), Ports::OneEach(_));
        if !is_ours && !has_network {
            let text = format!(
                "port {configured} is taken, by another function here, by another program or by a connection that is still closing; the function is told another one, --port chooses it"
            );
            self.fleet.surroundings.log.warn(None, &text);
        }
        let lease = Lease::any().map(Arc::new);
        let port = lease.as_ref().map_or(configured, |lease| lease.port());
        (if has_network { Where::OwnNetwork(port) } else { Where::Told(port) }, lease)
    }

    /// Create: start process, port check, Initializer, first health check.
    fn create(
        &self,
        underway: Underway,
        slot: SlotId,
        function: &Arc<Function>,
        place: Where,
        begun: Begun,
    ) -> Outcome {
        let surroundings = &self.fleet.surroundings;
        let instance = match instance::start(surroundings, function, place) {
            Ok(instance) => Arc::new(instance),
            Err(error) => {
                let outcome = underway.conclude(|fleet, state| {
                    let outcome = begun.failed(fleet, state, error);
                    state.slots.remove(slot);
                    outcome
                });
                if let Outcome::Failed(unavailable) = &outcome {
                    surroundings.log.warn(None, &unavailable.in_the_log());
                }
                return outcome;
            }
        };
        self.fleet.open(slot, &instance);
        let initialized = instance.initialize();
        let checked = if initialized.is_ok() { health::first(&instance) } else { Ok(()) };
        if let Err(unhealthy) = checked {
            instance.warn(&unhealthy.to_string());
            return underway.conclude(|fleet, state| {
                fleet.retire(state, slot, "its first health check failed");
                Outcome::Failed(Unavailable::NotStarted(unhealthy))
            });
        }
        let outcome = settle(underway, slot, initialized);
        if instance.function.health.is_some() {
            health::watch(&self.fleet, slot, &instance);
        }
        outcome
    }
}

/// A call's turn at the only instance, from its first wait on. Dropped, which needs the fleet's lock, the next one has
/// it.
struct Turn<'a> {
    fleet: &'a Fleet,
    number: Option<u64>,
    /// Those that failed and were to be made elsewhere.
    starts: usize,
}

impl Turn<'_> {
    /// The rule's choice, or to wait for those who came before.
    fn choose(&self, state: &State) -> Choice {
        match (state.slots.choose(), state.slots.one_port()) {
            (refused @ Choice::Refuse(_), _) => refused,
            (_, Some(ignores)) if !state.waiting.is_turn(self.number) => {
                Choice::Refuse(NoRoom::OneInstance(ignores.clone()))
            }
            (choice, _) => choice,
        }
    }

    /// Whether a call that finds no room waits for its turn at the only instance; an error when it does not.
    fn wait(&mut self, state: &mut State, no_room: NoRoom) -> Result<(), Unavailable> {
        let NoRoom::OneInstance(ignores) = no_room else { return Err(no_room.into()) };
        if self.number.is_none() {
            self.number = state.waiting.join();
        }
        if self.number.is_none() { Err(NoRoom::Crowded(ignores).into()) } else { Ok(()) }
    }

    /// The outcome of a start that this call has made: the last one is not made elsewhere.
    fn count_start(&mut self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Elsewhere(unavailable) => {
                self.starts += 1;
                if self.starts < MOST_STARTS {
                    Outcome::Elsewhere(unavailable)
                } else {
                    Outcome::Failed(unavailable)
                }
            }
            outcome => outcome,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.fleet.lock().waiting.leave(number);
            self.fleet.tell_all();
        }
    }
}

/// What the end of an attempt means for a call that took part in it.
fn ticket(claim: Claim, outcome: Outcome) -> Result<Option<Ticket>, Unavailable> {
    match outcome {
        Outcome::Ready => Ok(claim.ticket()),
        Outcome::Failed(unavailable) => Err(unavailable),
        Outcome::Elsewhere(_) | Outcome::Again => Ok(None),
    }
}

/// What an Initializer's outcome makes of a slot.
fn settle(underway: Underway, slot: SlotId, result: Result<(), NotInitialized>) -> Outcome {
    underway.conclude(|fleet, state| match result {
        _ if state.slots.get(slot).is_none() => Outcome::Again,
        Ok(()) if state.apply(slot, SlotEvent::Succeed) => Outcome::Ready,
        Ok(()) => Outcome::Again,
        Err(NotInitialized { message, keep_instance }) => {
            if keep_instance {
                state.apply(slot, SlotEvent::NeedInitializer);
            } else {
                fleet.retire(state, slot, "its Initializer failed");
            }
            Outcome::Failed(Unavailable::NotInitialized(message))
        }
    })
}

#[cfg(test)]
mod tests;
