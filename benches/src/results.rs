//! What the benchmarks have found, in files: how it is written, how a figure is found again, and the part of the README
//! that is made from it.

use std::fmt::Write;

use serde_json::Value;

use crate::number;
use crate::servers::PEERS;

/// What the README's figures stand between.
const MARKERS: (&str, &str) = ("<!-- figures -->", "<!-- /figures -->");
/// The tables and columns that the README and its chart are made from. The others are for whoever measures, and stay in
/// target/bench.
const PUBLISHED: [(&str, &str); 8] = [
    ("cold_start", "first_200"),
    ("size", "started"),
    ("size", "binary"),
    ("keep_alive_1", "per_second"),
    ("keep_alive_8", "per_second"),
    ("keep_alive_64", "per_second"),
    ("keep_alive_64", "p99"),
    ("keep_alive_200", "per_second"),
];
/// The servers in other languages that the README's table shows.
const FOREIGN: [&str; 4] = ["Go net/http", "Node http", "Python http.server", "Flask, gunicorn"];

/// What all benchmarks have found, each under its name.
pub struct Results(pub Value);

/// One table of a benchmark, without figures when it was not measured.
#[derive(Clone, Copy)]
pub struct Table<'a>(&'a Value);

impl Results {
    /// The table of that key, whichever benchmark it is of.
    pub fn table(&self, key: &str) -> Table<'_> {
        let mut tables = self.0.as_object().into_iter().flatten().map(|(_, bench)| &bench["tables"][key]);
        Table(tables.find(|table| table.is_object()).unwrap_or(&Value::Null))
    }

    /// The part that is committed.
    pub fn published(&self) -> Value {
        let mut value = self.0.clone();
        for bench in value.as_object_mut().into_iter().flat_map(|benches| benches.values_mut()) {
            let Some(tables) = bench["tables"].as_object_mut() else { continue };
            for (key, table) in tables.iter_mut() {
                let columns = table.as_object_mut().into_iter();
                columns.for_each(|columns| columns.retain(|column, _| PUBLISHED.contains(&(key, column))));
            }
            tables.retain(|_, table| table.as_object().is_some_and(|columns| !columns.is_empty()));
        }
        value
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
                [(starts, "first_200"), (sizes, "started"), (sizes, "binary")].map(|(table, column)| {
                    pair(["musl", "glibc"].map(|build| table.figure(started, build, column)))
                });
            let per_second =
                loads.map(|table| thousands(table.figure(loaded, "glibc", "per_second"))).join(" / ");
            let p99 = shown(loads[2].figure(loaded, "glibc", "p99"));
            let _ = writeln!(text, "| {title} | {start} | {memory} | {binary} | {per_second} | {p99} |"); // a String takes everything
        }
        text + &self.method()
    }

    /// When, on what and how it was measured, and what the machine did meanwhile, as the benchmarks noticed it.
    fn method(&self) -> String {
        let (run, machine) = (&self.0["cold_start"], &self.0["cold_start"]["machine"]);
        let word = |value: &Value| value.as_str().unwrap_or("unknown").to_string();
        let [date, cpu, kernel, rustc] =
            [&run["date"], &machine["cpu"], &machine["kernel"], &machine["rustc"]].map(word);
        let (cores, kind) = (&machine["cores"], if machine["virtual"] == true { ", virtual" } else { "" });
        let mut text = format!(
            "\nMeasured {date} with `make bench` on {cores} cores ({cpu}{kind}), Linux {kernel}, {rustc}, the load's client on the same \
             cores. Cold start is from the spawn to the first 200 with the page cache warm. All servers answer the same bytes, are \
             built with the same profile and take turns; figures are medians. Compare within the table only: absolute values \
             differ from machine to machine.\n",
        );
        for bench in ["cold_start", "throughput"] {
            for disturbance in self.0[bench]["disturbances"].as_array().into_iter().flatten() {
                let _ = writeln!(text, "In the run of {bench}, {}.", word(disturbance)); // a String takes everything
            }
        }
        text
    }
}

impl<'a> Table<'a> {
    /// One figure, if it was measured. A server that has a build of its own is found under each of the others.
    pub fn figure(self, server: &str, build: &str, column: &str) -> Option<f64> {
        let own = || self.0[column][format!("{server} own")].as_f64();
        self.0[column][format!("{server} {build}")].as_f64().or_else(own)
    }

    /// One column's figures with the labels of their servers.
    pub fn column(self, column: &str) -> impl Iterator<Item = (&'a str, f64)> {
        let figures = self.0[column].as_object().into_iter().flatten();
        figures.filter_map(|(label, figure)| Some((label.as_str(), figure.as_f64()?)))
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
    figure.map_or("–".into(), |figure| format!("{:.0}k", figure / 1e3))
}

/// The same document with other text between the markers, if both are there.
pub fn replace_between_markers(text: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKERS.0)?;
    let (_, after) = rest.split_once(MARKERS.1)?;
    Some(format!("{before}{}\n{}\n{}{after}", MARKERS.0, new.trim(), MARKERS.1))
}
