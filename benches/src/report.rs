//! A benchmark's result: its tables, what is missing, what to doubt, on the screen and as JSON in target/bench.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::machine::{self, Activity};
use crate::options::{Options, Scale};
use crate::results;
use crate::servers::{self, Role, Server};
use crate::table::Table;

/// One benchmark's result as it grows.
pub struct Report {
    name: &'static str,
    scale: Scale,
    start: Instant,
    activity: Activity,
    tables: Map<String, Value>,
    notes: Vec<String>,
    doubted: BTreeMap<&'static str, Vec<String>>,
}

impl Report {
    pub fn start(name: &'static str, options: &Options) -> Report {
        println!("{name} ({})", options.scale.name());
        Report {
            name,
            scale: options.scale,
            start: Instant::now(),
            activity: Activity::start(),
            tables: Map::new(),
            notes: Vec::new(),
            doubted: BTreeMap::new(),
        }
    }

    /// Shows a table and keeps it.
    pub fn table(&mut self, table: &Table) {
        println!("{}", table.to_text());
        self.tables.extend([table.to_json()]);
    }

    /// Something a reader must know: a method, a thing that is missing.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        println!("  {note}");
        self.notes.push(note);
    }

    pub fn notes(&mut self, notes: impl IntoIterator<Item = String>) {
        notes.into_iter().for_each(|note| self.note(note));
    }

    /// Goes on without a server that failed, and says so; a failure of ours ends the benchmark.
    pub fn tolerate<T>(&mut self, server: &Server, outcome: io::Result<T>) -> io::Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if server.role == Role::Ours => {
                Err(io::Error::other(format!("{}: {error}", server.label())))
            }
            Err(error) => {
                self.note(format!("{}: failed, {error}", server.label()));
                Ok(None)
            }
        }
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
        let path = directory()?.join(format!("{}.json", self.name));
        let seconds = self.start.elapsed().as_secs();
        let value = json!({
            "scale": self.scale.name(), "date": machine::today(), "seconds": seconds, "machine": machine::describe(),
            "tables": self.tables, "notes": self.notes, "doubts": doubts,
        });
        fs::write(&path, results::to_text(&value))?;
        println!("  {seconds} s; {}\n", path.display());
        Ok(())
    }
}

/// target/bench, made when it is not there.
pub fn directory() -> io::Result<PathBuf> {
    let path = servers::target().join("bench");
    fs::create_dir_all(&path)?;
    Ok(path)
}
