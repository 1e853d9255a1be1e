//! What the benchmarks have found, in files: how it is written, how a figure is found again, and the part of the README
//! that is made from it.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::number;
use crate::servers::PEERS;
use crate::table::to_lines;

/// What the README's figures stand between.
const MARKERS: (&str, &str) = ("<!-- figures -->", "<!-- /figures -->");
/// The tables that the README, its chart and the claims are made from. The others are for whoever measures, and stay in
/// target/bench.
const PUBLISHED: [&str; 6] =
    ["cold_start", "size", "keep_alive_1", "keep_alive_8", "keep_alive_64", "keep_alive_200"];
/// The servers in other languages that the README's table shows.
const FOREIGN: [&str; 4] = ["Go net/http", "Node http", "Python http.server", "Flask, gunicorn"];

/// What all benchmarks have found, each under its name.
pub struct Results(pub Value);

/// One table of a benchmark, without rows when it was not measured.
#[derive(Clone, Copy)]
pub struct Rows<'a>(&'a Value);

impl Results {
    pub fn read(path: &Path) -> io::Result<Results> {
        Ok(Results(serde_json::from_str(&fs::read_to_string(path)?)?))
    }

    /// The table of that key, whichever benchmark it is of.
    pub fn table(&self, key: &str) -> Rows<'_> {
        let mut tables = self.0.as_object().into_iter().flatten().map(|(_, bench)| &bench["tables"][key]);
        Rows(tables.find(|table| table.is_object()).unwrap_or(&Value::Null))
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
        let (starts, sizes) = (self.table("cold_start"), self.table("size"));
        let loads = [1, 8, 64, 200].map(|count| self.table(&format!("keep_alive_{count}")));
        let mut text = String::from(
            "| | cold start, µs: musl / glibc | resident KB | binary KB | requests/s at 1 / 8 / 64 / 200 connections | p99 at 64, µs |\n\
             |---|---:|---:|---:|---:|---:|\n",
        );
        for row in ["C", "fc-runtime"].into_iter().chain(PEERS).chain(FOREIGN) {
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
            for disturbance in self.0[bench]["disturbances"].as_array().into_iter().flatten() {
                let _ = writeln!(text, "In the run of {bench}, {}.", word(disturbance)); // a String takes everything
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

    /// One column's figures with the labels of their servers.
    pub fn column(self, column: &str) -> impl Iterator<Item = (&'a str, f64)> {
        let rows = self.0.as_object().into_iter().flatten();
        rows.filter_map(move |(label, row)| Some((label.as_str(), row[column].as_f64()?)))
    }
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

/// The same document with other text between the markers, if both are there.
pub fn replace_between_markers(text: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKERS.0)?;
    let (_, after) = rest.split_once(MARKERS.1)?;
    Some(format!("{before}{}\n{}\n{}{after}", MARKERS.0, new.trim(), MARKERS.1))
}
