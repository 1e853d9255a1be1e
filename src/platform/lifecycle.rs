//! When the author's code runs: one table, and the only place that calls that code.
//!
//! | state | Initialize | Initialized | InitializeFailed | Invoke | InvokeEnd | PreStop | PreStopEnd |
//! |---|---|---|---|---|---|---|---|
//! | Created | Run Initializing | Keep Created | Keep Created | Run Initializing | Keep Created | Done Created | Keep Created |
//! | Initializing | Wait Initializing | Keep Ready | Keep Created | Wait Initializing | Keep Initializing | Wait Initializing | Keep Initializing |
//! | Ready | Done Ready | Keep Ready | Keep Ready | Serve Ready | Keep Ready | Run Stopping | Keep Ready |
//! | Stopping | Wait Stopping | Keep Stopping | Keep Stopping | Serve StoppingInUse | Keep StoppingInUse | Wait Stopping | Keep Stopped |
//! | StoppingInUse | Wait StoppingInUse | Keep StoppingInUse | Keep StoppingInUse | Serve StoppingInUse | Keep StoppingInUse | Wait StoppingInUse | Keep Ready |
//! | Stopped | Run Reinitializing | Keep Stopped | Keep Stopped | Serve Ready | Keep Ready | Done Stopped | Keep Stopped |
//! | Reinitializing | Wait Reinitializing | Keep Ready | Keep Stopped | Wait Reinitializing | Keep Reinitializing | Wait Reinitializing | Keep Reinitializing |
//!
//! A request's event (Initialize, Invoke, PreStop) is answered at once (Done), runs the hook (Run),
//! is served (Serve), or waits for the hook that runs (Wait) and then takes part in its outcome.
//! The other events only move the state (Keep). An invocation that begins or ends while or after
//! `pre_stop` runs leads back to Ready, so that what it collected is flushed by the next one.
//! SIGTERM is PreStop too.

use crate::api::context::Context;
use crate::api::error::StatusError;
use crate::api::function::Function;
use crate::api::request::Request;
use crate::api::response::Response;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Created,
    Initializing,
    Ready,
    Stopping,
    StoppingInUse,
    Stopped,
    Reinitializing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Initialize,
    Initialized,
    InitializeFailed,
    Invoke,
    InvokeEnd,
    PreStop,
    PreStopEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Run,
    Wait,
    Serve,
    Done,
    Keep,
}

/// The table.
fn step(state: State, event: Event) -> (Action, State) {
    use Action::{Done, Keep, Run, Serve, Wait};
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Created, E::Initialize | E::Invoke) => (Run, S::Initializing),
        (S::Created, E::PreStop) => (Done, S::Created),
        (S::Created, E::Initialized | E::InitializeFailed | E::InvokeEnd | E::PreStopEnd) => {
            (Keep, S::Created)
        }

        (S::Initializing, E::Initialize | E::Invoke | E::PreStop) => (Wait, S::Initializing),
        (S::Initializing, E::Initialized) => (Keep, S::Ready),
        (S::Initializing, E::InitializeFailed) => (Keep, S::Created),
        (S::Initializing, E::InvokeEnd | E::PreStopEnd) => (Keep, S::Initializing),

        (S::Ready, E::Initialize) => (Done, S::Ready),
        (S::Ready, E::Invoke) => (Serve, S::Ready),
        (S::Ready, E::PreStop) => (Run, S::Stopping),
        (S::Ready, E::Initialized | E::InitializeFailed | E::InvokeEnd | E::PreStopEnd) => (Keep, S::Ready),

        (S::Stopping, E::Initialize | E::PreStop) => (Wait, S::Stopping),
        (S::Stopping, E::Invoke) => (Serve, S::StoppingInUse),
        (S::Stopping, E::InvokeEnd) => (Keep, S::StoppingInUse),
        (S::Stopping, E::PreStopEnd) => (Keep, S::Stopped),
        (S::Stopping, E::Initialized | E::InitializeFailed) => (Keep, S::Stopping),

        (S::StoppingInUse, E::Initialize | E::PreStop) => (Wait, S::StoppingInUse),
        (S::StoppingInUse, E::Invoke) => (Serve, S::StoppingInUse),
        (S::StoppingInUse, E::PreStopEnd) => (Keep, S::Ready),
        (S::StoppingInUse, E::InvokeEnd | E::Initialized | E::InitializeFailed) => (Keep, S::StoppingInUse),

        (S::Stopped, E::Initialize) => (Run, S::Reinitializing),
        (S::Stopped, E::Invoke) => (Serve, S::Ready),
        (S::Stopped, E::InvokeEnd) => (Keep, S::Ready),
        (S::Stopped, E::PreStop) => (Done, S::Stopped),
        (S::Stopped, E::Initialized | E::InitializeFailed | E::PreStopEnd) => (Keep, S::Stopped),

        (S::Reinitializing, E::Initialize | E::Invoke | E::PreStop) => (Wait, S::Reinitializing),
        (S::Reinitializing, E::Initialized) => (Keep, S::Ready),
        (S::Reinitializing, E::InitializeFailed) => (Keep, S::Stopped),
        (S::Reinitializing, E::InvokeEnd | E::PreStopEnd) => (Keep, S::Reinitializing),
    }
}

/// The author's function behind one pointer, so that everything else compiles once.
pub(crate) trait Instance: Send + Sync {
    fn invoke(&self, context: &Context, request: Request<'_>) -> anyhow::Result<Response>;
    fn pre_stop(&self, context: &Context) -> anyhow::Result<()>;
}

impl<F: Function> Instance for F {
    fn invoke(&self, context: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        Function::invoke(self, context, request)
    }

    fn pre_stop(&self, context: &Context) -> anyhow::Result<()> {
        Function::pre_stop(self, context)
    }
}

/// Builds the function.
pub(crate) type Initializer = dyn Fn(&Context) -> anyhow::Result<Arc<dyn Instance>> + Send + Sync;

/// How the author's code failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub cause: Cause,
    /// Set by an error made for the caller, which may then be told the message.
    pub status: Option<u16>,
    /// The message with all its causes, in one line.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Error,
    Panic,
    Initialize,
    /// What it returned cannot be sent.
    InvalidResponse,
}

impl Failure {
    pub fn of(error: &anyhow::Error) -> Failure {
        let status = error.chain().find_map(|cause| cause.downcast_ref::<StatusError>());
        let status = status.map(StatusError::status);
        Failure { cause: Cause::Error, status, message: format!("{error:#}") }
    }

    fn of_panic(payload: Box<dyn Any + Send>) -> Failure {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "of an unnamed kind".to_owned(),
        };
        discard(payload);
        Failure { cause: Cause::Panic, status: None, message: format!("panic: {message}") }
    }

    fn in_initialize(self) -> Failure {
        // What a caller may be told of a panic does not depend on where it happened.
        let cause = if self.cause == Cause::Panic { Cause::Panic } else { Cause::Initialize };
        Failure { cause, ..self }
    }
}

/// Runs a piece of the author's code; an error or a panic of it becomes a `Failure`.
pub(crate) fn contain<T>(code: impl FnOnce() -> anyhow::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let failure = Failure::of(&error);
            discard(error);
            Err(failure)
        }
        Err(payload) => Err(Failure::of_panic(payload)),
    }
}

/// Drops a value of the author's, whose `Drop` may panic too.
pub(crate) fn discard<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        log::error!("panic while a value was dropped");
        // A payload that panics in its own Drop would otherwise come back here for ever.
        std::mem::forget(payload);
    }
}

/// A function's life.
pub(crate) struct Lifecycle {
    initializer: Box<Initializer>,
    life: Mutex<Life>,
    hook_ended: Condvar,
}

struct Life {
    state: State,
    instance: Option<Arc<dyn Instance>>,
    /// How many times each hook ended, and how the last time went: what those who waited are told.
    initialized: (u64, Result<(), Failure>),
    stopped: (u64, Result<(), Failure>),
    /// How many threads wait for a hook to end: waking nobody would be a system call at the start.
    waiting: usize,
}

type Locked<'a> = MutexGuard<'a, Life>;

/// An invocation's hold on the function; its end is an event of the lifecycle.
pub(crate) struct Invocation<'a> {
    lifecycle: &'a Lifecycle,
    instance: Option<Arc<dyn Instance>>,
}

impl Lifecycle {
    pub fn new(initializer: Box<Initializer>) -> Lifecycle {
        let life = Life {
            state: State::Created,
            instance: None,
            initialized: (0, Ok(())),
            stopped: (0, Ok(())),
            waiting: 0,
        };
        Lifecycle { initializer, life: Mutex::new(life), hook_ended: Condvar::new() }
    }

    /// The Initializer hook: at most one success per life; those that come meanwhile share the outcome.
    pub fn initialize(&self, context: &Context) -> Result<(), Failure> {
        let mut life = self.lock();
        loop {
            let (action, state) = step(life.state, Event::Initialize);
            let initializing = matches!(life.state, State::Initializing | State::Reinitializing);
            life.state = state;
            match action {
                Action::Run => return self.run_initialize(life, context),
                Action::Wait if initializing => return self.wait_for_initialize(life).1,
                Action::Wait => life = self.wait_for_pre_stop(life).0,
                Action::Done | Action::Serve | Action::Keep => return Ok(()),
            }
        }
    }

    /// Begins an invocation, after `initialize` where that has not run.
    pub fn begin(&self, context: &Context) -> Result<Invocation<'_>, Failure> {
        let mut life = self.lock();
        loop {
            let (action, state) = step(life.state, Event::Invoke);
            life.state = state;
            match action {
                Action::Run => {
                    self.run_initialize(life, context)?;
                    life = self.lock();
                }
                Action::Wait => {
                    let (after, outcome) = self.wait_for_initialize(life);
                    life = after;
                    // A failed re-initialization leaves the old value to serve.
                    if life.instance.is_none() {
                        outcome?;
                    }
                }
                Action::Serve | Action::Done | Action::Keep => {
                    return Ok(Invocation { lifecycle: self, instance: life.instance.clone() });
                }
            }
        }
    }

    /// The PreStop hook, and the end by signal. Runs at most once for what was collected so far.
    pub fn pre_stop(&self, context: &Context) -> Result<(), Failure> {
        let mut life = self.lock();
        loop {
            let (action, state) = step(life.state, Event::PreStop);
            let stopping = matches!(life.state, State::Stopping | State::StoppingInUse);
            life.state = state;
            match action {
                Action::Run => return self.run_pre_stop(life, context),
                Action::Wait if stopping => return self.wait_for_pre_stop(life).1,
                Action::Wait => life = self.wait_for_initialize(life).0,
                Action::Done | Action::Serve | Action::Keep => return Ok(()),
            }
        }
    }

    fn run_initialize(&self, life: Locked<'_>, context: &Context) -> Result<(), Failure> {
        drop(life);
        let built = contain(|| (self.initializer)(context)).map_err(Failure::in_initialize);
        let mut life = self.lock();
        let (event, old, outcome) = match built {
            Ok(instance) => (Event::Initialized, life.instance.replace(instance), Ok(())),
            Err(failure) => (Event::InitializeFailed, None, Err(failure)),
        };
        life.state = step(life.state, event).1;
        life.initialized = (life.initialized.0 + 1, outcome.clone());
        self.wake_waiting(life);
        discard(old);
        outcome
    }

    fn run_pre_stop(&self, life: Locked<'_>, context: &Context) -> Result<(), Failure> {
        let instance = life.instance.clone();
        drop(life);
        let outcome = contain(|| instance.as_ref().map_or(Ok(()), |it| it.pre_stop(context)));
        discard(instance);
        let mut life = self.lock();
        life.state = step(life.state, Event::PreStopEnd).1;
        life.stopped = (life.stopped.0 + 1, outcome.clone());
        self.wake_waiting(life);
        outcome
    }

    fn wake_waiting(&self, life: Locked<'_>) {
        if life.waiting > 0 {
            self.hook_ended.notify_all();
        }
    }

    fn wait_for_initialize<'a>(&self, life: Locked<'a>) -> (Locked<'a>, Result<(), Failure>) {
        self.wait(life, |life| &life.initialized)
    }

    fn wait_for_pre_stop<'a>(&self, life: Locked<'a>) -> (Locked<'a>, Result<(), Failure>) {
        self.wait(life, |life| &life.stopped)
    }

    fn wait<'a>(
        &self,
        mut life: Locked<'a>,
        hook: fn(&Life) -> &(u64, Result<(), Failure>),
    ) -> (Locked<'a>, Result<(), Failure>) {
        let before = hook(&life).0;
        life.waiting += 1;
        while hook(&life).0 == before {
            life = self.hook_ended.wait(life).unwrap_or_else(PoisonError::into_inner);
        }
        life.waiting -= 1;
        let outcome = hook(&life).1.clone();
        (life, outcome)
    }

    /// The author's code never runs under this lock, so what a poisoned one guards is sound.
    fn lock(&self) -> Locked<'_> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        discard(self.lock().instance.take());
    }
}

impl Invocation<'_> {
    pub fn invoke(&self, context: &Context, request: Request<'_>) -> Result<Response, Failure> {
        contain(|| match &self.instance {
            Some(instance) => instance.invoke(context, request),
            None => Err(anyhow::anyhow!("not initialized")),
        })
    }
}

impl Drop for Invocation<'_> {
    fn drop(&mut self) {
        let mut life = self.lifecycle.lock();
        life.state = step(life.state, Event::InvokeEnd).1;
        drop(life);
        discard(self.instance.take());
    }
}

#[cfg(test)]
mod tests;
