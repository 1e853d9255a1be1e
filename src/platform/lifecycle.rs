//! When the author's function runs: one table. The code that writes a response's body runs later, and is not in
//! here. A cell is what is done, and the next state.
//!
//! | state | Initialize | PlatformInitialize | Initialized | InitializeFailed | Invoke | InvokeEnd | PreStop | PreStopEnd |
//! |---|---|---|---|---|---|---|---|---|
//! | Created | Run Initializing | RunAlone Initializing | Nothing Created | Nothing Created | Run Initializing | Nothing Created | Done Created | Nothing Created |
//! | Initializing | Wait Initializing | Wait Initializing | Nothing Ready | Nothing Created | Wait Initializing | Nothing Initializing | Wait Initializing | Nothing Initializing |
//! | Ready | Done Ready | Done Ready | Nothing Ready | Nothing Ready | Serve Ready | Nothing Ready | Run Stopping | Nothing Ready |
//! | Stopping | Wait Stopping | Wait Stopping | Nothing Stopping | Nothing Stopping | Serve StoppingUsed | Nothing StoppingUsed | Wait Stopping | Nothing Stopped |
//! | StoppingUsed | Wait StoppingUsed | Wait StoppingUsed | Nothing StoppingUsed | Nothing StoppingUsed | Serve StoppingUsed | Nothing StoppingUsed | Wait StoppingUsed | Nothing Ready |
//! | Stopped | Run Reinitializing | Run Reinitializing | Nothing Stopped | Nothing Stopped | Serve Ready | Nothing Ready | Done Stopped | Nothing Stopped |
//! | Reinitializing | Wait Reinitializing | Wait Reinitializing | Nothing Ready | Nothing Stopped | Wait Reinitializing | Nothing Reinitializing | Wait Reinitializing | Nothing Reinitializing |
//!
//! A request's event (Initialize, PlatformInitialize, Invoke, PreStop) is answered at once (Done), runs the hook (Run), is
//! served (Serve), or waits for the hook that runs (Wait): the outcome of the hook that it asked for, or needs, is its
//! own, and after another hook it is looked up again. With the other events the state moves, and nothing is
//! done. An invocation that begins or ends while `pre_stop` runs, or after it, leads back to Ready, so that what
//! it collected is flushed by the next `pre_stop`. SIGTERM is PreStop too.
//!
//! PlatformInitialize is the Initialize that the platform's own header names. It sends nothing else before the answer, so
//! that the first one needs nobody beside it (RunAlone).

use crate::api::{Context, Function, Request, Response};
use crate::contain::drop_contained;
use crate::platform::failure::{Failure, contain};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, OnUnwind};
use anyhow::anyhow;
use std::mem;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Created,
    Initializing,
    Ready,
    Stopping,
    StoppingUsed,
    Stopped,
    Reinitializing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Initialize,
    PlatformInitialize,
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
    RunAlone,
    Wait,
    Serve,
    Done,
    Nothing,
}

/// The table.
fn step(state: State, event: Event) -> (Action, State) {
    use Action::{Done, Nothing, Run, RunAlone, Serve, Wait};
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Created, E::PlatformInitialize) => (RunAlone, S::Initializing),
        (state, E::PlatformInitialize) => step(state, E::Initialize),

        (S::Created, E::Initialize | E::Invoke) => (Run, S::Initializing),
        (S::Created, E::PreStop) => (Done, S::Created),
        (S::Created, E::Initialized | E::InitializeFailed | E::InvokeEnd | E::PreStopEnd) => {
            (Nothing, S::Created)
        }

        (S::Initializing, E::Initialize | E::Invoke | E::PreStop) => (Wait, S::Initializing),
        (S::Initializing, E::Initialized) => (Nothing, S::Ready),
        (S::Initializing, E::InitializeFailed) => (Nothing, S::Created),
        (S::Initializing, E::InvokeEnd | E::PreStopEnd) => (Nothing, S::Initializing),

        (S::Ready, E::Initialize) => (Done, S::Ready),
        (S::Ready, E::Invoke) => (Serve, S::Ready),
        (S::Ready, E::PreStop) => (Run, S::Stopping),
        (S::Ready, E::Initialized | E::InitializeFailed | E::InvokeEnd | E::PreStopEnd) => {
            (Nothing, S::Ready)
        }

        (S::Stopping, E::Initialize | E::PreStop) => (Wait, S::Stopping),
        (S::Stopping, E::Invoke) => (Serve, S::StoppingUsed),
        (S::Stopping, E::InvokeEnd) => (Nothing, S::StoppingUsed),
        (S::Stopping, E::PreStopEnd) => (Nothing, S::Stopped),
        (S::Stopping, E::Initialized | E::InitializeFailed) => (Nothing, S::Stopping),

        (S::StoppingUsed, E::Initialize | E::PreStop) => (Wait, S::StoppingUsed),
        (S::StoppingUsed, E::Invoke) => (Serve, S::StoppingUsed),
        (S::StoppingUsed, E::PreStopEnd) => (Nothing, S::Ready),
        (S::StoppingUsed, E::InvokeEnd | E::Initialized | E::InitializeFailed) => (Nothing, S::StoppingUsed),

        (S::Stopped, E::Initialize) => (Run, S::Reinitializing),
        (S::Stopped, E::Invoke) => (Serve, S::Ready),
        (S::Stopped, E::InvokeEnd) => (Nothing, S::Ready),
        (S::Stopped, E::PreStop) => (Done, S::Stopped),
        (S::Stopped, E::Initialized | E::InitializeFailed | E::PreStopEnd) => (Nothing, S::Stopped),

        (S::Reinitializing, E::Initialize | E::Invoke | E::PreStop) => (Wait, S::Reinitializing),
        (S::Reinitializing, E::Initialized) => (Nothing, S::Ready),
        (S::Reinitializing, E::InitializeFailed) => (Nothing, S::Stopped),
        (S::Reinitializing, E::InvokeEnd | E::PreStopEnd) => (Nothing, S::Reinitializing),
    }
}

/// The author's function behind one pointer, so that everything else compiles once. A closure has no hooks.
pub(crate) trait DynFunction: Send + Sync {
    fn invoke(&self, context: &Context, request: Request<'_>) -> anyhow::Result<Response>;

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        Ok(())
    }
}

impl<F: Function> DynFunction for F {
    fn invoke(&self, context: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        Function::invoke(self, context, request)
    }

    fn pre_stop(&self, context: &Context) -> anyhow::Result<()> {
        Function::pre_stop(self, context)
    }
}

/// Nobody is told: what is asked has an instance, and a lifecycle its origin, until they are dropped.
const OVER: &str = "over";

/// Where the function comes from.
enum Origin {
    Initializer(Box<Initializer>),
    /// It has no state: every life has the same.
    Instance(Arc<dyn DynFunction>),
    Over,
}

/// Builds the function.
type Initializer = dyn Fn(&Context) -> anyhow::Result<Arc<dyn DynFunction>> + Send + Sync;

/// A function's life.
pub(crate) struct Lifecycle {
    origin: Origin,
    life: Mutex<Life>,
    hook_ended: Condvar,
}

struct Life {
    state: State,
    instance: Option<Arc<dyn DynFunction>>,
    initialize: HookOutcome,
    pre_stop: HookOutcome,
    /// How many threads wait for a hook to end: waking nobody would be a system call at the start.
    waiting: usize,
}

/// What those who waited for a hook are told.
struct HookOutcome {
    /// How many times it ended: whoever waits does so for the next time.
    ended: u64,
    last: Result<(), Failure>,
}

impl HookOutcome {
    fn none() -> HookOutcome {
        HookOutcome { ended: 0, last: Ok(()) }
    }

    fn end(&mut self, outcome: &Result<(), Failure>) {
        self.ended += 1;
        self.last = outcome.clone();
    }
}

type Locked<'a> = MutexGuard<'a, Life>;

/// An invocation's hold on the function; its end is an event of the lifecycle.
pub(crate) struct Invocation<'a> {
    lifecycle: &'a Lifecycle,
    instance: Option<Arc<dyn DynFunction>>,
}

impl Lifecycle {
    /// That of a function which `initialize` makes.
    pub(crate) fn of<F, I>(initialize: I) -> Lifecycle
    where
        F: Function,
        I: Fn(&Context) -> anyhow::Result<F> + Send + Sync + 'static,
    {
        Lifecycle::new(Origin::Initializer(Box::new(move |context| Ok(Arc::new(initialize(context)?)))))
    }

    /// That of a function which is there, and has no hooks of its own.
    pub(crate) fn of_fn(function: impl Function) -> Lifecycle {
        Lifecycle::new(Origin::Instance(Arc::new(function)))
    }

    #[inline]
    fn new(origin: Origin) -> Lifecycle {
        let life = Life {
            state: State::Created,
            instance: None,
            initialize: HookOutcome::none(),
            pre_stop: HookOutcome::none(),
            waiting: 0,
        };
        Lifecycle { origin, life: Mutex::new(life), hook_ended: Condvar::default() }
    }

    /// Whether the Initializer hook that the platform calls would be the first one to run, and needs nobody beside it.
    pub(crate) fn initializes_alone(&self) -> bool {
        step(self.life.lock().state, Event::PlatformInitialize).0 == Action::RunAlone
    }

    /// The Initializer hook: at most one success per life; those that come meanwhile share the outcome.
    pub(crate) fn initialize(&self, context: &Context) -> Result<(), Failure> {
        let mut life = self.life.lock();
        loop {
            let (action, state) = step(life.state, Event::Initialize);
            let initializing = matches!(life.state, State::Initializing | State::Reinitializing);
            life.state = state;
            match action {
                Action::Run | Action::RunAlone => {
                    return self.run_initialize(life, || self.build(context));
                }
                Action::Wait if initializing => return self.wait_for_initialize(life).1,
                Action::Wait => life = self.wait_for_pre_stop(life).0,
                Action::Done | Action::Serve | Action::Nothing => return Ok(()),
            }
        }
    }

    /// Begins an invocation, after `initialize` where that has not run.
    pub(crate) fn begin(&self, context: &Context) -> Result<Invocation<'_>, Failure> {
        let mut life = self.life.lock();
        loop {
            let (action, state) = step(life.state, Event::Invoke);
            life.state = state;
            match action {
                Action::Run | Action::RunAlone => {
                    self.run_initialize(life, || self.build(context))?;
                    life = self.life.lock();
                }
                Action::Wait => {
                    let (after, outcome) = self.wait_for_initialize(life);
                    life = after;
                    // A failed re-initialization leaves the old value to serve.
                    if life.instance.is_none() {
                        outcome?;
                    }
                }
                Action::Serve | Action::Done | Action::Nothing => {
                    return Ok(Invocation { lifecycle: self, instance: life.instance.clone() });
                }
            }
        }
    }

    /// The PreStop hook, and the end by signal. Runs at most once for what was collected so far.
    pub(crate) fn pre_stop(&self, context: &Context) -> Result<(), Failure> {
        let mut life = self.life.lock();
        loop {
            let (action, state) = step(life.state, Event::PreStop);
            let stopping = matches!(life.state, State::Stopping | State::StoppingUsed);
            life.state = state;
            match action {
                Action::Run | Action::RunAlone => {
                    return self.run_pre_stop(life, |instance| stop(instance, context));
                }
                Action::Wait if stopping => return self.wait_for_pre_stop(life).1,
                Action::Wait => life = self.wait_for_initialize(life).0,
                Action::Done | Action::Serve | Action::Nothing => return Ok(()),
            }
        }
    }

    fn build(&self, context: &Context) -> Result<Arc<dyn DynFunction>, Failure> {
        let initialize = || match &self.origin {
            Origin::Initializer(initialize) => initialize(context),
            Origin::Instance(instance) => Ok(instance.clone()),
            Origin::Over => Err(anyhow!(OVER)),
        };
        contain(initialize).map_err(Failure::in_initialize)
    }

    fn run_initialize(
        &self,
        life: Locked<'_>,
        build: impl FnOnce() -> Result<Arc<dyn DynFunction>, Failure>,
    ) -> Result<(), Failure> {
        drop(life);
        let unwinding = OnUnwind::new(|| drop(self.end_initialize(Err(Failure::broken_off()))));
        let built = build();
        unwinding.disarm();
        self.end_initialize(built)
    }

    fn end_initialize(&self, built: Result<Arc<dyn DynFunction>, Failure>) -> Result<(), Failure> {
        let mut life = self.life.lock();
        let (event, old, outcome) = match built {
            Ok(instance) => (Event::Initialized, life.instance.replace(instance), Ok(())),
            Err(failure) => (Event::InitializeFailed, None, Err(failure)),
        };
        life.state = step(life.state, event).1;
        life.initialize.end(&outcome);
        self.wake_waiting(life);
        drop_contained(old);
        outcome
    }

    fn run_pre_stop(
        &self,
        life: Locked<'_>,
        stop: impl FnOnce(&Option<Arc<dyn DynFunction>>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let instance = life.instance.clone();
        drop(life);
        let unwinding = OnUnwind::new(|| drop(self.end_pre_stop(Err(Failure::broken_off()))));
        let outcome = stop(&instance);
        drop_contained(instance);
        unwinding.disarm();
        self.end_pre_stop(outcome)
    }

    fn end_pre_stop(&self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        let mut life = self.life.lock();
        life.state = step(life.state, Event::PreStopEnd).1;
        life.pre_stop.end(&outcome);
        self.wake_waiting(life);
        outcome
    }

    fn wake_waiting(&self, life: Locked<'_>) {
        if life.waiting > 0 {
            self.hook_ended.notify_all();
        }
    }

    fn wait_for_initialize<'a>(&self, life: Locked<'a>) -> (Locked<'a>, Result<(), Failure>) {
        self.wait(life, |life| &life.initialize)
    }

    fn wait_for_pre_stop<'a>(&self, life: Locked<'a>) -> (Locked<'a>, Result<(), Failure>) {
        self.wait(life, |life| &life.pre_stop)
    }

    fn wait<'a>(
        &self,
        mut life: Locked<'a>,
        hook: fn(&Life) -> &HookOutcome,
    ) -> (Locked<'a>, Result<(), Failure>) {
        let before = hook(&life).ended;
        life.waiting += 1;
        let mut life = self.hook_ended.wait_while(life, |life| hook(life).ended == before);
        life.waiting -= 1;
        let outcome = hook(&life).last.clone();
        (life, outcome)
    }
}

fn stop(instance: &Option<Arc<dyn DynFunction>>, context: &Context) -> Result<(), Failure> {
    contain(|| instance.as_ref().map_or(Ok(()), |it| it.pre_stop(context)))
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        let instance = self.life.lock().instance.take();
        drop_contained(instance);
        // What the initializer took along is the author's too.
        drop_contained(mem::replace(&mut self.origin, Origin::Over));
    }
}

impl Invocation<'_> {
    pub(crate) fn invoke(&self, context: &Context, request: Request<'_>) -> Result<Response, Failure> {
        contain(|| match &self.instance {
            Some(instance) => instance.invoke(context, request),
            None => Err(anyhow!(OVER)),
        })
    }
}

impl Drop for Invocation<'_> {
    fn drop(&mut self) {
        let mut life = self.lifecycle.life.lock();
        life.state = step(life.state, Event::InvokeEnd).1;
        drop(life);
        drop_contained(self.instance.take());
    }
}

#[cfg(test)]
mod tests;
