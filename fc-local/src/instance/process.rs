//! One process and its group: spawn, signals, output, exit. What the process is for is not known here.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::function_output::{FunctionOutput, Role};
use super::orphans::OrphanWatch;
use super::procfs;
use super::surroundings::Surroundings;
use crate::sync::{Condvar, Mutex};

/// How long a process may take to go after SIGKILL, which it cannot refuse: only one that is stuck in the
/// kernel stays.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// A process of an instance, from its spawn on.
pub struct Process {
    pub pid: Pid,
    pub output: Arc<FunctionOutput>,
    instance_id: String,
    exit: Arc<Exit>,
    orphans: Arc<OrphanWatch>,
}

/// The exit status. It is locked for as long as the group is signalled: once the leader is reaped its id may
/// be anyone's.
#[derive(Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

impl Process {
    /// Starts `command`, which has pipes and a process group of its own, in the role `role` of an instance.
    pub fn spawn(
        mut command: Command,
        instance_id: &str,
        role: Role,
        surroundings: &Surroundings,
    ) -> io::Result<Process> {
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        surroundings.orphans.add(pid);
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("a child without pipes"));
        };
        let log = Arc::clone(&surroundings.log);
        let output = Arc::new(FunctionOutput::new(log, instance_id, role, stdout, stderr)?);
        let exit = Arc::new(Exit::default());
        let process = Process {
            pid,
            output: Arc::clone(&output),
            instance_id: instance_id.to_owned(),
            exit: Arc::clone(&exit),
            orphans: Arc::clone(&surroundings.orphans),
        };
        let (pidfd, pipes) = (pidfd_open(pid, PidfdFlags::empty())?, output.pipes()?);
        thread::Builder::new()
            .name(format!("function {}", pid.as_raw_nonzero()))
            .spawn(move || supervise(child, role, &pidfd, pipes, &output, &exit))?;
        Ok(process)
    }

    /// Signals the whole group; nothing when the process has exited.
    pub fn signal(&self, signal: Signal) {
        let status = self.exit.status.lock();
        if status.is_none() {
            let _ = kill_process_group(self.pid, signal); // it may exit this very moment
        }
    }

    pub fn exited(&self) -> Option<ExitStatus> {
        *self.exit.status.lock()
    }

    /// Waits for the exit, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let status = self.exit.status.lock();
        *self.exit.changed.wait_timeout_while(status, timeout, |status| status.is_none())
    }

    /// Ends the group: thaws it, gives it `grace` after SIGTERM when there is any, then SIGKILL.
    pub fn kill(&self, grace: Duration) {
        self.signal(Signal::CONT);
        if !grace.is_zero() {
            self.signal(Signal::TERM);
            self.wait(grace);
        }
        self.signal(Signal::KILL);
        self.wait(KILL_TIMEOUT);
        self.orphans.remove(self.pid);
    }

    /// Ends the instance: its group, and whatever left the group but still carries the instance's id.
    pub fn end(&self, grace: Duration) {
        self.kill(grace);
        procfs::kill_instances(&self.instance_id);
    }
}

/// Reads what the process prints until it exits. A function takes what is left of its group with it; an
/// Initializer may have started something that is to stay.
fn supervise(
    mut child: Child,
    role: Role,
    pidfd: &OwnedFd,
    mut pipes: Vec<OwnedFd>,
    output: &FunctionOutput,
    exit: &Exit,
) {
    loop {
        let mut waited: Vec<PollFd<'_>> =
            pipes.iter().chain([pidfd]).map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let polled = poll(&mut waited, None);
        let mut events = waited.iter().map(PollFd::revents).collect::<Vec<_>>();
        let exited = polled.is_ok() && events.pop().is_some_and(|event| !event.is_empty());
        output.drain();
        if exited {
            break;
        }
        // A pipe whose other end is closed stays ready for ever.
        let mut events = events.into_iter();
        pipes.retain(|_| !events.next().is_some_and(|event| event.contains(PollFlags::HUP)));
    }
    let mut status = exit.status.lock();
    if role == Role::Function {
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL); // often nobody is left
    }
    let result = child.wait();
    output.drain();
    *status = Some(result.unwrap_or_else(|_| ExitStatus::from_raw(0)));
    exit.changed.notify_all();
}
