//! Serving as the server sees it: it is made of a socket that listens, it starts, and it is drained.

use crate::api::{Error, ServerConfig, Stats};
use crate::clock::Clock;
use crate::platform::Lifecycle;
use crate::serve::drain;
use crate::serve::engine::{Engine, OnSignal};
use crate::serve::worker::work;
use crate::sync::Arc;
use std::net::TcpListener;

/// All that serves one listener. Its clones are the same.
#[derive(Clone)]
pub(crate) struct Serving(Arc<Engine>);

impl Serving {
    /// # Errors
    /// When the system refuses a descriptor.
    pub(crate) fn new(
        config: ServerConfig,
        lifecycle: Lifecycle,
        listener: TcpListener,
    ) -> Result<Serving, Error> {
        let clock = Arc::new(Clock::new());
        let ready = Engine::ready_set(clock.clone());
        let ready = ready.map_err(|source| Error::Start { what: "readiness set", source })?;
        Ok(Serving(Engine::new(clock, ready, config, lifecycle, listener, work)))
    }

    /// Serves on threads of its own.
    ///
    /// # Errors
    /// When the listener cannot be watched, or the system gives no thread.
    pub(crate) fn start(&self) -> Result<(), Error> {
        self.watch_listener()?;
        self.0.pool().start().map_err(|source| Error::Start { what: "first thread", source })
    }

    /// Serves until a signal, on the calling thread too where that is to be a worker: then it drains, and returns when
    /// that came to its end.
    ///
    /// # Errors
    /// When the listener cannot be watched, or the system gives no thread.
    pub(crate) fn run(&self, on_signal: OnSignal) -> Result<(), Error> {
        let is_caller_worker = on_signal.is_main_worker;
        self.0.set_on_signal(on_signal);
        if is_caller_worker {
            self.watch_listener()?;
            self.0.pool().run_first_worker();
        } else {
            self.start()?;
        }
        self.0.pool().wait_for_close();
        Ok(())
    }

    pub(crate) fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Stops: what is in flight is answered, and `pre_stop` runs. [`end`](Self::end) is to follow, or the end of
    /// the process.
    ///
    /// # Errors
    /// [`Error::DrainTimeout`] when that took too long.
    pub(crate) fn drain(&self) -> Result<(), Error> {
        drain::drain(&self.0)
    }

    /// Ends all threads but those that the author's code holds up.
    pub(crate) fn end(&self) {
        drain::end(&self.0);
    }

    fn watch_listener(&self) -> Result<(), Error> {
        let watched = self.0.acceptor().watch(self.0.ready());
        watched.map_err(|source| Error::Start { what: "readiness set", source })
    }
}
