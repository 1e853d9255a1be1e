//! Which cores the client and the server run on, so that the scheduler's moods are not what is measured.

use crate::Running;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::{io, process::Command};

/// The cores this process may use, all of them again when this is dropped, and two of them.
pub struct Cores {
    all: CpuSet,
    first: CpuSet,
    last: CpuSet,
}

impl Cores {
    pub fn of_this_process() -> io::Result<Cores> {
        let all = sched_getaffinity(None)?;
        let only = |core: Option<usize>| {
            let mut set = CpuSet::new();
            core.into_iter().for_each(|core| set.set(core));
            set
        };
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        let (first, last) = (cores.next(), cores.next_back());
        Ok(Cores { all, first: only(first), last: only(last.or(first)) })
    }

    /// Both start on the last core, as a parent and its child do; then the client goes to the first, and the server may use
    /// all. The scheduler often keeps both on one core for a while: the client's looks are a time slice apart then.
    pub fn spawn_apart(&self, command: Command, port: u16) -> io::Result<Running> {
        let running = Running::spawn(command, port)?;
        sched_setaffinity(Some(running.pid()), &self.all)?;
        sched_setaffinity(None, &self.first)?;
        Ok(running)
    }

    /// To be called before the clock of a start begins.
    pub fn before_spawn(&self) -> io::Result<()> {
        Ok(sched_setaffinity(None, &self.last)?)
    }

    /// From here on this process, what it starts and this server share one core, and what is measured is not the waking of
    /// a core that sleeps, or does not. The server has made its threads before, as many as for all cores.
    pub fn share_one(&self, server: &Running) -> io::Result<()> {
        self.hold(server, &self.first)
    }

    /// From here on both may use all cores.
    pub fn share_all(&self, server: &Running) -> io::Result<()> {
        self.hold(server, &self.all)
    }

    fn hold(&self, server: &Running, cores: &CpuSet) -> io::Result<()> {
        server.tasks().into_iter().try_for_each(|task| sched_setaffinity(Some(task), cores))?;
        Ok(sched_setaffinity(None, cores)?)
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.all); // it was permitted before
    }
}
