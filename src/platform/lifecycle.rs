//! When the author's function runs: one table. Bodies of responses, which run later, are not in here.
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
//! A request's event (Initialize, Invoke, PreStop) is answered at once (Done), runs the hook (Run), is served
//! (Serve), or waits for the hook that runs (Wait) and then takes part in its outcome. The other events only
//! move the state (Keep). An invocation that begins or ends while or after `pre_stop` runs leads back to
//! Ready, so that what it collected is flushed by the next one. SIGTERM is PreStop too.

use crate::api::{Context, Function, Request, Response};
use crate::platform::contain::{Failure, OnUnwind, contain, drop_contained};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard};

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

/// A function's life.
pub(crate) struct Lifecycle {
    initializer: Box<Initializer>,
    life: Mutex<Life>,
    hook_ended: Condvar,
}

struct Life {
    state: State,
    instance: Option<Arc<dyn Instance>>,
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
    instance: Option<Arc<dyn Instance>>,
}

impl Lifecycle {
    pub fn new(initializer: Box<Initializer>) -> Lifecycle {
        let life = Life {
            state: State::Created,
            instance: None,
            initialize: HookOutcome::none(),
            pre_stop: HookOutcome::none(),
            waiting: 0,
        };
        Lifecycle { initializer, life: Mutex::new(life), hook_ended: Condvar::default() }
    }

    /// The Initializer hook: at most one success per life; those that come meanwhile share the outcome.
    pub fn initialize(&self, context: &Context) -> Result<(), Failure> {
        let mut life = self.life.lock();
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
        let mut life = self.life.lock();
        loop {
            let (action, state) = step(life.state, Event::Invoke);
            life.state = state;
            match action {
                Action::Run => {
                    self.run_initialize(life, context)?;
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
                Action::Serve | Action::Done | Action::Keep => {
                    return Ok(Invocation { lifecycle: self, instance: life.instance.clone() });
                }
            }
        }
    }

    /// The PreStop hook, and the end by signal. Runs at most once for what was collected so far.
    pub fn pre_stop(&self, context: &Context) -> Result<(), Failure> {
        let mut life = self.life.lock();
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
        let unwinding = OnUnwind::new(|| drop(self.end_initialize(Err(Failure::broken_off()))));
        let built = contain(|| (self.initializer)(context)).map_err(Failure::in_initialize);
        unwinding.disarm();
        self.end_initialize(built)
    }

    fn end_initialize(&self, built: Result<Arc<dyn Instance>, Failure>) -> Result<(), Failure> {
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

    fn run_pre_stop(&self, life: Locked<'_>, context: &Context) -> Result<(), Failure> {
        let instance = life.instance.clone();
        drop(life);
        let unwinding = OnUnwind::new(|| drop(self.end_pre_stop(Err(Failure::broken_off()))));
        let outcome = contain(|| instance.as_ref().map_or(Ok(()), |it| it.pre_stop(context)));
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

impl Drop for Lifecycle {
    fn drop(&mut self) {
        drop_contained(self.life.lock().instance.take());
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
        let mut life = self.lifecycle.life.lock();
        life.state = step(life.state, Event::InvokeEnd).1;
        drop(life);
        drop_contained(self.instance.take());
    }
}

#[cfg(test)]
mod tests;
