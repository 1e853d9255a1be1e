//! Whose is a process of an instance, from its fork on? Its supervisor's: this program started again, one for each
//! process that fc-local starts. It is the reaper of all that its process leaves behind, so that whatever is below it
//! in the tree of processes is the instance's, in whichever group or session it has gone and with whatever
//! environment, and nothing else is. It ends all of that when fc-local closes its socket, and so does the end of
//! fc-local itself, however that comes. What the process is for is not known here.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, kill_process_group,
    set_child_subreaper, waitid, waitpid,
};
use serde::{Deserialize, Serialize};

use super::isolation::{self, Space};
use super::procfs;
use super::spawn;

/// What the supervisor's first argument is instead of a program's name, in whichever directory: a name of its own for
/// whoever kills by name.
pub const NAME: &str = "fc-instance";

/// How long a supervisor may take until its process runs.
const SPAWN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long processes may take to go after SIGKILL, which they cannot refuse: only one that is stuck in the kernel
/// stays.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The first pause of a wait for a supervisor that is about to exit.
const SHORTEST_PAUSE: Duration = Duration::from_micros(20);

/// How much is kept of what is printed instead of a start.
const MAX_SAID: u64 = 1024;

/// The pause between two looks for processes that have been killed and are not gone.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Looks for a child that has exited, without a wait and without reaping it.
const EXITED: WaitIdOptions = WaitIdOptions::EXITED.union(WaitIdOptions::NOHANG).union(WaitIdOptions::NOWAIT);

/// What a supervisor is told to run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// The directory that it starts in, as the system spells it.
    pub directory: Vec<u8>,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
    /// Whether all that the process has left behind ends with it.
    pub takes_all_along: bool,
}

/// What a supervisor says, a line each.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    /// It waits for an order, in a process with this id: not always fc-local's own child.
    Ready { pid: i32 },
    /// The process runs, with this id; what leaves its group is found again or is not.
    Runs { pid: i32, finds_all: bool },
    /// The system's number of the error.
    Failed { errno: i32 },
    /// The status of a process that has exited.
    Exited { status: i32 },
}

/// fc-local's hold on a supervisor and all that is below it. Dropped, nothing of that is left.
pub struct Supervisor {
    child: Child,
    pid: Pid,
    control: UnixStream,
}

/// A supervisor that has nothing to run yet. One that is ready beforehand costs a cold start nothing.
pub struct Idle {
    supervisor: Supervisor,
    stdout: ChildStdout,
    stderr: ChildStderr,
    is_ready: bool,
}

/// A supervisor's process, as it has just been started.
pub struct Started {
    pub supervisor: Supervisor,
    pub pid: Pid,
    pub finds_all: bool,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

/// What a supervisor is started in.
#[derive(Clone, Copy)]
pub enum Within<'a> {
    /// This machine as it is.
    Machine,
    Space(&'a Space),
    /// The same, with a network of its own.
    SpaceWithNetwork(&'a Space),
    /// Where another process is that was started so.
    Beside(Pid),
}

impl Within<'_> {
    fn command(self) -> Command {
        match self {
            Within::Machine => {
                let mut command = Command::new("/proc/self/exe");
                command.arg0(NAME);
                command
            }
            Within::Space(space) => space.command(),
            Within::SpaceWithNetwork(space) => space.command_with_network(),
            Within::Beside(pid) => isolation::command_beside(pid),
        }
    }
}

impl Idle {
    pub fn start(within: Within<'_>) -> io::Result<Idle> {
        let (control, theirs) = UnixStream::pair()?;
        // A group of its own, so that Ctrl-C does not reach it.
        let child = within
            .command()
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut supervisor = Supervisor { pid: Pid::from_child(&child), child, control };
        supervisor.control.set_read_timeout(Some(SPAWN_TIMEOUT))?;
        match (supervisor.child.stdout.take(), supervisor.child.stderr.take()) {
            (Some(stdout), Some(stderr)) => Ok(Idle { supervisor, stdout, stderr, is_ready: false }),
            _ => Err(io::Error::other("a child without pipes")),
        }
    }

    /// Waits until the supervisor runs; what was printed instead if it does not.
    pub fn wait(&mut self) -> io::Result<()> {
        if self.is_ready {
            return Ok(());
        }
        let Ok(Some(Report::Ready { pid })) = self.supervisor.report() else {
            let _ = self.supervisor.child.kill(); // so that what it has printed has an end
            let mut said = String::new();
            let _ = (&mut self.stderr).take(MAX_SAID).read_to_string(&mut said);
            return Err(io::Error::other(said));
        };
        self.supervisor.pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?;
        self.is_ready = true;
        Ok(())
    }

    /// The supervisor's process, once it runs.
    pub fn pid(&self) -> Pid {
        self.supervisor.pid
    }

    /// Runs what `order` says, in a process group of its own. The inner error is the order's, the outer one the
    /// supervisor's.
    pub fn run(mut self, order: &Order) -> io::Result<io::Result<Started>> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.wait()?;
        (&self.supervisor.control).write_all(&line)?;
        let Idle { supervisor, stdout, stderr, .. } = self;
        match supervisor.report()? {
            Some(Report::Runs { pid, finds_all }) => {
                let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?;
                Ok(Ok(Started { supervisor, pid, finds_all, stdout, stderr }))
            }
            Some(Report::Failed { errno }) => Ok(Err(io::Error::from_raw_os_error(errno))),
            _ => Err(io::Error::other("its supervisor ended")),
        }
    }
}

impl Supervisor {
    /// The next line; `None` when the supervisor has gone. Lines are short and come whole.
    pub fn report(&self) -> io::Result<Option<Report>> {
        let mut line = String::new();
        // One byte at a time: what follows is the next one's.
        while !line.ends_with('\n') {
            let mut byte = [0];
            if (&self.control).read(&mut byte)? == 0 {
                return Ok(None);
            }
            line.push(byte[0].into());
        }
        Ok(Some(serde_json::from_str(&line)?))
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Readable when there is a report.
    pub fn control(&self) -> &UnixStream {
        &self.control
    }

    /// Whether there is one to be read, or the supervisor has gone.
    pub fn has_report(&self) -> bool {
        let mut control = [PollFd::new(&self.control, PollFlags::IN)];
        poll(&mut control, Some(&Timespec::default())).is_ok_and(|count| count > 0)
    }

    /// Ends all that is below it.
    pub fn end(&mut self) {
        let _ = self.control.shutdown(Shutdown::Write); // it may have gone already
        self.wait();
    }

    /// Waits for the supervisor's end; whether it has ended all that was below it.
    pub fn wait(&mut self) -> bool {
        let began = Instant::now();
        // Its socket is closed a moment before its exit can be waited for.
        let mut pause = SHORTEST_PAUSE;
        while began.elapsed() < 2 * KILL_TIMEOUT {
            match self.child.try_wait() {
                Ok(None) => {
                    thread::park_timeout(pause);
                    pause = (pause * 2).min(LOOK_EVERY);
                }
                status => return status.is_ok_and(|status| status.is_some_and(|status| status.success())),
            }
        }
        // Something is stuck in the kernel, and it with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs what `order` says below a supervisor of its own. No error but the order's has a number of the system's: that
/// would be taken for the command's.
pub fn run_anew(within: Within<'_>, order: &Order) -> io::Result<Started> {
    let no_supervisor = |error: io::Error| io::Error::other(format!("fc-local cannot start it: {error}"));
    Idle::start(within).and_then(|idle| idle.run(order)).map_err(no_supervisor)?
}

/// The supervisor itself, with its socket as standard input.
pub fn run() -> ExitCode {
    let control = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let supervised = control.and_then(|control| {
        let report = supervise(&control);
        if let Err(error) = &report {
            tell(&control, &Report::Failed { errno: error.raw_os_error().unwrap_or(0) });
        }
        report
    });
    if supervised.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The processes below this one. All that is needed for their end is there before the first of them: an error comes
/// before it or not at all.
struct Family {
    leader: Pid,
    /// Ready when a child has exited.
    exits: UnixStream,
}

fn supervise(control: &UnixStream) -> io::Result<()> {
    tell(control, &Report::Ready { pid: getpid().as_raw_nonzero().get() });
    let mut line = String::new();
    BufReader::new(control).read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    let finds_all = set_child_subreaper(Some(getpid())).is_ok();
    let (exits, exited) = UnixStream::pair()?;
    let (ends, end) = UnixStream::pair()?;
    exits.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGCHLD, exited)?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::low_level::pipe::register(signal, end.try_clone()?)?;
    }
    let (program, arguments) = order.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(OsStr::from_bytes(&order.directory));
    command.env_clear().envs(order.environment).stdin(Stdio::null()).process_group(0);
    let child = spawn::when_written(&mut command)?;
    let family = Family { leader: Pid::from_child(&child), exits };
    tell(control, &Report::Runs { pid: family.leader.as_raw_nonzero().get(), finds_all });
    if let Some(status) = family.live(control, &ends, order.takes_all_along) {
        // What is left of it goes before anybody hears of its end.
        family.kill();
        tell(control, &Report::Exited { status: status.into_raw() });
        // Its id is nobody else's until fc-local knows that it is gone.
        let _ = control.set_read_timeout(Some(KILL_TIMEOUT));
        let _ = (&*control).read(&mut [0]);
    }
    family.end();
    Ok(())
}

/// Whoever does not listen has gone, which is noticed otherwise.
fn tell(mut control: &UnixStream, report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        let _ = control.write_all(&line);
    }
}

impl Family {
    /// Waits until the family is to end: at the end of `control`, at a signal, or with its leader, whose status is
    /// given then. A leader that takes nobody along may leave some, and the last of them is the end.
    fn live(&self, control: &UnixStream, ends: &UnixStream, takes_all_along: bool) -> Option<ExitStatus> {
        let mut leader_told = false;
        loop {
            let mut fds = [control, ends, &self.exits].map(|fd| PollFd::new(fd, PollFlags::IN));
            let _ = poll(&mut fds, None); // an interrupted one is one of a signal, which is looked for below
            let [control_ended, told_to_end, _] = fds.map(|fd| !fd.revents().is_empty());
            if control_ended || told_to_end {
                return None;
            }
            let _ = (&self.exits).read(&mut [0; 64]); // it only wakes, also for a child that was frozen
            if !matches!(waitid(WaitId::All, EXITED), Ok(Some(_))) {
                continue;
            }
            self.reap();
            match self.leader_status() {
                Some(status) if takes_all_along => return Some(status),
                Some(status) if !leader_told => {
                    leader_told = true;
                    tell(control, &Report::Exited { status: status.into_raw() });
                }
                _ => {}
            }
            if leader_told && self.is_alone() {
                return None;
            }
        }
    }

    /// The leader's status once it has exited. It is not reaped by that, so that its id and its group's stay its own.
    fn leader_status(&self) -> Option<ExitStatus> {
        let status = waitid(WaitId::Pid(self.leader), EXITED).ok()??;
        let code = status.exit_status().map(|code| code << 8);
        Some(ExitStatus::from_raw(code.or(status.terminating_signal()).unwrap_or(0)))
    }

    /// Reaps all children that have exited, but for the leader.
    fn reap(&self) {
        for child in self.children() {
            let _ = waitpid(Some(child), WaitOptions::NOHANG); // it may still run
        }
    }

    /// All children but the leader: who has lost its parent is one too.
    fn children(&self) -> impl Iterator<Item = Pid> {
        procfs::children(getpid()).into_iter().filter(|child| *child != self.leader)
    }

    fn is_alone(&self) -> bool {
        self.children().next().is_none() && self.leader_status().is_some()
    }

    fn kill(&self) {
        // What needs no look into /proc first.
        let _ = kill_process_group(self.leader, Signal::KILL); // often nobody is left
        for pid in procfs::descendants(getpid()) {
            let _ = kill_process(pid, Signal::KILL); // it may be gone already
        }
    }

    /// Kills all of it, until nobody is left or the time is up.
    fn end(&self) {
        let began = Instant::now();
        loop {
            self.kill();
            let _ = (&self.exits).read(&mut [0; 64]);
            self.reap();
            if self.is_alone() || began.elapsed() > KILL_TIMEOUT {
                break;
            }
            let mut exits = [PollFd::new(&self.exits, PollFlags::IN)];
            let _ = poll(&mut exits, Timespec::try_from(LOOK_EVERY).ok().as_ref());
        }
        let _ = waitpid(Some(self.leader), WaitOptions::NOHANG);
    }
}
