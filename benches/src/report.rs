//! A benchmark's result: its tables, what is missing, what to doubt, on the screen and as JSON in target/bench.

use crate::machine::{self, Activity};
use crate::options::{self, Scale};
use crate::table::{self, Column};
use crate::{Role, Series, Server, folders, servers, verify};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, error::Error, fs, io, time::Instant};

pub struct Report {
    pub scale: Scale,
    name: &'static str,
    only: Vec<String>,
    start: Instant,
    activity: Activity,
    tables: Map<String, Value>,
    notes: Vec<String>,
    doubted: BTreeMap<&'static str, Vec<String>>,
}

impl Report {
    pub fn start(name: &'static str) -> Report {
        let (scale, only) = options::from_args();
        println!("{name} ({})", scale.name());
        Report {
            scale,
            name,
            only,
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
        let named = |label: &str| self.only.is_empty() || self.only.iter().any(|word| label.contains(word));
        let chosen = |server: &Server| server.role() == Role::Limit || named(&server.label());
        let all = servers::all(limit, example).into_iter().filter(|server| wanted(server) && chosen(server));
        let (present, missing): (Vec<_>, Vec<_>) = all.partition(|server| server.program.exists());
        for server in missing {
            self.note(format!("{}: not built or not installed", server.label()));
        }
        if present.iter().all(|server| server.role() == Role::Limit) {
            return Err(io::Error::other("no server is built: run `make bench-build` first")); // limits alone say nothing
        }
        let mut all: Vec<Series> = present.iter().map(Series::of).collect();
        self.take_turns(&mut all, 1, |series, _| verify::answers(&series.server, example))?;
        Ok(all.into_iter().filter(|series| !series.has_failed).map(|series| series.server).collect())
    }

    /// Something a reader must know: a method, a thing that is missing. Once is enough.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            println!("  {note}");
            self.notes.push(note);
        }
    }

    /// Rounds in which every server is measured once, A B C A B C …: what disturbs the machine disturbs all of them. A peer
    /// that fails is named and left out of what follows; a failure of ours ends the benchmark.
    pub fn take_turns(
        &mut self,
        all: &mut [Series],
        rounds: usize,
        mut measure: impl FnMut(&mut Series, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        for round in 0..rounds {
            for series in all.iter_mut().filter(|series| !series.has_failed) {
                let Err(error) = measure(series, round) else { continue };
                let failure = format!("{}: failed, {error}", series.server.label());
                if series.server.role() == Role::Ours {
                    return Err(io::Error::other(failure));
                }
                self.note(failure);
                series.has_failed = true;
            }
        }
        Ok(())
    }

    /// Shows a table with a row for each server of which something was measured, and keeps it.
    pub fn table(&mut self, key: &str, title: &str, columns: &[Column], all: &[Series]) {
        let rows: Vec<&Series> = all.iter().filter(|series| !series.samples.is_empty()).collect();
        println!("\n{title}\n{}", table::text(columns, &rows));
        self.tables.insert(key.into(), table::json(columns, &rows));
    }

    /// What speaks against a quantity, shown at the end; the one named `step` is how far apart two looks at it were.
    pub fn doubt(&mut self, key: &str, all: &[Series], quantity: &str) {
        for series in all {
            for (reason, extent) in series.sample(quantity).doubts(series.sample("step").median()) {
                let doubted = format!("{} {key} ({extent})", series.server.label());
                self.doubted.entry(reason).or_default().push(doubted);
            }
        }
    }

    /// Prints the doubts and writes target/bench/NAME.json.
    pub fn finish(self) -> Result<(), Box<dyn Error>> {
        let disturbances = self.activity.disturbances();
        let doubts = self.doubted.iter().map(|(reason, names)| format!("{reason}: {}", names.join(", ")));
        let doubts: Vec<String> = doubts.collect();
        for doubt in disturbances.iter().chain(&doubts) {
            println!("  doubt: {doubt}");
        }
        if self.scale != Scale::Full {
            println!("  doubt: this was a {} run", self.scale.name());
        }
        let path = folders::output()?.join(format!("{}.json", self.name));
        let seconds = self.start.elapsed().as_secs();
        let value = json!({
            "scale": self.scale.name(), "date": machine::today(), "seconds": seconds, "machine": machine::describe(),
            "tables": self.tables, "notes": self.notes, "doubts": doubts, "disturbances": disturbances,
        });
        fs::write(&path, format!("{value:#}\n"))?;
        println!("  {seconds} s; {}\n", path.display());
        Ok(())
    }
}
