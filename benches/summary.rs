//! Holds the benchmarks' results against what this library claims.
//!
//! `--commit` also publishes them: benches/results.json, its chart, and the README's figures.

use std::env;
use std::error::Error;
use std::fs;

use serde_json::{Map, Value};

use harness::chart;
use harness::folders::{checkout, output};
use harness::results::{Results, Rows, replace_between_markers};
use harness::servers::Role;

const OURS: &str = "fc-runtime";

fn main() -> Result<(), Box<dyn Error>> {
    let directory = output()?;
    let mut all = Map::new();
    for bench in ["cold_start", "throughput", "size"] {
        match fs::read_to_string(directory.join(format!("{bench}.json"))) {
            Ok(text) => drop(all.insert(bench.into(), serde_json::from_str(&text)?)),
            Err(_) => println!("{bench}: not measured yet"),
        }
    }
    let results = Results::of(Value::Object(all));
    println!("What is claimed, and what was measured");
    judge_starts_and_memory(&results);
    [1, 8, 64, 200].into_iter().for_each(|connections| judge_load(&results, connections));
    if env::args().any(|argument| argument == "--commit") {
        publish(&results)?;
    }
    Ok(())
}

fn publish(results: &Results) -> Result<(), Box<dyn Error>> {
    let readme = fs::read_to_string(checkout().join("README.md"))?;
    let readme = replace_between_markers(&readme, &results.readme())
        .ok_or("README.md has no place for the figures")?;
    fs::write(checkout().join("README.md"), readme)?;
    fs::write(checkout().join("benches/results.json"), results.published())?;
    fs::write(checkout().join("benches/cold_start.svg"), chart::cold_starts(results))?;
    Ok(())
}

/// Every claim is a quotient that must be small: our time or memory over another's, or another's throughput over ours.
fn judge(claim: &str, quotient: Option<f64>, bound: f64) {
    let (verdict, shown) = match quotient {
        None => ("not measured", String::new()),
        Some(quotient) if quotient <= bound => ("holds", format!("{quotient:.2}")),
        Some(quotient) => ("FALLS SHORT", format!("{quotient:.2}")),
    };
    println!("  {verdict:<12} {shown:>6} <= {bound:<5.2} {claim}");
}

fn judge_starts_and_memory(results: &Results) {
    let starts = results.table("cold_start", "cold_start");
    for (build, bound) in [("glibc", 0.85), ("musl", 0.6)] {
        judge(&format!("cold start ({build}) to the C limit"), starts.figure(OURS, build, "ratio"), 1.2);
        let (peer, best) =
            named(ranked(starts, "first_200", |role, other| role == Role::Peer && other == build).first());
        let claim = format!("cold start ({build}) to the fastest peer built the same way, {peer}");
        judge(&claim, quotient(starts.figure(OURS, build, "first_200"), best), bound);
    }
    let sizes = results.table("size", "size");
    let (peer, best) =
        named(ranked(sizes, "started", |role, build| role == Role::Peer && build == "glibc").first());
    let claim = format!("resident memory to the smallest peer's, {peer}");
    judge(&claim, quotient(sizes.figure(OURS, "glibc", "started"), best), 1.0);
}

/// Throughput is compared by its ratios to one C epoll loop, which were taken round by round.
fn judge_load(results: &Results, connections: usize) {
    let rows = results.table("throughput", &format!("keep_alive_{connections}"));
    let ours = rows.figure(OURS, "glibc", "ratio");
    let is_peer = |role, _: &str| matches!(role, Role::Peer | Role::Foreign);
    let (peer, best) = named(ranked(rows, "ratio", is_peer).last());
    judge(&format!("{peer}'s throughput to ours at {connections} connections"), quotient(best, ours), 1.0);
    let (limit, best) = named(ranked(rows, "ratio", |role, _| role == Role::Limit).last());
    for (limit, best) in [(limit, best), ("one C epoll loop", rows.figure("C epoll", "glibc", "ratio"))] {
        let claim = format!("{limit}'s throughput to ours at {connections} connections");
        judge(&claim, quotient(best, ours), 1.0 / 0.95);
    }
    if connections == 64 {
        let (peer, best) = named(ranked(rows, "p99", is_peer).first());
        let ours = rows.figure(OURS, "glibc", "p99");
        judge(
            &format!("p99 to the best peer's, {peer}, at {connections} connections"),
            quotient(ours, best),
            1.0,
        );
    }
}

fn quotient(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? / other?)
}

/// The servers that are `wanted` with their figures, the smallest first.
fn ranked<'a>(rows: Rows<'a>, column: &str, wanted: impl Fn(Role, &str) -> bool) -> Vec<(&'a str, f64)> {
    let all = rows.column(column).filter(|(server, build, _)| wanted(Role::of(server, build), build));
    let mut ranked: Vec<_> = all.map(|(server, _, figure)| (server, figure)).collect();
    ranked.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    ranked
}

/// A server of that list and its figure, or a name for a list without any.
fn named<'a>(entry: Option<&(&'a str, f64)>) -> (&'a str, Option<f64>) {
    entry.map_or(("nobody", None), |(server, figure)| (server, Some(*figure)))
}
