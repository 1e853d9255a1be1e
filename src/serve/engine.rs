//! What all workers of a server have in common: its parts, and the questions that concern several of them.

use crate::api::{Context, Error, LazyVariables, ServerConfig, Stats};
use crate::clock::Clock;
use crate::contain::report;
use crate::http1::{CloseReason, Head, Limits};
use crate::log::LifecycleLine;
use crate::net::{MAX_SLOW_PEERS, ReadySet};
use crate::platform::{Hook, Lifecycle, Refusal, Route, Routing};
use crate::serve::accept::{Accepted, Acceptor, PAUSE};
use crate::serve::blocking::Waits;
use crate::serve::connection::{Connection, PendingCall, Turn};
use crate::signals::{EndAtOnce, Signals};
use crate::sync::{Arc, AtomicBool, OnceLock, Ordering, Weak, sleep};
use crate::threads::{ConcurrencyLimit, MAX_SPARES, Pool, Task, WorkerSlot};
use log::Level;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::time::Duration;

/// Hooks run beside `max_workers` invocations, so that the platform is answered when all of those are busy.
/// It calls one at a time; more wait.
const MAX_HOOKS: usize = 8;

/// What the platform allows an instance, processes and threads together.
const MAX_THREADS: usize = 1024;

/// Threads beside the workers that run invocations: 1,024, less the default of those (256), and less 24 that are
/// no workers.
const OTHER_WORKERS: usize = 744;

const _: () = assert!(
    ServerConfig::DEFAULT_MAX_WORKERS + OTHER_WORKERS <= MAX_THREADS - 24
        && MAX_HOOKS + MAX_SLOW_PEERS + MAX_SPARES <= OTHER_WORKERS,
    "with the defaults, all workers that there may be stay below the platform's limit"
);

/// What unfinished requests of all waiting connections may hold together.
const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

pub(super) struct Engine {
    clock: Arc<Clock>,
    ready: ReadySet<Connection>,
    acceptor: Acceptor,
    pool: Arc<Pool<Box<Connection>>>,
    waits: Waits,
    limits: Limits,
    routing: Routing,
    lifecycle: Lifecycle,
    lifecycle_lines: bool,
    environment: Option<Arc<LazyVariables>>,
    /// What a start leaves for later has not been done: until then whoever waits looks whether a signal has come.
    is_idle_awaited: AtomicBool,
    is_ending_looking: AtomicBool,
    invocations: Arc<ConcurrencyLimit<PendingCall>>,
    hooks: Arc<ConcurrencyLimit<PendingCall>>,
    drain_timeout: Duration,
    idle_grace: Duration,
    stack_size: usize,
    is_stopping: AtomicBool,
    has_invoked_alone: AtomicBool,
    /// Where the process is this server's.
    on_signal: OnceLock<OnSignal>,
    is_stopped_by_signal: AtomicBool,
}

/// How a process is stopped.
pub(crate) struct OnSignal {
    pub signals: Signals,
    /// Whether the process's first thread is its first worker.
    pub is_main_worker: bool,
    pub drain_failed: fn(&Error),
}

/// What a worker's thread runs.
type WorkerMain = fn(&Arc<Engine>, &WorkerSlot, Task<Box<Connection>>);

/// A limit whose queued calls run on the engine.
fn limit(engine: &Weak<Engine>, limit: usize) -> Arc<ConcurrencyLimit<PendingCall>> {
    let engine = engine.clone();
    ConcurrencyLimit::new(limit, move |call: PendingCall, permit| match engine.upgrade() {
        Some(engine) => {
            let PendingCall { mut connection, head, route } = call;
            connection.wait_for_worker(Some(Turn { head, route, permit: Some(permit) }));
            engine.dispatch(connection);
        }
        None => permit.clear_queue(),
    })
}

impl Engine {
    /// Where connections are until somebody serves them.
    pub(super) fn ready_set(clock: Arc<Clock>) -> io::Result<ReadySet<Connection>> {
        ReadySet::new(clock, MAX_HELD_BYTES)
    }

    /// All that serves `listener`, by the time of `clock`; what each of its workers runs is `main`. Inlined, it
    /// would leave its frame on the stack of the first worker's thread for life.
    #[inline(never)]
    pub(super) fn new(
        clock: Arc<Clock>,
        ready: ReadySet<Connection>,
        config: ServerConfig,
        lifecycle: Lifecycle,
        listener: TcpListener,
        main: WorkerMain,
    ) -> Arc<Engine> {
        Arc::new_cyclic(|engine| {
            let max_workers = config.max_workers.saturating_add(OTHER_WORKERS);
            let workers_engine = engine.clone();
            let run = move |task, slot: &WorkerSlot| {
                if let Some(engine) = workers_engine.upgrade() {
                    main(&engine, slot, task);
                }
            };
            let pool = Arc::new(Pool::new(clock.clone(), max_workers, config.stack_size, run));
            Engine {
                ready,
                acceptor: Acceptor::new(clock.clone(), listener, config.max_connections, config.limits),
                waits: Waits::new(
                    clock.clone(),
                    pool.clone(),
                    config.limits.body_timeout,
                    config.write_timeout,
                ),
                pool,
                limits: config.limits,
                routing: Routing {
                    hooks: config.hooks,
                    health_path: config.health_path,
                    metrics_path: config.metrics_path.map(|it| it.path),
                },
                lifecycle,
                lifecycle_lines: config.lifecycle_lines,
                is_idle_awaited: AtomicBool::new(config.environment),
                is_ending_looking: AtomicBool::new(false),
                environment: config.environment.then(Arc::default),
                invocations: limit(engine, config.max_workers),
                hooks: limit(engine, MAX_HOOKS),
                drain_timeout: config.drain_timeout,
                idle_grace: config.idle_grace,
                stack_size: config.stack_size,
                is_stopping: AtomicBool::new(false),
                has_invoked_alone: AtomicBool::new(false),
                on_signal: OnceLock::new(),
                is_stopped_by_signal: AtomicBool::new(false),
                clock,
            }
        })
    }

    /// Has a worker serve this: a spare, a new one, or when there is neither, the next one that waits.
    pub(super) fn dispatch(&self, connection: Box<Connection>) {
        if let Err(connection) = self.pool.dispatch(connection)
            && let Err(connection) = self.ready.requeue(connection)
        {
            // Without a thread and without a descriptor nobody will ever come to it.
            connection.socket().cut();
            self.close(connection, CloseReason::Exhaustion);
        }
    }

    /// Closes a connection, and accepts again where that waited for it.
    pub(super) fn close(&self, connection: Box<Connection>, reason: CloseReason) {
        let open = self.ready.close(&connection);
        drop(connection); // its descriptor is free before the next one is accepted
        if self.acceptor.is_waiting_for_close(open) {
            self.accept();
        }
        self.debug(format_args!("connection closed: {reason}"));
    }

    /// A line of a worker's that runs no call. The program's logger may take its time, and somebody waits meanwhile.
    pub(super) fn debug(&self, line: fmt::Arguments<'_>) {
        if log::max_level() >= Level::Debug {
            self.pool.ensure_waiting();
            report!(Level::Debug, "{line}");
        }
    }

    /// Accepts what has queued up.
    pub(super) fn accept(&self) {
        loop {
            let Accepted { line, is_stuck } = self.acceptor.accept(&self.ready);
            if is_stuck || line.is_some() {
                self.pool.ensure_waiting(); // the program's logger may take its time
            }
            if let Some(line) = line {
                report!(Level::Warn, "{line}");
            }
            if !is_stuck {
                return;
            }
            sleep(PAUSE);
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn ready(&self) -> &ReadySet<Connection> {
        &self.ready
    }

    pub(super) fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    pub(super) fn pool(&self) -> &Arc<Pool<Box<Connection>>> {
        &self.pool
    }

    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(super) fn drain_timeout(&self) -> Duration {
        self.drain_timeout
    }

    /// How long an idle connection may still ask once the server stops.
    pub(super) fn idle_grace(&self) -> Duration {
        self.idle_grace
    }

    /// Of every thread that runs the author's code.
    pub(super) fn stack_size(&self) -> usize {
        self.stack_size
    }

    /// Memory for the contexts of one worker's requests.
    pub(super) fn context(&self) -> Context {
        Context::new(self.environment.clone(), self.routing.hooks)
    }

    pub(super) fn route(&self, head: &Head) -> Result<Route, Refusal> {
        self.routing.route(head)
    }

    /// Whether there is a platform that reads `x-fc-status`.
    pub(super) fn has_platform(&self) -> bool {
        self.routing.hooks
    }

    /// Writes the Start line of a call, where those lines are wanted.
    pub(super) fn lifecycle_line<'a>(
        &self,
        call: &'static str,
        request_id: &'a str,
    ) -> Option<LifecycleLine<'a>> {
        self.lifecycle_lines.then(|| LifecycleLine::start(call, request_id))
    }

    /// The limit at which calls of this route wait for their turn; `None` for what runs no code of the author's.
    pub(super) fn limit_of(&self, route: Route) -> Option<&Arc<ConcurrencyLimit<PendingCall>>> {
        match route {
            Route::Invoke(_) => Some(&self.invocations),
            Route::Hook(_) => Some(&self.hooks),
            Route::Health | Route::Metrics => None,
        }
    }

    /// Whether a call runs on the one thread that there is so far. Then nobody is to be served beside it: it is the
    /// platform's Initializer, or the one invocation that may run.
    pub(super) fn runs_alone(&self, route: Route, head: &Head) -> bool {
        let needs_nobody = match route {
            Route::Hook(Hook::Initialize) => {
                let is_probed = self.routing.health_path.is_some();
                !is_probed && self.routing.is_platforms(head) && self.lifecycle.initializes_alone()
            }
            Route::Invoke(_) => self.invocations.is_one() && !self.has_invoked_alone.load(Ordering::SeqCst),
            Route::Hook(_) | Route::Health | Route::Metrics => false,
        };
        needs_nobody && self.on_signal.get().is_some_and(|it| it.is_main_worker) && self.pool.has_one_worker()
    }

    /// A call that ran alone is answered: the second worker is made, but not where one invocation runs at a time. Then the next
    /// request makes it, or the one after the first invocation: what runs after a response delays whoever reads it on
    /// the same core.
    pub(super) fn end_alone(&self, route: Route) {
        match route {
            Route::Invoke(_) => self.has_invoked_alone.store(true, Ordering::SeqCst),
            _ if self.invocations.is_one() => {}
            _ => self.pool.ensure_waiting(),
        }
    }

    /// Until this is dropped a signal ends the process at once: nobody looks at it, and there is nothing to stop. `None`
    /// when one has come.
    pub(super) fn end_at_once(&self) -> Option<EndAtOnce<'_>> {
        self.on_signal.get()?.signals.end_at_once()
    }

    /// What it has done, and does now: in this order, so that no call is both.
    pub(super) fn stats(&self) -> Stats {
        let done = Stats::of(self.pool.totals());
        Stats {
            in_flight: self.invocations.begun(),
            queued: self.invocations.queued(),
            threads: self.pool.workers(),
            connections: self.ready.open(),
            ..done
        }
    }

    /// How many invocations have begun and not ended.
    pub(super) fn begun(&self) -> usize {
        self.invocations.begun()
    }

    /// Whether an invocation or a hook runs, or waits for its turn.
    pub(super) fn is_in_flight(&self) -> bool {
        !self.invocations.is_idle() || !self.hooks.is_idle()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    pub(super) fn begin_stopping(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
    }

    /// Whether somebody is to notice when there is nothing to do.
    pub(crate) fn is_idle_awaited(&self) -> bool {
        self.is_idle_awaited.load(Ordering::Relaxed)
    }

    /// Has the readiness set report the signal to stop, instead of everybody looking. Whether this did it; whether a signal
    /// came before that is to be looked at afterwards.
    pub(super) fn end_looking(&self) -> bool {
        if !self.is_idle_awaited() || self.is_ending_looking.swap(true, Ordering::SeqCst) {
            return false;
        }
        let watch = |signals: &Signals| signals.pipe().and_then(|pipe| self.ready.add_stop(pipe.as_fd()));
        let is_watched = self.on_signal.get().is_none_or(|on_signal| watch(&on_signal.signals).is_ok());
        // Without a descriptor whoever waits goes on looking.
        self.is_idle_awaited.store(!is_watched, Ordering::SeqCst);
        self.is_ending_looking.store(false, Ordering::SeqCst);
        is_watched
    }

    /// Looks at the whole environment, which takes ten system calls with musl: a start leaves it for later.
    pub(super) fn warn_of_unknown_variables(&self) {
        if self.environment.is_some() {
            // Before the first line, since the program's logger may take its time.
            ServerConfig::warn_of_unknown_variables(|| self.pool.ensure_waiting());
        }
    }

    /// Has a signal lead to a drain.
    pub(super) fn set_on_signal(&self, on_signal: OnSignal) {
        let _ = self.on_signal.set(on_signal); // once
        self.is_idle_awaited.store(true, Ordering::SeqCst);
    }

    /// Whether a signal has come, and nobody has taken care of it.
    pub(super) fn is_stop_due(&self) -> bool {
        let have_come = self.on_signal.get().is_some_and(|on_signal| on_signal.signals.have_come());
        have_come && !self.is_stopped_by_signal.load(Ordering::SeqCst)
    }

    /// How the process is stopped, for whoever takes care of that.
    pub(super) fn take_on_signal(&self) -> Option<&OnSignal> {
        self.on_signal.get().filter(|_| !self.is_stopped_by_signal.swap(true, Ordering::SeqCst))
    }
}
