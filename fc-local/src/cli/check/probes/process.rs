//! Questions about the process: does it start, and how fast? Does it live through a freeze, and end at
//! SIGTERM?

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cli::check::report::Finding;
use crate::cli::check::subject::{NotServing, Subject};
use crate::function::executable::Fault;
use crate::instance::NotStarted;
use crate::instance::client::RequestBody;
use crate::log::milliseconds;

/// How long the process is stopped: long enough for timers of the function to fall due meanwhile.
const FREEZE: Duration = Duration::from_millis(1500);

/// How long a process may take to end at SIGTERM, which is what Cloud Run gives it.
const SIGTERM_GRACE: Duration = Duration::from_secs(10);

/// How many cold starts are measured; of a function that is slow, as many as fit into the time, and at least
/// some.
const COLD_STARTS: usize = 10;
const COLD_STARTS_AT_LEAST: usize = 3;
const COLD_STARTS_WITHIN: Duration = Duration::from_secs(30);

/// Loopback only, late, exited: everything that keeps an instance from being ready.
pub fn start(subject: &mut Subject) -> Finding {
    let begin = Instant::now();
    match subject.start() {
        Ok(instance) => {
            let time = milliseconds(begin.elapsed());
            Finding::pass(format!("listens on all interfaces, port {}, after {time:.1} ms", instance.port))
        }
        Err(reason) => {
            match fault_of(&reason) {
                Some((_, fault)) if fault.is_of_this_machine() => {
                    subject.obstacle = Some(format!("{fault}; {}", fault.remedy()));
                }
                _ if matches!(reason, NotServing::PortTaken(..)) => {
                    subject.obstacle = Some(reason.to_string());
                }
                _ => {}
            }
            let remedy = remedy_of(&reason, subject.function.port);
            Finding::fail(without_remedy(&reason), remedy)
        }
    }
}

fn without_remedy(reason: &NotServing) -> String {
    let NotServing::NotStarted(not_started) = reason else { return reason.to_string() };
    let fault = not_started.fault().map(Fault::to_string);
    let lines = [Some(not_started.unexplained().to_string()), not_started.end(), fault];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn fault_of(reason: &NotServing) -> Option<(&NotStarted, &Fault)> {
    match reason {
        NotServing::NotStarted(not_started) => Some((not_started, not_started.fault()?)),
        _ => None,
    }
}

fn remedy_of(reason: &NotServing, port: u16) -> String {
    if let Some((_, fault)) = fault_of(reason) {
        return fault.remedy();
    }
    match reason {
        NotServing::NotStarted(NotStarted::CommandNotFound { .. }) => {
            "check the command after --, or the template's".to_owned()
        }
        NotServing::NotStarted(NotStarted::NotSpawned { .. } | NotStarted::Exited { .. }) => {
            "run the command by itself and see what it says; it must stay in the foreground".to_owned()
        }
        _ => format!("listen on 0.0.0.0 at FC_CUSTOM_LISTEN_PORT ({port} here)"),
    }
}

pub fn freeze(subject: &mut Subject) -> Finding {
    let instance = match subject.instance() {
        Ok(instance) => instance,
        Err(reason) => return Finding::fail(reason, "start again after an exit"),
    };
    instance.freeze();
    instance.freeze_rest();
    thread::sleep(FREEZE);
    instance.thaw();
    match subject.still_serves() {
        Ok(()) => Finding::pass("serves after SIGSTOP and SIGCONT"),
        Err(reason) => Finding::fail(
            reason,
            "the platform freezes an instance whenever no request runs: time must be allowed to jump",
        ),
    }
}

pub fn sigterm(subject: &mut Subject) -> Finding {
    let instance = match subject.instance() {
        Ok(instance) => instance,
        Err(reason) => return Finding::fail(reason, "start again after an exit"),
    };
    let begin = Instant::now();
    let members = instance.process.members().len();
    instance.process.signal(Signal::TERM);
    let exited = instance.process.wait(SIGTERM_GRACE);
    end_at_sigterm(exited.map(|_| begin.elapsed()), members)
}

/// What is found when the process took so long to end, or still runs with so many `members`.
fn end_at_sigterm(exited_after: Option<Duration>, members: usize) -> Finding {
    match exited_after {
        Some(time) => Finding::pass(format!("exits in {:.0} ms", milliseconds(time))),
        None => Finding::warn(
            format!("still runs after {} s ({members} processes)", SIGTERM_GRACE.as_secs()),
            "handle SIGTERM: other platforms and containers stop with it, and PID 1 has no default action",
        ),
    }
}

/// From the start of the process to the first byte of the first reply.
pub fn cold_start(subject: &mut Subject) -> Finding {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < COLD_STARTS
        && (times.len() < COLD_STARTS_AT_LEAST || begin.elapsed() < COLD_STARTS_WITHIN)
    {
        subject.stop();
        let start = Instant::now();
        if let Err(reason) = subject.send("POST", "/invoke", "/invoke", RequestBody::Bytes(b"{}")) {
            return Finding::fail(format!("start {}: {reason}", times.len() + 1), "every start must succeed");
        }
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Finding::pass(format!("median {:.1} ms of {}", milliseconds(median), times.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::report::Verdict;

    #[test]
    fn a_process_that_ignores_sigterm_is_a_warning() {
        let ends = end_at_sigterm(Some(Duration::from_millis(3)), 1);
        assert_eq!((ends.verdict, ends.reason.as_str()), (Verdict::Pass, "exits in 3 ms"));
        let ignores = end_at_sigterm(None, 2);
        assert_eq!(ignores.verdict, Verdict::Warn);
        assert_eq!(ignores.reason, "still runs after 10 s (2 processes)");
        assert!(ignores.remedy.is_some_and(|remedy| remedy.starts_with("handle SIGTERM")));
    }

    #[test]
    fn the_remedy_depends_on_what_went_wrong_and_not_on_what_the_function_printed() {
        let command = || "./x".to_owned();
        let logs = || "bootstrap was not found, it exited unexpectedly".to_owned();
        let not_found = NotStarted::CommandNotFound { command: command(), errno: 2, fault: None };
        let not_spawned = NotStarted::NotSpawned { command: command(), errno: 13, fault: None };
        let closed = NotStarted::PortClosed {
            port: 9000,
            timeout: Duration::from_secs(1),
            listens: crate::instance::Listens::Nowhere,
            logs: logs(),
        };
        for (reason, wanted) in [
            (NotServing::NotStarted(not_found), "check the command"),
            (NotServing::NotStarted(not_spawned), "run the command by itself"),
            (NotServing::NotStarted(closed), "listen on 0.0.0.0 at FC_CUSTOM_LISTEN_PORT (9000 here)"),
        ] {
            let remedy = remedy_of(&reason, 9000);
            assert!(remedy.starts_with(wanted), "{reason}: {remedy}");
        }
    }
}
