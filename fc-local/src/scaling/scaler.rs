//! Instances for calls: chosen by the rule in `slots.rs`, started when it says so, given back with the last byte.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::front::failure::Failure;
use crate::function::Function;
use crate::instance::port;
use crate::instance::{self, Instance, NotInitialized, NotStarted, StartError, Surroundings, describe_exit};
use crate::scaling::health;
use crate::scaling::slots::{Attempt, Choice, Outcome, Phase, Slots};
use crate::scaling::upkeep::Upkeep;
use crate::sync::{Condvar, Mutex, MutexGuard};

pub struct Scaler {
    pub surroundings: Arc<Surroundings>,
    pub(crate) upkeep: Upkeep,
    max_instances: usize,
    state: Mutex<Slots>,
    /// A slot is gone, or the first one has opened its port.
    gone: Condvar,
    pub(crate) housekeeper: crate::scaling::housekeeper::Bell,
}

/// One call's place at an instance; given back when dropped.
pub struct Ticket {
    scaler: Arc<Scaler>,
    slot: u64,
    pub instance: Arc<Instance>,
    condemned: Option<&'static str>,
}

impl Ticket {
    /// The instance goes when its calls are over.
    pub fn condemn(&mut self, reason: &'static str) {
        self.condemned = Some(reason);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.scaler.release(self.slot, self.condemned);
    }
}

/// What a call has to do once the lock is free again.
enum Next {
    Start { slot: u64, attempt: Arc<Attempt>, function: Arc<Function>, port: u16 },
    Initialize { slot: u64, attempt: Arc<Attempt>, instance: Arc<Instance> },
    Join { slot: u64, attempt: Arc<Attempt> },
}

impl Scaler {
    pub fn new(
        surroundings: Arc<Surroundings>,
        upkeep: Upkeep,
        function: Function,
        max_instances: usize,
    ) -> Scaler {
        Scaler {
            surroundings,
            upkeep,
            max_instances,
            state: Mutex::new(Slots::new(Arc::new(function))),
            gone: Condvar::default(),
            housekeeper: crate::scaling::housekeeper::Bell::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Slots> {
        self.state.lock()
    }

    pub fn function(&self) -> Arc<Function> {
        Arc::clone(&self.lock().function)
    }

    /// A place at an instance: an existing one, or a new one that this call starts.
    pub fn acquire(self: &Arc<Self>) -> Result<Ticket, Failure> {
        loop {
            let next = {
                let mut state = self.lock();
                self.forget_exited(&mut state);
                match state.choose(self.max_instances) {
                    Choice::Use(slot) => match self.take(&mut state, slot) {
                        Some(instance) => return Ok(self.ticket(slot, instance)),
                        None => continue,
                    },
                    Choice::Initialize(slot) => match self.take(&mut state, slot) {
                        Some(instance) => {
                            let attempt = self.make_busy(&mut state, slot);
                            Next::Initialize { slot, attempt, instance }
                        }
                        None => continue,
                    },
                    Choice::Join(slot, attempt) => {
                        if let Some(slot) = state.get(slot) {
                            slot.in_flight += 1;
                        }
                        Next::Join { slot, attempt }
                    }
                    Choice::Start => match self.place(state)? {
                        Some(next) => next,
                        None => continue,
                    },
                    Choice::Replace(slot) => {
                        self.retire(&mut state, slot, "unhealthy");
                        continue;
                    }
                    Choice::Refuse(why) => return Err(Failure::Exhausted(why)),
                }
            };
            if let Some(ticket) = self.follow(next)? {
                return Ok(ticket);
            }
        }
    }

    /// Does what the choice asks for; `None` means to choose again.
    fn follow(self: &Arc<Self>, next: Next) -> Result<Option<Ticket>, Failure> {
        let (slot, outcome) = match next {
            Next::Join { slot, attempt } => (slot, attempt.wait()),
            Next::Initialize { slot, attempt, instance } => {
                let outcome = self.settle(slot, instance.initialize());
                attempt.finish(outcome.clone());
                (slot, outcome)
            }
            Next::Start { slot, attempt, function, port } => {
                let outcome = self.start(slot, &function, port);
                attempt.finish(outcome.clone());
                drop(self.lock()); // whoever has looked before waits by now
                self.gone.notify_all();
                (slot, outcome)
            }
        };
        let instance = self.lock().get(slot).and_then(|slot| slot.instance.clone());
        match (outcome, instance) {
            (Outcome::Ready, Some(instance)) => Ok(Some(self.ticket(slot, instance))),
            (Outcome::Failed(failure), _) => {
                self.release(slot, None);
                Err(failure)
            }
            _ => {
                self.release(slot, None);
                Ok(None)
            }
        }
    }

    fn ticket(self: &Arc<Self>, slot: u64, instance: Arc<Instance>) -> Ticket {
        Ticket { scaler: Arc::clone(self), slot, instance, condemned: None }
    }

    /// Counts a call in, and thaws.
    fn take(&self, state: &mut Slots, slot: u64) -> Option<Arc<Instance>> {
        let slot = state.get(slot)?;
        let instance = slot.instance.clone()?;
        slot.in_flight += 1;
        if slot.frozen {
            slot.frozen = false;
            instance.process.signal(Signal::CONT);
        }
        self.housekeeper.ring_by(Instant::now() + crate::scaling::housekeeper::MEMORY_EVERY);
        Some(instance)
    }

    pub(crate) fn make_busy(&self, state: &mut Slots, slot: u64) -> Arc<Attempt> {
        let attempt = Arc::new(Attempt::default());
        if let Some(slot) = state.get(slot) {
            slot.phase = Phase::Busy(Arc::clone(&attempt));
        }
        attempt
    }

    /// A slot and a port for a new instance: the first one gets the configured port. One that is just being stopped may
    /// still hold it; then this waits, and the call chooses again. So it does while the first one has not opened its
    /// port: a function that ignores what it is told would open the same one twice.
    fn place(&self, mut state: MutexGuard<'_, Slots>) -> Result<Option<Next>, Failure> {
        if self.surroundings.is_stopping() {
            return Err(Failure::stopping());
        }
        if let Some(first) = state.first_start() {
            return self.wait_for_first(state, &first).map(|()| None);
        }
        let configured = state.function.port;
        let holder = state.slots.iter().find(|slot| slot.port == configured);
        let stopping = holder.is_some_and(|slot| matches!(slot.phase, Phase::Stopping));
        if stopping && !state.has_other(u64::MAX) {
            drop(self.gone.wait_timeout(state, Duration::from_millis(100)));
            return Ok(None);
        }
        let port = if holder.is_none() && port::is_free(configured) {
            configured
        } else {
            if holder.is_none() {
                let text = format!(
                    "port {configured} is taken, by another program or by a connection that is still closing; the function is told another one, --port chooses it"
                );
                self.surroundings.log.warn(None, &text);
            }
            let taken: Vec<u16> = state.slots.iter().map(|slot| slot.port).collect();
            port::free_port(&taken).unwrap_or(configured)
        };
        let function = Arc::clone(&state.function);
        let (slot, attempt) = state.add(port, Instant::now());
        Ok(Some(Next::Start { slot, attempt, function, port }))
    }

    /// Until the first instance has opened its port; its failure is that of all who wait for it.
    fn wait_for_first(&self, state: MutexGuard<'_, Slots>, first: &Arc<Attempt>) -> Result<(), Failure> {
        let is_starting = |state: &mut Slots| !state.has_other(u64::MAX) && first.outcome().is_none();
        drop(self.gone.wait_while(state, is_starting));
        match first.outcome() {
            Some(Outcome::Failed(failure @ Failure::NotStarted(_))) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Create: start process, port check, Initializer, first health check.
    fn start(self: &Arc<Self>, slot: u64, function: &Arc<Function>, port: u16) -> Outcome {
        let instance = match instance::start(&self.surroundings, function, port) {
            Ok(instance) => Arc::new(instance),
            Err(error) => return self.not_started(slot, error),
        };
        if let Some(slot) = self.lock().get(slot) {
            slot.instance = Some(Arc::clone(&instance));
        }
        self.gone.notify_all();
        self.housekeeper.ring_by(Instant::now() + crate::scaling::housekeeper::MEMORY_EVERY);
        let initialized = instance.initialize();
        let outcome = if initialized.is_ok() { health::first(&instance) } else { Ok(()) };
        if let Err(failure) = outcome {
            self.surroundings.log.warn(Some(&instance.id), &failure.to_string());
            self.retire(&mut self.lock(), slot, "its first health check failed");
            return Outcome::Failed(failure);
        }
        let outcome = self.settle(slot, initialized);
        if instance.function.health.is_some() {
            health::watch(self, slot, &instance);
        }
        outcome
    }

    fn not_started(&self, slot: u64, error: StartError) -> Outcome {
        let mut state = self.lock();
        let failure = match error {
            StartError::NotStarted(not_started) => Failure::NotStarted(not_started),
            StartError::Stopping => Failure::stopping(),
            StartError::IgnoresPort(ignores) => {
                if state.has_other(slot) {
                    let why = format!("{ignores}, so one instance is all it can have here");
                    state.single = Some(why.clone());
                    Failure::Exhausted(why)
                } else if state
                    .slots
                    .iter()
                    .any(|other| other.id != slot && other.port == state.function.port)
                {
                    let port = state.function.port;
                    Failure::Exhausted(format!(
                        "{ignores}, and an instance that is just being replaced still holds port {port}"
                    ))
                } else {
                    let port = state.function.port;
                    Failure::NotStarted(NotStarted::PortTaken { port, ignores })
                }
            }
        };
        state.remove(slot);
        drop(state);
        self.gone.notify_all();
        self.surroundings.log.warn(None, &failure.to_string());
        Outcome::Failed(failure)
    }

    /// What an Initializer's outcome makes of a slot.
    pub(crate) fn settle(self: &Arc<Self>, id: u64, result: Result<(), NotInitialized>) -> Outcome {
        let mut state = self.lock();
        let Some(slot) = state.get(id) else {
            return Outcome::Again;
        };
        slot.last_used = Instant::now();
        match result {
            Ok(()) => {
                slot.phase = Phase::Ready;
                Outcome::Ready
            }
            Err(NotInitialized { message, keep_instance: true }) => {
                slot.phase = Phase::Uninitialized;
                Outcome::Failed(Failure::NotInitialized(message))
            }
            Err(NotInitialized { message, keep_instance: false }) => {
                self.retire(&mut state, id, "its Initializer failed");
                Outcome::Failed(Failure::NotInitialized(message))
            }
        }
    }

    fn release(self: &Arc<Self>, id: u64, condemned: Option<&'static str>) {
        let mut state = self.lock();
        let generation = state.generation;
        let Some(slot) = state.get(id) else { return };
        slot.in_flight = slot.in_flight.saturating_sub(1);
        slot.last_used = Instant::now();
        slot.condemned = slot.condemned.or(condemned);
        if slot.generation != generation {
            slot.condemned = slot.condemned.or(Some("the code or the template changed"));
        }
        match slot.condemned {
            Some(reason) if slot.in_flight == 0 => self.retire(&mut state, id, reason),
            _ if slot.in_flight == 0 => {
                let wait = self.upkeep.freeze.map_or(self.upkeep.idle_timeout, |freeze| freeze.after);
                self.housekeeper.ring_by(Instant::now() + wait);
            }
            _ => {}
        }
    }

    /// Stops a slot's instance in the background; its place is free at once, its port when it is gone.
    pub(crate) fn retire(self: &Arc<Self>, state: &mut Slots, id: u64, reason: &'static str) {
        let Some(slot) = state.get(id) else { return };
        if matches!(slot.phase, Phase::Stopping) {
            return;
        }
        slot.phase = Phase::Stopping;
        let Some(instance) = slot.instance.clone() else {
            return state.remove(id);
        };
        let scaler = Arc::clone(self);
        let stop = move || {
            instance.stop(reason);
            scaler.lock().remove(id);
            scaler.gone.notify_all();
        };
        if let Err(error) = thread::Builder::new().name("stop".to_owned()).spawn(stop) {
            self.surroundings.log.warn(None, &format!("cannot stop an instance: {error}"));
        }
    }

    /// Instances whose process has gone by itself.
    pub(crate) fn forget_exited(&self, state: &mut Slots) {
        state.slots.retain(|slot| {
            let busy = matches!(slot.phase, Phase::Stopping | Phase::Busy(_));
            let exited = slot.instance.as_ref().and_then(|instance| instance.process.exited());
            match (busy, exited, &slot.instance) {
                (false, Some(status), Some(instance)) => {
                    let text = format!("process exited ({})", describe_exit(status));
                    self.surroundings.log.warn(Some(&instance.id), &text);
                    instance.process.end(Duration::ZERO);
                    false
                }
                _ => true,
            }
        });
    }

    /// A new configuration: what runs finishes, then goes; the next call starts the new one.
    pub fn reload(self: &Arc<Self>, function: Function) {
        let mut state = self.lock();
        state.function = Arc::new(function);
        state.generation += 1;
        state.single = None;
        let idle: Vec<u64> = state
            .slots
            .iter()
            .filter(|slot| slot.in_flight == 0 && !matches!(slot.phase, Phase::Busy(_)))
            .map(|slot| slot.id)
            .collect();
        for id in idle {
            self.retire(&mut state, id, "the code or the template changed");
        }
    }

    /// Stops all instances and waits until they are gone. Whether some may be left: those that were being started.
    pub fn close(self: &Arc<Self>) -> bool {
        let mut state = self.lock();
        state.closing = true;
        let starting = state.slots.iter().any(|slot| slot.instance.is_none());
        let longest = state.function.pre_stop.as_ref().map_or(Duration::ZERO, |hook| hook.timeout);
        // Hook, SIGTERM's grace and the kill itself, whose own bound is 5 s.
        let end = Instant::now() + longest + self.surroundings.times.sigterm_grace + Duration::from_secs(10);
        for id in state.slots.iter().map(|slot| slot.id).collect::<Vec<_>>() {
            self.retire(&mut state, id, "the platform stops");
        }
        while !state.slots.is_empty() && Instant::now() < end {
            state = self.gone.wait_timeout(state, Duration::from_millis(100));
        }
        let left = !state.slots.is_empty();
        state.slots.clear();
        drop(state);
        self.housekeeper.ring_by(Instant::now());
        starting || left
    }
}
