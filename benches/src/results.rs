//! What the benchmarks have found, in files: how it is written, how a figure is found again, and the part of the README
//! that is made from it.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::table::{number, to_lines};

/// What the README's figures stand between.
const MARKERS: (&str, &str) = ("<!-- figures -->", "<!-- /figures -->");
/// The tables that the README, its chart and the claims are made from. The others are for whoever measures, and stay in
/// target/bench.
const PUBLISHED: [&str; 6] =
    ["cold_start", "size", "keep_alive_1", "keep_alive_8", "keep_alive_64", "keep_alive_200"];
/// The rows of the README's table, of which the first is two programs: one for the start, one for the load.
const SHOWN: [&str; 13] = [
    "C",
    "fc-runtime",
    "hyper-current",
    "hyper-multi",
    "axum",
    "actix-web",
    "ntex",
    "may_minihttp",
    "tiny_http",
    "Go net/http",
    "Node http",
    "Python http.server",
    "Flask, gunicorn",
];

/// What all benchmarks have found, each under its name.
pub struct Results(Value);

/// One table of a benchmark, without rows when it was not measured.
#[derive(Clone, Copy)]
pub struct Rows<'a>(&'a Value);

impl Results {
    pub fn of(value: Value) -> Results {
        Results(value)
    }

    pub fn read(path: &Path) -> io::Result<Results> {
        Ok(Results(serde_json::from_str(&fs::read_to_string(path)?)?))
    }

    pub fn table(&self, bench: &str, table: &str) -> Rows<'_> {
        Rows(&self.0[bench]["tables"][table])
    }

    /// The part that is committed, as the text of its file.
    pub fn published(&self) -> String {
        let mut value = self.0.clone();
        for bench in value.as_object_mut().into_iter().flat_map(|benches| benches.values_mut()) {
            if let Some(tables) = bench["tables"].as_object_mut() {
                tables.retain(|key, _| PUBLISHED.contains(&key.as_str()));
            }
        }
        to_lines(&value)
    }

    /// The README's table and what must be known to read it, in Markdown.
    pub fn readme(&self) -> String {
        let (starts, sizes) = (self.table("cold_start", "cold_start"), self.table("size", "size"));
        let loads = [1, 8, 64, 200].map(|count| self.table("throughput", &format!("keep_alive_{count}")));
        let mut text = String::from(
            "| | cold start, µs: musl / glibc | resident KB | binary KB | requests/s at 1 / 8 / 64 / 200 connections | p99 at 64, µs |\n\
             |---|---:|---:|---:|---:|---:|\n",
        );
        for row in SHOWN {
            let (title, started, loaded) = match row {
                "C" => ("*C, bare calls: the limit*", "C accept", "C epoll"),
                "fc-runtime" => ("**fc-runtime**", row, row),
                peer => (peer, peer, peer),
            };
            if starts.figure(started, "glibc", "first_200").is_none() {
                continue; // its tool is not installed
            }
            let [start, memory, binary] =
                [(starts, "first_200"), (sizes, "started"), (sizes, "binary")].map(|(rows, column)| {
                    pair(["musl", "glibc"].map(|build| rows.figure(started, build, column)))
                });
            let per_second =
                loads.map(|rows| thousands(rows.figure(loaded, "glibc", "per_second"))).join(" / ");
            let p99 = shown(loads[2].figure(loaded, "glibc", "p99"));
            let _ = writeln!(text, "| {title} | {start} | {memory} | {binary} | {per_second} | {p99} |"); // a String takes everything
        }
        text + &self.method()
    }

    /// When, on what and how it was measured, and what the machine did meanwhile, as the benchmarks noticed it.
    fn method(&self) -> String {
        let machine = &self.0["cold_start"]["machine"];
        let word = |value: &Value| value.as_str().unwrap_or("unknown").to_string();
        let mut text = format!(
            "\nMeasured {} with `make bench` on {} cores ({}{}), Linux {}, {}, the load's client on the same cores. Cold start is from \
             the spawn to the first 200 with the page cache warm. All servers answer the same bytes, are built with the same \
             profile and take turns; figures are medians. Compare within the table only: absolute values differ from machine to machine.\n",
            word(&self.0["cold_start"]["date"]),
            machine["cores"],
            word(&machine["cpu"]),
            if machine["virtual"] == true { ", virtual" } else { "" },
            word(&machine["kernel"]),
            word(&machine["rustc"]),
        );
        for bench in ["cold_start", "throughput"] {
            let doubts = self.0[bench]["doubts"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for doubt in doubts.filter(|doubt| is_of_the_machine(doubt)) {
                let _ = writeln!(text, "In the run of {bench}, {doubt}."); // a String takes everything
            }
        }
        text
    }
}

impl<'a> Rows<'a> {
    /// One figure, if it was measured. A server that has a build of its own is found under each of the others.
    pub fn figure(self, server: &str, build: &str, column: &str) -> Option<f64> {
        let own = || self.0[format!("{server} own")][column].as_f64();
        self.0[format!("{server} {build}")][column].as_f64().or_else(own)
    }

    /// One column's figures with their servers and builds.
    pub fn column(self, column: &str) -> impl Iterator<Item = (&'a str, &'a str, f64)> {
        self.0.as_object().into_iter().flatten().filter_map(move |(label, row)| {
            let (server, build) = label.rsplit_once(' ')?;
            Some((server, build, row[column].as_f64()?))
        })
    }
}

/// Other people's work, unlike what speaks against one series.
fn is_of_the_machine(doubt: &str) -> bool {
    doubt.starts_with("other processes") || doubt.starts_with("the hypervisor")
}

/// Two figures, or one when they are the same one.
fn pair([first, second]: [Option<f64>; 2]) -> String {
    if first == second { shown(first) } else { format!("{} / {}", shown(first), shown(second)) }
}

fn shown(figure: Option<f64>) -> String {
    number(figure.unwrap_or(f64::NAN), 0)
}

fn thousands(figure: Option<f64>) -> String {
    figure.map_or("–".into(), |figure| {
        if figure < 9_500.0 { format!("{:.1}k", figure / 1e3) } else { format!("{:.0}k", figure / 1e3) }
    })
}

/// The text between the markers, if both are there.
pub fn between_markers(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(MARKERS.0)?;
    let (inside, _) = rest.split_once(MARKERS.1)?;
    Some(inside.trim())
}

/// The same document with other text between the markers.
pub fn replace_between_markers(text: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKERS.0)?;
    let (_, after) = rest.split_once(MARKERS.1)?;
    Some(format!("{before}{}\n{}\n{}{after}", MARKERS.0, new.trim(), MARKERS.1))
}
