//! SIGTERM and SIGINT: the first one is noted, for whoever looks, and the second one ends the process at once, whoever
//! runs. What is done about the first one is not decided here.

use crate::sync::{Arc, AtomicBool, OnceLock, Ordering};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
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
    /// Which of the two have come; while one of these is set, the next signal ends the process.
    have_come: [Arc<AtomicBool>; 2],
    /// Readable once one has come, since it was asked for.
    pipe: OnceLock<PipeReader>,
}

impl Signals {
    /// From now on they are noted; until then they end the process.
    pub(crate) fn register() -> io::Result<Signals> {
        let have_come = [true, true].map(|it| Arc::new(AtomicBool::new(it)));
        let [term, int] = &have_come;
        // What is registered first is done first. Each looks at its own flag, sets that, and looks at the other one: of two handlers
        // that run at a time, or one within the other, at least one sees both.
        for (signal, flag) in [(SIGTERM, term), (SIGINT, int)] {
            flag::register_conditional_shutdown(signal, 128 + signal, flag.clone())?;
        }
        for (signal, flag) in [(SIGTERM, term), (SIGINT, int)] {
            flag::register(signal, flag.clone())?;
        }
        for (signal, flag) in [(SIGTERM, int), (SIGINT, term)] {
            flag::register_conditional_shutdown(signal, 128 + signal, flag.clone())?;
        }
        have_come.iter().for_each(|flag| flag.store(false, Ordering::SeqCst));
        Ok(Signals { have_come, pipe: OnceLock::new() })
    }

    pub(crate) fn have_come(&self) -> bool {
        self.have_come.iter().any(|flag| flag.load(Ordering::SeqCst))
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

    /// Until this is dropped the first one ends the process at once too. `None` when one has come. No other thread may run
    /// their handlers meanwhile: there is one thread alone.
    pub(crate) fn end_at_once(&self) -> Option<EndAtOnce<'_>> {
        let [term, int] = &self.have_come;
        let has_come = int.load(Ordering::SeqCst) || term.swap(true, Ordering::SeqCst);
        (!has_come).then(|| EndAtOnce(term))
    }
}

/// As long as there is nothing that a stop would have to do.
pub(crate) struct EndAtOnce<'a>(&'a AtomicBool);

impl Drop for EndAtOnce<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst); // otherwise the process has ended
    }
}
