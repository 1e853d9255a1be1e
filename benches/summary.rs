//! Holds the benchmarks' results against what this library claims; `--commit` also publishes them, with their documents.

use harness::folders::{checkout, output};
use harness::{Results, Role};
use serde_json::{Map, Value};
use std::{env, error::Error, fs};

const OURS: &str = "fc-runtime";
const ONE_WORKER: &str = "fc-runtime, one worker";

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
    judge_observability(&results);
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
    // With which library, a table, ours, and what it is to be of another server's time and processor time.
    let starts = [
        ("musl", "cold_start", OURS, "hyper-current", 0.9, 0.95),
        ("musl", "cold_start", OURS, "std loop with a thread", 1.06, f64::INFINITY),
        ("musl", "cold_start", ONE_WORKER, "hyper-current", 0.8, 0.8),
        ("musl", "cold_start", ONE_WORKER, "std loop", 1.1, f64::INFINITY),
        ("musl", "cold_start_initialize", OURS, "hyper-current", 0.8, 0.8),
        ("musl", "cold_start_initialize", ONE_WORKER, "std loop", 1.1, f64::INFINITY),
        ("musl", "cold_start_evicted", OURS, "C accept", 2.4, f64::INFINITY),
        ("glibc", "cold_start", OURS, "hyper-current", 0.92, f64::INFINITY),
    ];
    for (build, table, ours, other, time, cpu) in starts {
        for (column, bound) in [("last_200", time), ("cpu", cpu)].into_iter().filter(|it| it.1.is_finite()) {
            let figure = |server| results.table(table).figure(server, build, column);
            let claim = format!("{table} ({build}), {column}: {ours} to {other}");
            judge(&claim, figure(ours), figure(other), bound);
        }
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

/// What is said of a request costs 3 µs of a processor at the most.
fn judge_observability(results: &Results) {
    let cpu = |row: &str| results.table("observability").figure(&format!("{OURS}{row}"), "dynamic", "cpu");
    for (on, off) in [(", traceparent", ""), (", JSON line", ", text line"), (", metrics path", ", no hooks")]
    {
        let claim = format!("processor time{on}, to that of {OURS}{off} and 3 µs");
        judge(&claim, cpu(on), cpu(off).map(|cpu| cpu + 3.0), 1.0);
    }
}

fn is_peer(build: &str, label: &str) -> bool {
    Role::of(label) == Role::Peer && label.ends_with(build)
}

fn least<'a>(figures: impl Iterator<Item = (&'a str, f64)>) -> (&'a str, Option<f64>) {
    let least = figures.min_by(|(_, one), (_, other)| one.total_cmp(other));
    least.map_or(("nobody", None), |(label, figure)| (label, Some(figure)))
}
