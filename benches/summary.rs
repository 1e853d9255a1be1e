//! Puts the benchmarks' results together and holds them against what this library claims.
//!
//! `--commit` also makes them the published ones: benches/results.json with its chart, and the README's figures.

use std::env;
use std::error::Error;
use std::fs;

use serde_json::{Map, Value};

use harness::report;
use harness::results::{Results, replace_between_markers};
use harness::servers::checkout;

const RUST_PEERS: [&str; 7] =
    ["hyper-current", "hyper-multi", "axum", "actix-web", "ntex", "may_minihttp", "tiny_http"];

fn main() -> Result<(), Box<dyn Error>> {
    let directory = report::directory()?;
    let mut all = Map::new();
    for bench in ["cold_start", "throughput", "size", "growth"] {
        match fs::read_to_string(directory.join(format!("{bench}.json"))) {
            Ok(text) => all.insert(bench.into(), serde_json::from_str(&text)?),
            Err(_) => {
                println!("{bench}: not measured yet");
                None
            }
        };
    }
    let value = Value::Object(all);
    let text = serde_json::to_string_pretty(&value)? + "\n";
    let results = Results::of(value);
    println!("What is claimed, and what was measured");
    claims(&results).iter().for_each(Claim::show);
    if env::args().any(|argument| argument == "--commit") {
        fs::write(checkout().join("benches/results.json"), text)?;
        fs::copy(directory.join("cold_start.svg"), checkout().join("benches/cold_start.svg"))?;
        publish(&results)?;
    }
    Ok(())
}

/// Writes the README's figures, or prints them when it has no place for them.
fn publish(results: &Results) -> Result<(), Box<dyn Error>> {
    let path = checkout().join("README.md");
    let readme = fs::read_to_string(&path).unwrap_or_default();
    match replace_between_markers(&readme, &results.readme()) {
        Some(text) => fs::write(&path, text)?,
        None => println!("\nREADME.md has no place for the figures, which are:\n\n{}", results.readme()),
    }
    Ok(())
}

/// A ratio, and what it must not exceed.
struct Claim {
    text: String,
    ratio: Option<f64>,
    bound: f64,
}

impl Claim {
    fn show(&self) {
        let (verdict, shown) = match self.ratio {
            None => ("not measured", String::new()),
            Some(ratio) if ratio <= self.bound => ("holds", format!("{ratio:.2}")),
            Some(ratio) => ("FALLS SHORT", format!("{ratio:.2}")),
        };
        println!("  {verdict:<12} {shown:>6} <= {:<5.2} {}", self.bound, self.text);
    }
}

/// Everything as a quotient that must be small: time over time, or the others' throughput over ours.
fn claims(results: &Results) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (build, against_peer) in [("glibc", 0.85), ("musl", 0.6)] {
        let start = |server| results.figure("cold_start", "cold_start", (server, build), "first_200");
        let to_limit = results.figure("cold_start", "cold_start", ("fc-runtime", build), "ratio");
        claims.push(Claim {
            text: format!("cold start ({build}) to the C limit"),
            ratio: to_limit,
            bound: 1.2,
        });
        let (peer, best) = least(RUST_PEERS.iter().filter_map(|peer| Some((*peer, start(peer)?))));
        let ratio = start("fc-runtime").map(|ours| ours / best);
        claims.push(Claim {
            text: format!("cold start ({build}) to the fastest peer built the same way, {peer}"),
            ratio,
            bound: against_peer,
        });
    }
    for connections in [1, 8, 64, 200] {
        claims.extend(load_claims(results, connections));
    }
    let memory = |server| results.figure("size", "size", (server, "glibc"), "started");
    let (peer, best) = least(RUST_PEERS.iter().filter_map(|peer| Some((*peer, memory(peer)?))));
    let ratio = memory("fc-runtime").map(|ours| ours / best);
    claims.push(Claim { text: format!("resident memory to the smallest peer's, {peer}"), ratio, bound: 1.0 });
    claims
}

/// Throughput is compared by its ratios to one C epoll loop, which were taken round by round.
fn load_claims(results: &Results, connections: usize) -> Vec<Claim> {
    let table = format!("keep_alive_{connections}");
    let figure = |server, column| results.figure("throughput", &table, (server, "glibc"), column);
    let others = || results.column("throughput", &table, "ratio").into_iter();
    let peers =
        others().filter(|(server, ..)| !server.starts_with("fc-runtime") && !server.starts_with("C epoll"));
    let (peer, slowest) = least(peers.map(|(server, _, ratio)| (server, 1.0 / ratio)));
    let limit = others().filter(|(server, ..)| server.starts_with("C epoll"));
    let (limit, least_time) = least(limit.map(|(server, _, ratio)| (server, 1.0 / ratio)));
    let ours = figure("fc-runtime", "ratio");
    let at = format!("at {connections} connections");
    let mut claims = vec![
        Claim {
            text: format!("{peer}'s throughput to ours {at}"),
            ratio: ours.map(|ours| 1.0 / slowest / ours),
            bound: 1.0,
        },
        Claim {
            text: format!("{limit}'s throughput to ours {at}"),
            ratio: ours.map(|ours| 1.0 / least_time / ours),
            bound: 1.0 / 0.95,
        },
        Claim {
            text: format!("one C epoll loop's throughput to ours {at}"),
            ratio: ours.and_then(|ours| Some(figure("C epoll", "ratio")? / ours)),
            bound: 1.0 / 0.95,
        },
    ];
    if connections == 64 {
        let p99 = results.column("throughput", &table, "p99").into_iter();
        let peers =
            p99.filter(|(server, ..)| !server.starts_with("fc-runtime") && !server.starts_with("C epoll"));
        let (peer, best) = least(peers.map(|(server, _, p99)| (server, p99)));
        let ratio = figure("fc-runtime", "p99").map(|ours| ours / best);
        claims.push(Claim { text: format!("p99 to the best peer's, {peer}, {at}"), ratio, bound: 1.0 });
    }
    claims
}

/// The name with the smallest figure.
fn least<'a>(figures: impl Iterator<Item = (&'a str, f64)>) -> (&'a str, f64) {
    figures.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("nobody", f64::NAN))
}
