//! One function process and its group: spawn, signals, exit. What the process is for is not known here.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::function::Function;
use crate::function::environment;
use crate::instance::function_output::{Output, Role};
use crate::instance::orphans::Watcher;
use crate::instance::procfs;
use crate::log::Log;
use crate::sync::{Condvar, Mutex, MutexGuard};

pub struct Process {
    pub pid: Pid,
    instance: String,
    pub output: Arc<Output>,
    exit: Arc<Exit>,
    watcher: Arc<Watcher>,
}

/// Locked for as long as the group is signalled: once the leader is reaped its id may be anyone's.
#[derive(Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

impl Exit {
    fn lock(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock()
    }
}

/// Starts `command`, one that [`command`] made, in the role `role` of `instance`.
pub fn spawn(
    mut command: Command,
    instance: &str,
    role: Role,
    log: &Arc<Log>,
    watcher: &Arc<Watcher>,
) -> io::Result<Process> {
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    watcher.add(pid);
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("a child without pipes"));
    };
    let output = Arc::new(Output::new(Arc::clone(log), instance, role, stdout, stderr)?);
    let exit = Arc::new(Exit::default());
    let process = Process {
        pid,
        instance: instance.to_owned(),
        output: Arc::clone(&output),
        exit: Arc::clone(&exit),
        watcher: Arc::clone(watcher),
    };
    let (pidfd, pipes) = (pidfd_open(pid, PidfdFlags::empty())?, output.pipes()?);
    thread::Builder::new()
        .name(format!("function {}", pid.as_raw_nonzero()))
        .spawn(move || supervise(child, role, &pidfd, pipes, &output, &exit))?;
    Ok(process)
}

/// A command in the instance's environment and a process group of its own.
pub fn command(function: &Function, words: &[String], instance: &str, port: u16) -> Command {
    let mut words = words.iter().map(|word| function.mapped(word));
    let mut command = Command::new(words.next().unwrap_or_default());
    command
        .args(words)
        .current_dir(&function.code)
        .env_clear()
        .envs(environment::of(function, instance, port))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Reads what the process prints until it exits. A function takes what is left of its group with it; an Initializer may
/// have started something that is to stay.
fn supervise(
    mut child: Child,
    role: Role,
    pidfd: &OwnedFd,
    mut pipes: Vec<OwnedFd>,
    output: &Output,
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
    let mut status = exit.lock();
    if role == Role::Function {
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL); // often nobody is left
    }
    let result = child.wait();
    output.drain();
    *status = Some(result.unwrap_or_else(|_| ExitStatus::from_raw(0)));
    exit.changed.notify_all();
}

impl Process {
    /// Signals the whole group; nothing when the process has exited.
    pub fn signal(&self, signal: Signal) {
        let exited = self.exit.lock();
        if exited.is_none() {
            let _ = kill_process_group(self.pid, signal); // it may exit this very moment
        }
    }

    pub fn exited(&self) -> Option<ExitStatus> {
        *self.exit.lock()
    }

    /// Waits for the exit, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        *self.exit.changed.wait_timeout_while(self.exit.lock(), timeout, |status| status.is_none())
    }

    /// Ends the group: thaws it, gives it `grace` after SIGTERM when there is any, then SIGKILL.
    pub fn kill(&self, grace: Duration) {
        self.signal(Signal::CONT);
        if !grace.is_zero() {
            self.signal(Signal::TERM);
            self.wait(grace);
        }
        self.signal(Signal::KILL);
        // SIGKILL cannot be refused; only a process stuck in the kernel would outlive this.
        self.wait(Duration::from_secs(5));
        self.watcher.remove(self.pid);
    }

    /// Ends the instance: its group, and whatever left the group but still carries the instance's id.
    pub fn end(&self, grace: Duration) {
        self.kill(grace);
        procfs::kill_tagged(&self.instance);
    }
}

/// `code 2, message:no such file or directory`: the platform reads an exit code as an errno.
pub fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "code 0, message:success".to_owned(),
        (Some(code), _) => format!("code {code}, message:{}", strerror(code)),
        (None, Some(signal)) => format!("code {}, message:killed by signal {signal}", 128 + signal),
        (None, None) => "code unknown, message:unknown".to_owned(),
    }
}

/// The system's text for an errno, in the platform's lower case.
pub fn strerror(code: i32) -> String {
    let text = io::Error::from_raw_os_error(code).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}
