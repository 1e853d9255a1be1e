//! Holds the benchmarks' results against what this library claims; `--commit` also publishes them, with their documents.

use harness::folders::{checkout, output};
use harness::{Results, Role};
use serde_json::{Map, Value};
use std::{env, error::Error, fs};

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
    let results = Results(Value::Object(all));
    println!("What is claimed, and what was measured");
    judge_starts_and_memory(&results);
    [1, 8, 64, 200].into_iter().for_each(|connections| judge_load(&results, connections));
    if env::args().any(|argument| argument == "--commit") {
        for (file, text) in results.files()? {
            fs::write(checkout().join(file), text)?;
        }
    }
    Ok(())
}

/// Every claim is a quotient that must be small: our time or memory over another's.
fn judge(claim: &str, ours: Option<f64>, theirs: Option<f64>, bound: f64) {
    let quotient = ours.and_then(|ours| Some(ours / theirs?));
    let (verdict, shown) = match quotient {
        None => ("not measured", String::new()),
        Some(quotient) if quotient <= bound => ("holds", format!("{quotient:.2}")),
        Some(quotient) => ("FALLS SHORT", format!("{quotient:.2}")),
    };
    println!("  {verdict:<12} {shown:>6} <= {bound:<5.2} {claim}");
}

fn judge_starts_and_memory(results: &Results) {
    let starts = results.table("cold_start");
    for (build, bound) in [("glibc", 0.85), ("musl", 0.6)] {
        let to_limit = starts.figure(OURS, build, "ratio");
        judge(&format!("cold start ({build}) to the C limit"), to_limit, Some(1.0), 1.2);
        let (peer, best) = least(starts.column("first_200").filter(|(label, _)| is_peer(build, label)));
        let claim = format!("cold start ({build}) to the fastest peer built the same way, {peer}");
        judge(&claim, starts.figure(OURS, build, "first_200"), best, bound);
    }
    let sizes = results.table("size");
    let (peer, best) = least(sizes.column("started").filter(|(label, _)| is_peer("glibc", label)));
    let claim = format!("resident memory to the smallest peer's, {peer}");
    judge(&claim, sizes.figure(OURS, "glibc", "started"), best, 1.0);
}

/// Throughput is compared by its ratios to one C epoll loop, which were taken round by round; their inverses are times.
fn judge_load(results: &Results, connections: usize) {
    let rows = results.table(&format!("keep_alive_{connections}"));
    let times = || rows.column("ratio").map(|(label, ratio)| (label, 1.0 / ratio));
    let ours = rows.figure(OURS, "glibc", "ratio").map(|ratio| 1.0 / ratio);
    let is_other = |label: &str| matches!(Role::of(label), Role::Peer | Role::Foreign);
    let peer = least(times().filter(|(label, _)| is_other(label)));
    let limit = least(times().filter(|(label, _)| Role::of(label) == Role::Limit));
    let one_loop = ("one C epoll loop", Some(1.0));
    for ((server, theirs), bound) in [(peer, 1.0), (limit, 1.0 / 0.95), (one_loop, 1.0 / 0.95)] {
        judge(&format!("{server}'s throughput to ours at {connections} connections"), ours, theirs, bound);
    }
    if connections == 64 {
        let (peer, best) = least(rows.column("p99").filter(|(label, _)| is_other(label)));
        let claim = format!("p99 to the best peer's, {peer}, at {connections} connections");
        judge(&claim, rows.figure(OURS, "glibc", "p99"), best, 1.0);
    }
}

fn is_peer(build: &str, label: &str) -> bool {
    Role::of(label) == Role::Peer && label.ends_with(build)
}

fn least<'a>(figures: impl Iterator<Item = (&'a str, f64)>) -> (&'a str, Option<f64>) {
    let least = figures.min_by(|(_, one), (_, other)| one.total_cmp(other));
    least.map_or(("nobody", None), |(label, figure)| (label, Some(figure)))
}
