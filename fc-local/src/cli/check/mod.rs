//! `fc-local check`: is a function fit for the platform? The order of the probes and what becomes of their
//! findings; what each probe asks is below `probes`.

mod probes;

mod subject;

mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::args::CheckArgs;
use super::{console, load};
use crate::log::Log;
use probes::{Idling, Probe};
use report::{Report, Verdict};
use subject::Subject;

pub fn run(args: &CheckArgs) -> Result<ExitCode> {
    let function = load::function(&args.function, "check")?;
    let surroundings = Arc::new(load::surroundings(&args.platform, Arc::new(Log::silent()), &function)?);
    let mut subject = Subject::new(Arc::clone(&surroundings), function);
    if !args.platform.json {
        console::note(format_args!("testing; the longest test takes {} s", args.idle.as_secs()));
    }
    let mut report = Report::new(args.platform.json);
    examine(&mut subject, args.idle, &mut report).context("cannot print the report")?;
    if let Some(obstacle) = subject.obstacle.take() {
        bail!("{obstacle}"); // which says nothing of the function
    }
    drop(subject);
    let is_fit = report.finish().context("cannot print the report")?;
    Ok(if is_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The instance lives through most of these, as one on the platform does; a probe that ends it gets the next
/// a new one.
const PROBES: [Probe; 12] = [
    ("initializer", probes::initializer),
    ("connections", probes::connections),
    ("event", probes::event),
    ("HEAD", probes::head),
    ("large body", probes::large_body),
    ("chunked body", probes::chunked_body),
    ("concurrency", probes::concurrency),
    ("client disconnect", probes::disconnect),
    ("freeze and thaw", probes::freeze),
    ("hook paths", probes::hook_paths),
    ("initialize again", probes::initialize_again),
    ("pre-stop", probes::pre_stop),
];

/// Each finding is told as it falls. Without a start there is nothing to examine; after any other failure the rest is.
fn examine(subject: &mut Subject, idle: Duration, report: &mut Report) -> Result<()> {
    let start = probes::start(subject).named("start");
    let has_started = start.verdict != Verdict::Fail && subject.obstacle.is_none();
    if subject.obstacle.is_none() {
        report.add(start)?;
    }
    if !has_started {
        return Ok(());
    }
    if let Some(finding) = probes::log_lines(&subject.function) {
        report.add(finding.named("log lines"))?;
    }
    // The wait of the longest probe goes on beside the others, where others are served beside it.
    let mut idling = None;
    for (name, probe) in PROBES {
        report.add(probe(subject).named(name))?;
        if name == "connections" && !subject.serves_one_connection {
            idling = Some(Idling::begin(subject));
        }
    }
    subject.make_room();
    let idling = idling.unwrap_or_else(|| Idling::begin(subject));
    report.add(idling.end(idle).named("idle connection"))?;
    report.add(probes::sigterm(subject).named("SIGTERM"))?;
    report.add(probes::cold_start(subject).named("cold start"))
}
