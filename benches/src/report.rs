//! A benchmark's result: its tables, what is missing, what to doubt, on the screen and as JSON in target/bench.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::folders;
use crate::machine::{self, Activity};
use crate::options::{Options, Scale};
use crate::series::Series;
use crate::servers::{self, Role, Server};
use crate::table::{self, Column};
use crate::verify;

/// One benchmark's result as it grows.
pub struct Report {
    pub scale: Scale,
    name: &'static str,
    options: Options,
    start: Instant,
    activity: Activity,
    tables: Map<String, Value>,
    notes: Vec<String>,
    doubted: BTreeMap<&'static str, Vec<String>>,
}

impl Report {
    /// Begins with what the command line says.
    pub fn start(name: &'static str) -> Report {
        let options = Options::from_args();
        println!("{name} ({})", options.scale.name());
        Report {
            scale: options.scale,
            name,
            options,
            start: Instant::now(),
            activity: Activity::start(),
            tables: Map::new(),
            notes: Vec::new(),
            doubted: BTreeMap::new(),
        }
    }

    /// The servers that are there among those that are wanted, and answer as all must; what is missing is noted.
    pub fn servers(
        &mut self,
        limit: &str,
        example: &str,
        wanted: impl Fn(&Server) -> bool,
    ) -> io::Result<Vec<Server>> {
        let (present, missing) = servers::find(&self.options, limit, example, wanted);
        missing.into_iter().for_each(|line| self.note(line));
        if present.iter().all(|server| server.role() == Role::Limit) {
            return Err(io::Error::other("no server is built: run `make bench-build` first")); // limits alone say nothing
        }
        let mut same = Vec::new();
        for server in present {
            if self.tolerate(&server, verify::answers(&server, example))?.is_some() {
                same.push(server);
            }
        }
        Ok(same)
    }

    /// Something a reader must know: a method, a thing that is missing. Once is enough.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            println!("  {note}");
            self.notes.push(note);
        }
    }

    /// Goes on without a server that failed, and says so; a failure of ours ends the benchmark.
    pub fn tolerate<T>(&mut self, server: &Server, outcome: io::Result<T>) -> io::Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if server.role() == Role::Ours => {
                Err(io::Error::other(format!("{}: {error}", server.label())))
            }
            Err(error) => {
                self.note(format!("{}: failed, {error}", server.label()));
                Ok(None)
            }
        }
    }

    /// Rounds in which every server is measured once, A B C A B C …, so that what disturbs the machine for a while disturbs
    /// all of them. One that fails is named and left out of what follows.
    pub fn take_turns(
        &mut self,
        all: &mut [Series],
        rounds: usize,
        mut measure: impl FnMut(&mut Series, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        for round in 0..rounds {
            for series in all.iter_mut().filter(|series| !series.has_failed) {
                let outcome = measure(series, round);
                series.has_failed = self.tolerate(&series.server, outcome)?.is_none();
            }
        }
        Ok(())
    }

    /// Shows a table with a row for each server of which something was measured, and keeps it.
    pub fn table(&mut self, key: &str, title: &str, columns: &[Column], all: &[Series]) {
        let rows: Vec<&Series> = all.iter().filter(|series| !series.is_empty()).collect();
        println!("\n{title}\n{}", table::text(columns, &rows));
        self.tables.insert(key.into(), table::json(columns, &rows));
    }

    /// What speaks against a series; shown at the end, all that share a reason together.
    pub fn doubt(&mut self, name: &str, doubts: Vec<(&'static str, String)>) {
        for (reason, extent) in doubts {
            self.doubted.entry(reason).or_default().push(format!("{name} ({extent})"));
        }
    }

    /// Prints the doubts and writes target/bench/NAME.json.
    pub fn finish(self) -> io::Result<()> {
        let mut doubts = self.activity.doubts();
        doubts.extend(self.doubted.iter().map(|(reason, names)| format!("{reason}: {}", names.join(", "))));
        if self.scale != Scale::Full {
            doubts.push(format!("this was a {} run", self.scale.name()));
        }
        for doubt in &doubts {
            println!("  doubt: {doubt}");
        }
        let path = folders::output()?.join(format!("{}.json", self.name));
        let seconds = self.start.elapsed().as_secs();
        let value = json!({
            "scale": self.scale.name(), "date": machine::today(), "seconds": seconds, "machine": machine::describe(),
            "tables": self.tables, "notes": self.notes, "doubts": doubts,
        });
        fs::write(&path, table::to_lines(&value))?;
        println!("  {seconds} s; {}\n", path.display());
        Ok(())
    }
}
