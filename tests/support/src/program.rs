//! A program that a test runs: what it says and its end are events.

use std::fs;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::lines::Lines;
use crate::wait::WATCHDOG;

/// A running program; it is killed when the test is over.
pub struct Program {
    pub pid: u32,
    /// Set when the command has a pipe for it.
    pub stdin: Option<ChildStdin>,
    /// What it says on either pipe.
    pub said: Lines,
    stdout: Lines,
    stderr: Lines,
    ending: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
}

impl Program {
    pub fn start(command: &mut Command) -> Program {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (said, stdout, stderr) = (Lines::default(), Lines::default(), Lines::default());
        Lines::follow(child.stdout.take().expect("a pipe"), &[said.clone(), stdout.clone()]);
        Lines::follow(child.stderr.take().expect("a pipe"), &[said.clone(), stderr.clone()]);
        let (pid, stdin) = (child.id(), child.stdin.take());
        Program { pid, stdin, said, stdout, stderr, ending: ending(child), status: None }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(pid(self.pid), signal).expect("it runs");
    }

    pub fn is_running(&self) -> bool {
        self.status.is_none() && self.ending.is_empty()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_within(WATCHDOG)
    }

    fn wait_within(&mut self, limit: Duration) -> ExitStatus {
        if self.status.is_none() {
            let status = self.ending.recv_timeout(limit);
            let said = || self.said.text();
            self.status = Some(status.unwrap_or_else(|_| panic!("no end within {limit:?} of\n{}", said())));
        }
        self.status.expect("just set")
    }

    /// Waits for its end, for `limit` at the most, and that of its pipes.
    pub fn finish(mut self, limit: Duration) -> Output {
        drop(self.stdin.take());
        let status = self.wait_within(limit);
        self.said.wait_for_end(limit);
        Output { status, stdout: self.stdout.bytes(), stderr: self.stderr.bytes() }
    }
}

/// The end of `child`, from a thread that waits for it.
fn ending(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, ending) = bounded(1);
    thread::spawn(move || {
        let _ = sender.send(child.wait().expect("a child")); // the test may be over
    });
    ending
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.is_running() && kill_process(pid(self.pid), Signal::KILL).is_ok() {
            let _ = self.ending.recv_timeout(WATCHDOG); // the test says what went wrong
        }
    }
}

/// Runs `command` to its end, for `limit` at the most, with nothing on its standard input.
pub fn run_to_end(command: &mut Command, limit: Duration) -> Output {
    Program::start(command.stdin(Stdio::null())).finish(limit)
}

/// Kills a process, whoever's child it is.
pub fn kill(process: u32) {
    kill_process(pid(process), Signal::KILL).expect("it runs");
}

/// The state letter of a process, `None` when there is no such process.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// Waits until a process has exited, whoever's child it is.
pub fn wait_until_gone(process: u32) {
    let Ok(pidfd) = pidfd_open(pid(process), PidfdFlags::empty()) else { return };
    let watchdog = Timespec::try_from(WATCHDOG).expect("seconds");
    let ended = retry_on_intr(|| poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&watchdog)));
    assert_eq!(ended, Ok(1), "process {process} is not gone within {WATCHDOG:?}");
}

fn pid(pid: u32) -> Pid {
    i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id")
}
