//! `fc-local check`: is a function fit for the platform? The order of the probes and what becomes of their
//! findings; what each probe asks is below `probes`.

mod probes;

mod subject;

mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::args::CheckArgs;
use super::{console, load};
use crate::log::{Log, output};
use probes::{Idling, Probe};
use report::{Finding, Verdict};
use subject::Subject;

pub fn run(args: &CheckArgs) -> Result<ExitCode> {
    let function = load::function(&args.function)?;
    let surroundings = Arc::new(load::surroundings(&args.platform, Arc::new(Log::silent()), &function)?);
    let mut subject = Subject::new(Arc::clone(&surroundings), function);
    if !args.platform.json && output::stderr().is_terminal() {
        console::note(format_args!("testing; the longest test takes {} s", args.idle.as_secs()));
    }
    let findings = examine(&mut subject, args.idle);
    drop(subject);
    report::print(&findings, args.platform.json).context("cannot print the report")?;
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Without these there is nothing to examine.
const FIRST: [Probe; 3] =
    [("start", probes::start), ("initializer", probes::initializer), ("connections", probes::connections)];

/// The instance lives through most of these, as one on the platform does; a probe that ends it gets the next
/// a new one.
const THEN: [Probe; 10] = [
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

fn examine(subject: &mut Subject, idle: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, probe) in FIRST {
        let finding = probe(subject).named(name);
        let failed = finding.verdict == Verdict::Fail;
        findings.push(finding);
        if failed {
            return findings;
        }
    }
    // The wait of the longest probe goes on beside the others, where others are served beside it.
    let idling = (!subject.serves_one_connection).then(|| Idling::begin(subject));
    for (name, probe) in THEN {
        findings.push(probe(subject).named(name));
    }
    subject.make_room();
    let idling = idling.unwrap_or_else(|| Idling::begin(subject));
    findings.push(idling.end(idle).named("idle connection"));
    findings.push(probes::sigterm(subject).named("SIGTERM"));
    findings.push(probes::cold_start(subject).named("cold start"));
    findings
}
