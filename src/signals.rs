//! SIGTERM and SIGINT: the first one is noted, for whoever looks, and the second one ends the process at once, whoever
//! runs. What is done about the first one is not decided here.

use crate::sync::{Arc, AtomicBool, OnceLock, Ordering};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::io::ioctl_fionread;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::io::{self, PipeReader};

/// They wait for as long as this lives: the port may be seen to be open before anything handles them.
pub(crate) struct Held {
    /// What was held before.
    mask: SigSet,
}

impl Held {
    /// By the calling thread: where the program has made others, those are told of them.
    pub(crate) fn new() -> io::Result<Held> {
        let signals: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
        Ok(Held { mask: signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)? })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.mask.thread_set_mask(); // fails for a mask that is none
    }
}

pub(crate) struct Signals {
    /// One has come; while this is set, the next one ends the process.
    has_come: Arc<AtomicBool>,
    /// Readable once one has come, since it was asked for.
    pipe: OnceLock<PipeReader>,
}

impl Signals {
    /// From now on they are noted; until then they end the process.
    pub(crate) fn register() -> io::Result<Signals> {
        let has_come = Arc::new(AtomicBool::new(true));
        // What is registered first is done first.
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_shutdown(signal, 128 + signal, has_come.clone())?;
        }
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, has_come.clone())?;
        }
        has_come.store(false, Ordering::SeqCst);
        Ok(Signals { has_come, pipe: OnceLock::new() })
    }

    pub(crate) fn have_come(&self) -> bool {
        self.has_come.load(Ordering::SeqCst)
    }

    /// What becomes readable with the first one. Whether one has come before is to be looked at afterwards.
    pub(crate) fn pipe(&self) -> io::Result<&PipeReader> {
        if let Some(pipe) = self.pipe.get() {
            return Ok(pipe);
        }
        let (pipe, notify) = io::pipe()?;
        let first = low_level::pipe::register(SIGTERM, notify.try_clone()?)?;
        // Who is told so tries again.
        low_level::pipe::register(SIGINT, notify).inspect_err(|_| {
            low_level::unregister(first);
        })?;
        Ok(self.pipe.get_or_init(|| pipe))
    }

    /// One has come. Where another one came before anybody looked, this ends the process.
    pub(crate) fn taken(&self) {
        // Two handlers that run at a time may each take the other's signal for none. Each has written a byte.
        if self.pipe.get().is_some_and(|pipe| ioctl_fionread(pipe).is_ok_and(|count| count > 1)) {
            // Which of two was the second one the pipe does not say. The system has them run in this order.
            low_level::exit(128 + SIGINT);
        }
    }

    /// Until this is dropped the first one ends the process at once too. `None` when one has come. No other thread may run
    /// their handlers meanwhile: there is one thread alone.
    pub(crate) fn end_at_once(&self) -> Option<EndAtOnce<'_>> {
        (!self.has_come.swap(true, Ordering::SeqCst)).then(|| EndAtOnce(self))
    }
}

/// As long as there is nothing that a stop would have to do.
pub(crate) struct EndAtOnce<'a>(&'a Signals);

impl Drop for EndAtOnce<'_> {
    fn drop(&mut self) {
        self.0.has_come.store(false, Ordering::SeqCst); // otherwise the process has ended
    }
}
