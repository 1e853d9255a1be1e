//! Who kills the instances of an fc-local that was killed? A second process that outlives it just long enough
//! to do so. It reads a pipe that only fc-local holds open, so that its end is noticed whatever the reason; a
//! parent-death signal would belong to the thread that spawned and would not reach grandchildren. How an
//! instance ends otherwise is not decided here.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::procfs;
use crate::id;
use crate::sync::Mutex;

/// Searches for orphans in all: a process that is stuck in the kernel stays visible for ever.
const SEARCHES: usize = 100;

/// Searches in a row that must find nobody: a child that was being spawned when fc-local died shows its
/// variables only after its exec.
const SEARCHES_IN_VAIN: usize = 3;

const BETWEEN_SEARCHES: Duration = Duration::from_millis(30);

/// fc-local's end of the pipe to the watching process.
pub struct OrphanWatch {
    process: Mutex<Option<(Child, ChildStdin)>>,
}

impl OrphanWatch {
    /// Starts this program again as the watching process.
    pub fn start() -> io::Result<OrphanWatch> {
        // A group of its own, so that Ctrl-C does not reach it, and a name of its own for whoever kills by
        // name.
        let mut child = Command::new("/proc/self/exe")
            .arg0("fc-orphan-watch")
            .arg("watch")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take().ok_or_else(|| io::Error::other("a child without a pipe"))?;
        let watch = OrphanWatch { process: Mutex::new(Some((child, pipe))) };
        watch.tell(id::instance_prefix());
        Ok(watch)
    }

    /// A process group to kill when fc-local is gone.
    pub fn add(&self, group: Pid) {
        self.tell(&format!("+{}", group.as_raw_nonzero()));
    }

    pub fn remove(&self, group: Pid) {
        self.tell(&format!("-{}", group.as_raw_nonzero()));
    }

    /// Ends the watching process without a search: all instances are gone.
    pub fn finish(&self) {
        self.tell("done");
        let process = self.process.lock().take();
        if let Some((mut child, pipe)) = process {
            drop(pipe);
            let _ = child.wait(); // nothing depends on how it ended
        }
    }

    fn tell(&self, line: &str) {
        if let Some((_, pipe)) = &mut *self.process.lock() {
            // One write, so that a kill between two never leaves half a line; without the watch the rest goes
            // on.
            let _ = pipe.write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// The watching process itself: the hidden subcommand.
pub fn run() -> ExitCode {
    let mut lines = io::stdin().lock().lines().map_while(Result::ok);
    let Some(id_prefix) = lines.next() else {
        return ExitCode::SUCCESS;
    };
    let Some(groups) = groups_left(lines) else {
        return ExitCode::SUCCESS;
    };
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::CONT); // often nobody is left
        let _ = kill_process_group(group, Signal::KILL);
    }
    let mut in_vain = 0;
    for _ in 0..SEARCHES {
        in_vain = if procfs::kill_instances(&id_prefix) == 0 { in_vain + 1 } else { 0 };
        if in_vain == SEARCHES_IN_VAIN {
            break;
        }
        thread::sleep(BETWEEN_SEARCHES);
    }
    ExitCode::SUCCESS
}

/// The groups that were added and not removed until the pipe broke off; `None` after an orderly end.
fn groups_left(lines: impl Iterator<Item = String>) -> Option<BTreeSet<i32>> {
    let mut groups = BTreeSet::new();
    for line in lines {
        if line == "done" {
            return None;
        }
        // A group of 0 or below would be somebody else's.
        let group = line.get(1..).and_then(|number| number.parse().ok()).filter(|group| *group > 0);
        match (line.as_bytes().first(), group) {
            (Some(b'+'), Some(group)) => groups.insert(group),
            (Some(b'-'), Some(group)) => groups.remove(&group),
            _ => false,
        };
    }
    Some(groups)
}

#[cfg(test)]
impl OrphanWatch {
    /// No watching process, for tests that start no instance.
    pub fn none() -> OrphanWatch {
        OrphanWatch { process: Mutex::new(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(lines: &[&str]) -> Option<Vec<i32>> {
        groups_left(lines.iter().map(|line| (*line).to_owned())).map(|groups| groups.into_iter().collect())
    }

    #[test]
    fn groups_that_were_removed_are_left_alone() {
        assert_eq!(left(&["+10", "+11", "-10", "+12"]), Some(vec![11, 12]));
        assert_eq!(left(&["+10", "-10"]), Some(vec![]));
    }

    #[test]
    fn after_an_orderly_end_nobody_is_left() {
        assert_eq!(left(&["+10", "done"]), None);
    }

    #[test]
    fn a_line_that_names_no_group_kills_nobody() {
        for line in ["", "+", "+x", "+0", "+-1", "10", "*10"] {
            assert_eq!(left(&[line]), Some(vec![]), "{line:?}");
        }
    }
}
