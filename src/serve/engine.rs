//! What all workers of a server share.

use crate::api::config::ServerConfig;
use crate::api::context::Environment;
use crate::clock::Clock;
use crate::http1::Head;
use crate::net::ready::ReadySet;
use crate::net::slow_peers::Stalls;
use crate::platform::lifecycle::Lifecycle;
use crate::platform::route::Route;
use crate::serve::accept::Acceptor;
use crate::serve::connection::Connection;
use crate::threads::limit::Gate;
use crate::threads::pool::Pool;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

/// Hooks run beside `max_workers` invocations, so that the platform is answered when all of those
/// are busy. It calls one at a time; more wait.
const MAX_HOOKS: usize = 8;

/// Workers beside those that run invocations: in hooks, waiting for peers, spare. With the default of 256 that makes
/// 1,000, of the 1,024 threads that the platform allows.
const OTHER_WORKERS: usize = 744;

pub(crate) struct Shared {
    pub config: ServerConfig,
    pub clock: Arc<Clock>,
    pub ready: ReadySet,
    pub pool: Arc<Pool<Job>>,
    pub lifecycle: Lifecycle,
    pub invocations: Gate<Call>,
    pub hooks: Gate<Call>,
    pub stalls: Stalls,
    pub environment: Option<Arc<Environment>>,
    pub acceptor: Mutex<Acceptor>,
    /// How many invocations run, waiting for peers included.
    pub running: AtomicUsize,
    /// Accept waits for a connection to close.
    pub accept_paused: AtomicBool,
    pub stopping: AtomicBool,
}

/// What a worker is given to do.
pub(crate) enum Job {
    /// Serve what has arrived on this connection.
    Connection(Box<Connection>),
    /// Run this call, which waited for its turn.
    Call(Call),
}

/// A request whose head is there and that is about to run.
pub(crate) struct Call {
    pub connection: Box<Connection>,
    pub head: Head,
    pub route: Route,
}

impl Call {
    /// What it occupies while it waits for its turn.
    pub fn held_bytes(&self) -> usize {
        self.connection.held_bytes() + self.head.allocated()
    }
}

impl Shared {
    pub fn new(config: ServerConfig, lifecycle: Lifecycle, listener: TcpListener) -> std::io::Result<Shared> {
        let clock = Arc::new(Clock::new());
        Ok(Shared {
            invocations: Gate::new(config.max_workers),
            hooks: Gate::new(MAX_HOOKS),
            environment: config.environment.then(Arc::default),
            pool: Arc::new(Pool::new(clock.clone(), config.max_workers.saturating_add(OTHER_WORKERS))),
            config,
            ready: ReadySet::new()?,
            lifecycle,
            stalls: Stalls::default(),
            acceptor: Mutex::new(Acceptor::new(listener)),
            clock,
            running: AtomicUsize::new(0),
            accept_paused: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })
    }
}
