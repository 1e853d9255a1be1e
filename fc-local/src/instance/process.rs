//! One process of an instance and all that it starts: spawn, signals, freeze, output, exit. What the process is for is
//! not known here, nor how those that leave its group are kept together.

use std::collections::HashSet;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

use super::function_output::{FunctionOutput, Role};
use super::procfs;
use super::supervisor::{Report, Started, Supervisor};
use super::surroundings::{Alive, Surroundings};
use crate::sync::{Condvar, Mutex};

/// How long a stop waits for the end of a process. Its supervisor takes less, unless something is stuck in the kernel.
const END_TIMEOUT: Duration = Duration::from_secs(6);

/// How often new processes are looked for at a freeze: one pass more than there are generations that fork right then.
const FREEZE_PASSES: usize = 100;

/// A process of an instance, from its spawn on, with all that it starts. Dropped, all of it ends.
pub struct Process {
    pub pid: Pid,
    pub output: Arc<FunctionOutput>,
    supervisor: Pid,
    /// Its shutdown is the end of all of it.
    control: UnixStream,
    life: Arc<Life>,
}

/// Locked for as long as anybody is signalled: once a process has been reaped, its id may be anyone's.
#[derive(Default)]
struct Life {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// That of the process itself.
    status: Option<ExitStatus>,
    /// Nothing of it is left, its supervisor included.
    is_gone: bool,
    freeze: Freeze,
    /// Those that were frozen one by one.
    frozen: HashSet<Pid>,
}

/// Who is frozen.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Freeze {
    #[default]
    Nobody,
    Group,
    All,
}

/// All of a process, for whoever looks at it and does nothing to it.
#[derive(Clone)]
pub struct Family {
    supervisor: Pid,
    life: Arc<Life>,
}

impl Family {
    /// All that runs now.
    pub fn members(&self) -> Vec<Pid> {
        let is_gone = self.life.state.lock().is_gone;
        if is_gone { Vec::new() } else { procfs::descendants(self.supervisor) }
    }
}

impl Process {
    /// Takes charge of what `run` starts, in the role `role` of an instance.
    pub fn spawn(
        run: impl FnOnce() -> io::Result<Started>,
        instance_id: &str,
        role: Role,
        surroundings: &Arc<Surroundings>,
    ) -> io::Result<Process> {
        let alive = Surroundings::begin_process(surroundings);
        // Whatever fails from here on, the supervisor's drop ends it.
        let Started { supervisor, pid, finds_all, stdout, stderr } = run()?;
        if !finds_all {
            surroundings.warn_of_lost_processes();
        }
        let log = Arc::clone(&surroundings.log);
        let output = Arc::new(FunctionOutput::new(log, instance_id, role, stdout, stderr)?);
        let life = Arc::new(Life::default());
        let process = Process {
            pid,
            output: Arc::clone(&output),
            supervisor: supervisor.pid(),
            control: supervisor.control().try_clone()?,
            life: Arc::clone(&life),
        };
        let watched = Watched {
            supervisor,
            leader: pid,
            finds_all,
            instance_id: instance_id.to_owned(),
            _alive: alive,
        };
        let pipes = output.pipes()?;
        thread::Builder::new()
            .name(format!("function {}", pid.as_raw_nonzero()))
            .spawn(move || watched.follow(pipes, &output, &life))?;
        Ok(process)
    }

    /// A process that is where all of it is, and there for as long.
    pub fn supervisor(&self) -> Pid {
        self.supervisor
    }

    /// Signals all of it.
    pub fn signal(&self, signal: Signal) {
        let found = self.members();
        let state = self.life.state.lock();
        self.signal_group(&state, signal);
        if !state.is_gone {
            found.into_iter().for_each(|pid| send(pid, signal));
        }
    }

    /// Stops its group, until [`thaw`](Self::thaw). Looks for nobody, so that it may be done under a lock.
    pub fn freeze(&self) {
        let mut state = self.life.state.lock();
        self.signal_group(&state, Signal::STOP);
        state.freeze = Freeze::Group;
    }

    /// Stops who is not in the group, unless it has been thawed meanwhile: one by one, until there is nobody who could
    /// have started another.
    pub fn freeze_rest(&self) {
        for _ in 0..FREEZE_PASSES {
            if self.life.state.lock().freeze != Freeze::Group {
                return;
            }
            let found = self.members();
            let mut state = self.life.state.lock();
            if state.freeze != Freeze::Group || state.is_gone {
                return;
            }
            let is_new = |pid: &Pid| !state.frozen.contains(pid) && !self.is_in_group(&state, *pid);
            let new: Vec<Pid> = found.into_iter().filter(is_new).collect();
            if new.is_empty() {
                state.freeze = Freeze::All;
            }
            new.iter().for_each(|pid| send(*pid, Signal::STOP));
            state.frozen.extend(new);
        }
    }

    /// Lets all that was frozen go on. On the way of a call: it looks for nobody.
    pub fn thaw(&self) {
        let mut state = self.life.state.lock();
        self.signal_group(&state, Signal::CONT);
        state.freeze = Freeze::Nobody;
        let frozen = std::mem::take(&mut state.frozen);
        if !state.is_gone {
            frozen.into_iter().for_each(|pid| send(pid, Signal::CONT));
        }
    }

    /// All of it that runs now. Whoever signals them makes sure that it is not gone meanwhile.
    pub fn members(&self) -> Vec<Pid> {
        self.family().members()
    }

    pub fn family(&self) -> Family {
        Family { supervisor: self.supervisor, life: Arc::clone(&self.life) }
    }

    pub fn exited(&self) -> Option<ExitStatus> {
        self.life.state.lock().status
    }

    /// Waits for the exit of the process itself, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let state = self.life.state.lock();
        self.life.changed.wait_timeout_while(state, timeout, |state| state.status.is_none()).status
    }

    /// Ends all of it: thaws it, gives it `grace` after SIGTERM when there is any, then SIGKILL.
    pub fn end(&self, grace: Duration) {
        if !grace.is_zero() {
            self.signal(Signal::CONT);
            self.signal(Signal::TERM);
            self.wait(grace);
        }
        self.begin_end();
        let state = self.life.state.lock();
        drop(
            self.life
                .changed
                .wait_timeout_while(state, END_TIMEOUT, |state| !state.is_gone || state.status.is_none()),
        );
    }

    /// The supervisor does the rest; it needs nothing of this process for it, neither descriptor nor thread.
    fn begin_end(&self) {
        let state = self.life.state.lock();
        // It begins here, while the supervisor wakes up.
        self.signal_group(&state, Signal::KILL);
        if !state.is_gone {
            // Somebody below it may have stopped it.
            send(self.supervisor, Signal::CONT);
        }
        drop(state);
        let _ = self.control.shutdown(Shutdown::Write); // it may have gone already
    }

    /// Whether a signal to the group reaches `pid`.
    fn is_in_group(&self, state: &State, pid: Pid) -> bool {
        state.status.is_none() && getpgid(Some(pid)).is_ok_and(|group| group == self.pid)
    }

    /// What needs no look into /proc, for which there may be no descriptor.
    fn signal_group(&self, state: &State, signal: Signal) {
        if state.status.is_none() && !state.is_gone {
            let _ = kill_process_group(self.pid, signal); // it may exit this very moment
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.begin_end();
    }
}

fn send(pid: Pid, signal: Signal) {
    let _ = kill_process(pid, signal); // it may be gone already
}

/// A supervisor, for the thread that listens to it.
struct Watched {
    supervisor: Supervisor,
    leader: Pid,
    finds_all: bool,
    instance_id: String,
    _alive: Alive,
}

impl Watched {
    /// Reads what the process prints and hears of its exit, until nothing of it is left.
    fn follow(mut self, mut pipes: Vec<OwnedFd>, output: &FunctionOutput, life: &Life) {
        loop {
            let control = self.supervisor.control().as_fd();
            let fds = pipes.iter().map(AsFd::as_fd).chain([control]);
            let mut waited: Vec<PollFd<'_>> =
                fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            let polled = poll(&mut waited, None);
            let mut events = waited.iter().map(PollFd::revents).collect::<Vec<_>>();
            let has_report = polled.is_ok() && events.pop().is_some_and(|event| !event.is_empty());
            output.drain();
            if has_report {
                match self.supervisor.report() {
                    Ok(Some(Report::Exited { status })) => life.exit(status),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
            // A pipe whose other end is closed stays ready for ever.
            let mut events = events.into_iter();
            pipes.retain(|_| !events.next().is_some_and(|event| event.contains(PollFlags::HUP)));
        }
        let mut state = life.state.lock();
        state.is_gone = true;
        if !self.supervisor.wait() || !self.finds_all {
            // What can be found without a supervisor, which somebody has killed, or which is no reaper here.
            let _ = kill_process_group(self.leader, Signal::KILL); // often nobody is left
            procfs::kill_instances(&self.instance_id);
        }
        drop(state);
        output.drain();
        life.exit(Signal::KILL.as_raw());
    }
}

impl Life {
    /// Takes note of the status of the process, unless it has one.
    fn exit(&self, status: i32) {
        self.state.lock().status.get_or_insert(ExitStatus::from_raw(status));
        self.changed.notify_all();
    }
}
