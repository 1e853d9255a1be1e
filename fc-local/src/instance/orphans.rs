//! The watcher: a second process that outlives a killed fc-local just long enough to take its instances with it. It
//! reads a pipe that only fc-local holds open, so its end is noticed whatever the reason; a parent-death signal would
//! belong to the thread that spawned and would not reach grandchildren.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};

use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::id;
use crate::instance::procfs;
use crate::sync::Mutex;

/// fc-local's end of the pipe.
pub struct Watcher {
    running: Mutex<Option<(Child, ChildStdin)>>,
}

impl Watcher {
    /// Starts this program again as the watcher.
    pub fn start() -> io::Result<Watcher> {
        // A group of its own, so that Ctrl-C does not reach it, and a name of its own for whoever kills by name.
        let mut child = Command::new("/proc/self/exe")
            .arg0("fc-orphan-watch")
            .arg("watch")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take().ok_or_else(|| io::Error::other("a child without a pipe"))?;
        let watcher = Watcher { running: Mutex::new(Some((child, pipe))) };
        watcher.tell(id::instance_prefix());
        Ok(watcher)
    }

    pub fn add(&self, group: Pid) {
        self.tell(&format!("+{}", group.as_raw_nonzero()));
    }

    pub fn remove(&self, group: Pid) {
        self.tell(&format!("-{}", group.as_raw_nonzero()));
    }

    fn tell(&self, line: &str) {
        if let Some((_, pipe)) = &mut *self.running.lock() {
            // One write, so that a kill between two never leaves half a line; a dead watcher is no reason to stop.
            let _ = pipe.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// All instances are gone: the watcher goes without looking for any.
    pub fn finish(&self) {
        self.tell("done");
        let running = self.running.lock().take();
        if let Some((mut child, pipe)) = running {
            drop(pipe);
            let _ = child.wait(); // nothing depends on how it ended
        }
    }
}

/// The watcher itself: the hidden subcommand.
pub fn run() -> ExitCode {
    let mut lines = io::stdin().lock().lines().map_while(Result::ok);
    let Some(prefix) = lines.next() else {
        return ExitCode::SUCCESS;
    };
    let mut groups = BTreeSet::new();
    for line in lines {
        if line == "done" {
            return ExitCode::SUCCESS;
        }
        let group = line.get(1..).and_then(|number| number.parse().ok()).and_then(Pid::from_raw);
        match (line.as_bytes().first(), group) {
            (Some(b'+'), Some(group)) => groups.insert(group.as_raw_nonzero()),
            (_, Some(group)) => groups.remove(&group.as_raw_nonzero()),
            _ => false,
        };
    }
    for group in groups.into_iter().filter_map(|group| Pid::from_raw(group.get())) {
        let _ = kill_process_group(group, Signal::CONT); // often nobody is left
        let _ = kill_process_group(group, Signal::KILL);
    }
    // A child that was being spawned when fc-local died shows its variables only after its exec: look a few times, and
    // not for ever, since a process stuck in the kernel stays visible.
    let mut quiet = 0;
    for _ in 0..100 {
        quiet = if procfs::kill_tagged(&prefix) == 0 { quiet + 1 } else { 0 };
        if quiet == 3 {
            break;
        }
        thread::sleep(Duration::from_millis(30));
    }
    ExitCode::SUCCESS
}
