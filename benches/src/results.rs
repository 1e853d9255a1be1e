//! The committed results, benches/results.json, and the part of the README that is made from them.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::table::number;

/// What the README's figures stand between.
pub const MARKERS: (&str, &str) = ("<!-- figures -->", "<!-- /figures -->");

/// The peers in the README's table; the whole list is in the results.
const SHOWN: [&str; 12] = [
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

impl Results {
    pub fn read(path: &Path) -> io::Result<Results> {
        Ok(Results(serde_json::from_str(&fs::read_to_string(path)?)?))
    }

    pub fn of(value: Value) -> Results {
        Results(value)
    }

    /// One figure, if it was measured.
    pub fn figure(&self, bench: &str, table: &str, server: (&str, &str), column: &str) -> Option<f64> {
        let tables = self.0[bench]["tables"].as_array()?;
        let table = tables.iter().find(|candidate| candidate["key"] == table)?;
        let rows = table["rows"].as_array()?;
        let row = rows.iter().find(|row| row["server"] == server.0 && row["build"] == server.1)?;
        row[column].as_f64()
    }

    /// All rows of a table, as server, build and one column's figure.
    pub fn column(&self, bench: &str, table: &str, column: &str) -> Vec<(&str, &str, f64)> {
        let tables = self.0[bench]["tables"].as_array().into_iter().flatten();
        let rows = tables
            .filter(|candidate| candidate["key"] == table)
            .filter_map(|table| table["rows"].as_array())
            .flatten();
        rows.filter_map(|row| Some((row["server"].as_str()?, row["build"].as_str()?, row[column].as_f64()?)))
            .collect()
    }

    /// The README's table and what must be known to read it, in Markdown.
    pub fn readme(&self) -> String {
        let mut text = String::from(
            "| | cold start, µs: musl / glibc | resident KB | binary KB | requests/s at 1 / 8 / 64 / 200 connections | p99 at 64, µs |\n\
             |---|---:|---:|---:|---:|---:|\n",
        );
        let limit = ("cold_start", "cold_start", "C accept");
        let starts =
            ["musl", "glibc"].map(|build| self.figure(limit.0, limit.1, (limit.2, build), "first_200"));
        let _ = writeln!(
            text,
            "| *C, bare calls: the limit* | {} |  |  | {} | {} |",
            pair(starts),
            self.load("C epoll"),
            self.p99("C epoll")
        );
        for server in SHOWN.into_iter().filter(|server| self.is_measured(server)) {
            let name = if server == "fc-runtime" { "**fc-runtime**" } else { server };
            let two = |bench, table, column| {
                pair(["musl", "glibc"].map(|build| self.any_build(bench, table, (server, build), column)))
            };
            let (start, memory, binary) = (
                two("cold_start", "cold_start", "first_200"),
                two("size", "size", "started"),
                two("size", "size", "binary"),
            );
            let _ = writeln!(
                text,
                "| {name} | {start} | {memory} | {binary} | {} | {} |",
                self.load(server),
                self.p99(server)
            );
        }
        let machine = &self.0["cold_start"]["machine"];
        let word = |key: &str| machine[key].as_str().unwrap_or("unknown").to_string();
        let _ = write!(
            text,
            "\nMeasured {} with `make bench` on {} cores ({}{}), Linux {}, {}, the load's client on the same cores. Cold start is from \
             the spawn to the first 200 with the page cache warm. All servers answer the same bytes, are built with the same \
             profile and take turns; figures are medians. Compare within the table only: absolute values differ from machine to machine.\n",
            self.0["cold_start"]["date"].as_str().unwrap_or("never"),
            machine["cores"],
            word("cpu"),
            if machine["virtual"] == true { ", virtual" } else { "" },
            word("kernel"),
            word("rustc"),
        );
        for bench in ["cold_start", "throughput"] {
            for disturbance in self.disturbances(bench) {
                let _ = writeln!(text, "In the run of {bench}, {disturbance}."); // a String takes everything
            }
        }
        text
    }

    /// What the machine did beside a benchmark, as the benchmark itself noticed it.
    fn disturbances(&self, bench: &str) -> impl Iterator<Item = &str> {
        let doubts = self.0[bench]["doubts"].as_array().into_iter().flatten().filter_map(Value::as_str);
        doubts.filter(|doubt| doubt.starts_with("other processes") || doubt.starts_with("the hypervisor"))
    }

    fn is_measured(&self, server: &str) -> bool {
        ["glibc", "own"]
            .iter()
            .any(|build| self.figure("cold_start", "cold_start", (server, build), "first_200").is_some())
    }

    /// A server with a build of its own is found under each of the two.
    fn any_build(
        &self,
        bench: &str,
        table: &str,
        (server, build): (&str, &str),
        column: &str,
    ) -> Option<f64> {
        let own = || self.figure(bench, table, (server, "own"), column);
        self.figure(bench, table, (server, build), column).or_else(own)
    }

    fn load(&self, server: &str) -> String {
        let cells = [1, 8, 64, 200].map(|connections| {
            let table = format!("keep_alive_{connections}");
            thousands(self.any_build("throughput", &table, (server, "glibc"), "per_second"))
        });
        cells.join(" / ")
    }

    fn p99(&self, server: &str) -> String {
        let p99 = self.any_build("throughput", "keep_alive_64", (server, "glibc"), "p99");
        number(p99.unwrap_or(f64::NAN), 0)
    }
}

/// Two figures, or one when they are the same one.
fn pair([first, second]: [Option<f64>; 2]) -> String {
    let shown = |figure: Option<f64>| number(figure.unwrap_or(f64::NAN), 0);
    if first == second { shown(first) } else { format!("{} / {}", shown(first), shown(second)) }
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
