//! Does a debugger hold the function? Its time does not count then, whatever is waited for: every deadline of an instance
//! is made here. What is waited for is not known here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::client::{Deadline, Pause, Pauses};
use super::process::Family;
use super::procfs::{self, Trace};
use crate::log::{Log, milliseconds};
use crate::sync::Mutex;

/// How often new processes of the instance are looked for.
const MEMBERS_EVERY: Duration = Duration::from_millis(500);

/// A stop that is told. What traces calls of the system stops a process for less at each.
const TOLD_AFTER: Duration = Duration::from_millis(100);

/// Whoever debugs the processes of an instance.
pub struct Debugger {
    log: Arc<Log>,
    instance_id: String,
    /// Nothing of the instance has a time limit: the debuggers of interpreters stop a program without the system's help.
    is_expected: bool,
    families: Mutex<Vec<Family>>,
    seen: Mutex<Seen>,
}

/// What the last look saw.
struct Seen {
    at: Instant,
    trace: Trace,
    /// Since when it is stopped, when it is.
    since: Instant,
    /// How long it was stopped before the last look, in all.
    stopped: Duration,
    is_told: bool,
    members: Vec<Pid>,
    members_at: Option<Instant>,
}

impl Debugger {
    /// Of an instance whose processes are `family`, and whatever [`watch`](Self::watch) adds.
    pub fn new(log: &Arc<Log>, instance_id: &str, family: Family, is_expected: bool) -> Arc<Debugger> {
        let now = Instant::now();
        Arc::new(Debugger {
            log: Arc::clone(log),
            instance_id: instance_id.to_owned(),
            is_expected,
            families: Mutex::new(vec![family]),
            seen: Mutex::new(Seen {
                at: now,
                trace: Trace::None,
                since: now,
                stopped: Duration::ZERO,
                is_told: false,
                members: Vec::new(),
                members_at: None,
            }),
        })
    }

    pub fn watch(&self, family: Family) {
        self.families.lock().push(family);
        self.seen.lock().members_at = None;
    }

    /// After so much time that counts.
    pub fn deadline(self: &Arc<Self>, time: Duration) -> Deadline {
        Deadline::with_pauses(time, Arc::clone(self) as Arc<dyn Pauses>)
    }

    /// Whether there is one, as of a moment ago: then nothing is done to the instance that the platform does by itself.
    pub fn is_there(&self) -> bool {
        self.is_expected || self.seen.lock().trace != Trace::None
    }

    /// Looks at the processes, with those that are new if `is_thorough`.
    fn trace(&self, seen: &mut Seen, now: Instant, is_thorough: bool) -> Trace {
        let is_old = |at: Instant| now.saturating_duration_since(at) > MEMBERS_EVERY;
        if is_thorough || seen.members_at.is_none_or(is_old) {
            seen.members = self.families.lock().iter().flat_map(Family::members).collect();
            seen.members_at = Some(now);
        }
        seen.members.iter().map(|pid| procfs::trace(*pid)).max().unwrap_or(Trace::None)
    }

    fn tell(&self, seen: &mut Seen, now: Instant) {
        let held = now.saturating_duration_since(seen.since);
        let instance = Some(self.instance_id.as_str());
        if seen.trace == Trace::Stopped && !seen.is_told && held >= TOLD_AFTER {
            seen.is_told = true;
            self.log.event(instance, "a debugger has stopped the function: time does not count");
        }
        if seen.trace != Trace::Stopped && std::mem::take(&mut seen.is_told) {
            let text = format!("the function goes on after {:.0} ms", milliseconds(held));
            self.log.event(instance, &text);
        }
    }
}

impl Pauses for Debugger {
    fn look(&self, now: Instant, longest: Duration) -> Pause {
        let mut seen = self.seen.lock();
        if now.saturating_duration_since(seen.at) >= longest {
            let trace = self.trace(&mut seen, now, longest.is_zero());
            seen.note(trace, now);
            self.tell(&mut seen, now);
        }
        match seen.trace {
            _ if self.is_expected => Pause::Always,
            Trace::Stopped => Pause::Now(seen.stopped),
            Trace::None | Trace::Running => Pause::Over(seen.stopped),
        }
    }
}

impl Seen {
    /// A stop counts from the look that sees it to the one that no longer does.
    fn note(&mut self, trace: Trace, now: Instant) {
        if self.trace == Trace::Stopped {
            self.stopped += now.saturating_duration_since(self.at);
        } else if trace == Trace::Stopped {
            self.since = now;
        }
        (self.trace, self.at) = (trace, now.max(self.at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_count_from_the_look_that_sees_them_to_the_one_that_does_not() {
        let start = Instant::now();
        let mut seen = Seen {
            at: start,
            trace: Trace::None,
            since: start,
            stopped: Duration::ZERO,
            is_told: false,
            members: Vec::new(),
            members_at: None,
        };
        for (seconds, trace, stopped) in [
            (1, Trace::Stopped, 0),
            (2, Trace::Stopped, 1),
            (5, Trace::Running, 4),
            (9, Trace::None, 4),
            (10, Trace::Stopped, 4),
            (12, Trace::None, 6),
        ] {
            seen.note(trace, start + Duration::from_secs(seconds));
            assert_eq!((seen.trace, seen.stopped), (trace, Duration::from_secs(stopped)), "{seconds} s");
        }
        assert_eq!(seen.since, start + Duration::from_secs(10));
    }
}
