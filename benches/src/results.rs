//! What the benchmarks have found, in files: how it is written, how a figure is found again, and what is made from it.

use crate::{chart, folders::checkout, number, servers::PEERS};
use serde_json::Value;
use std::{fmt::Write, fs, io};

/// The servers in other languages that the table of figures shows.
const FOREIGN: [&str; 4] = ["Go net/http", "Node http", "Python http.server", "Flask, gunicorn"];

/// The least that a server must do, with its title in that table.
const LIMITS: [(&str, &str); 3] = [
    ("*C, bare calls*", "C accept"),
    ("*std alone, an accept loop*", "std loop"),
    ("*the same, one thread before its response*", "std loop with a thread"),
];

/// What all benchmarks have found, each under its name.
pub struct Results(pub Value);

/// One table of a benchmark, without figures when it was not measured.
#[derive(Clone, Copy)]
pub struct Table<'a>(&'a Value);

impl Results {
    pub fn table(&self, key: &str) -> Table<'_> {
        let mut tables = self.0.as_object().into_iter().flatten().map(|(_, bench)| &bench["tables"][key]);
        Table(tables.find(|table| table.is_object()).unwrap_or(&Value::Null))
    }

    /// One quantity of a server linked with musl and with glibc.
    fn of_builds(&self, table: &str, server: &str, column: &str) -> [f64; 2] {
        ["musl", "glibc"].map(|build| self.table(table).figure(server, build, column).unwrap_or(f64::NAN))
    }

    /// Each committed file that is made from the results, as it has to be.
    pub fn files(&self) -> io::Result<[(&'static str, String); 4]> {
        let renew = |file: &'static str, name: &str, new: &str| {
            let text = replace_between_markers(&fs::read_to_string(checkout().join(file))?, name, new);
            text.map(|text| (file, text)).ok_or_else(|| io::Error::other(format!("no {name} in {file}")))
        };
        Ok([
            ("benches/results.json", format!("{:#}\n", self.published())),
            ("docs/cold_start.svg", chart::cold_starts(self)),
            renew("docs/figures.md", "figures", &self.figures())?,
            renew("README.md", "headline", &self.headline())?,
        ])
    }

    fn published(&self) -> Value {
        let mut value = self.0.clone();
        for bench in value.as_object_mut().into_iter().flat_map(|benches| benches.values_mut()) {
            let Some(tables) = bench["tables"].as_object_mut() else { continue };
            tables.retain(|key, table| {
                let Some(columns) = table.as_object_mut() else { return false };
                columns.retain(|column, _| is_published(key, column));
                !columns.is_empty()
            });
        }
        value
    }

    /// The README's sentence: starts and binaries with musl and glibc, beside those of hyper.
    fn headline(&self) -> String {
        let both = |table, column| {
            ["fc-runtime", "hyper-current"].map(|server| self.of_builds(table, server, column))
        };
        let [ours, theirs] = both("cold_start", "first_200");
        let ratios = joined([ours[0] / theirs[0], ours[1] / theirs[1]], 2, " and ");
        let [ours, theirs] = [ours, theirs].map(|start| joined(start, 0, " and "));
        let [binary, other] = both("size", "binary").map(|binary| joined(binary, 0, " and "));
        format!(
            "With musl and glibc a process takes {ours} µs from its spawn to its first response, {ratios} of what hyper on one \
             thread takes (hyper-current: {theirs} µs); its binary has {binary} KB (hyper-current: {other} KB)."
        )
    }

    /// The table and what must be known to read it, in Markdown.
    fn figures(&self) -> String {
        let loads = [1, 8, 64, 200].map(|count| self.table(&format!("keep_alive_{count}")));
        let mut text = String::from(
            "| | cold start, µs: musl / glibc | with an Initializer | not in the page cache | package KB | binary KB | resident KB | requests/s at 1 / 8 / 64 / 200 connections | p99 at 64, µs |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        let ours =
            ["**fc-runtime**", "**fc-runtime, one worker**"].map(|title| (title, title.trim_matches('*')));
        let others = PEERS.into_iter().chain(FOREIGN).map(|name| (name, name));
        for (title, server) in LIMITS.into_iter().chain(ours).chain(others) {
            let loaded = server.replace("C accept", "C epoll");
            let both = |table, column| joined(self.of_builds(table, server, column), 0, " / ");
            let start = both("cold_start", "first_200");
            if start == "–" {
                continue; // its tool is not installed
            }
            let initialized = both("cold_start_initialize", "last_200");
            let evicted = both("cold_start_evicted", "first_200");
            let [package, binary, memory] = ["zip", "binary", "started"].map(|column| both("size", column));
            let per_second =
                loads.map(|table| thousands(table.figure(&loaded, "glibc", "per_second"))).join(" / ");
            let p99 = number(loads[2].figure(&loaded, "glibc", "p99").unwrap_or(f64::NAN), 0);
            let starts = [start, initialized, evicted].join(" | ");
            let _ = writeln!(
                text,
                "| {title} | {starts} | {package} | {binary} | {memory} | {per_second} | {p99} |"
            ); // a String takes everything
        }
        text + &self.method()
    }

    /// When and on what it was measured, and what the machine did meanwhile, as the benchmarks noticed it.
    fn method(&self) -> String {
        let (run, machine) = (&self.0["cold_start"], &self.0["cold_start"]["machine"]);
        let word = |value: &Value| value.as_str().unwrap_or("unknown").to_string();
        let [date, cpu, kernel, rustc] =
            [&run["date"], &machine["cpu"], &machine["kernel"], &machine["rustc"]].map(word);
        let (cores, kind) = (&machine["cores"], if machine["virtual"] == true { ", virtual" } else { "" });
        let mut text = format!(
            "\nMeasured {date} with `make bench` on {cores} cores ({cpu}{kind}), Linux {kernel}, {rustc}, the load's client on the same \
             cores; medians. Compare within the table only: absolute values differ from machine to machine.\n",
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

/// Whether the documents or the chart are made from this column; the others stay in target/bench.
fn is_published(table: &str, column: &str) -> bool {
    let others = [
        ("cold_start", "first_200"),
        ("cold_start_initialize", "last_200"),
        ("cold_start_evicted", "first_200"),
        ("keep_alive_64", "p99"),
    ];
    let is_size = table == "size" && ["started", "binary", "zip"].contains(&column);
    column == "per_second" && table.starts_with("keep_alive_") || is_size || others.contains(&(table, column))
}

/// Two figures, or one when they are the same one.
fn joined(figures: [f64; 2], decimals: usize, by: &str) -> String {
    let [first, second] = figures.map(|figure| number(figure, decimals));
    if first == second { first } else { [first, second].join(by) }
}

fn thousands(figure: Option<f64>) -> String {
    figure.map_or("–".into(), |figure| format!("{:.0}k", figure / 1e3))
}

/// The same document with other text between the markers of that name, if both are there.
pub fn replace_between_markers(text: &str, name: &str, new: &str) -> Option<String> {
    let (first, last) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&first)?;
    let (_, after) = rest.split_once(&last)?;
    Some(format!("{before}{first}\n{}\n{last}{after}", new.trim()))
}
