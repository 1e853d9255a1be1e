//! What is printed and asserted.

use std::error::Error;
use std::io;
use std::time::Instant;

use harness::{Running, number};

pub struct Report {
    is_short: bool,
    failures: Vec<String>,
}

impl Report {
    pub fn new(is_short: bool) -> Report {
        Report { is_short, failures: Vec::new() }
    }

    /// So many in the long form, or fewer in the short one.
    pub fn amount(&self, long: usize, short: usize) -> usize {
        if self.is_short { short } else { long }
    }

    pub fn run(&mut self, name: &str, scenario: impl FnOnce(&mut Report) -> io::Result<()>) {
        println!("{name}");
        let began = Instant::now();
        if let Err(error) = scenario(self) {
            println!("  FAILED: {error}");
            self.failures.push(format!("{name}: {error}"));
        }
        println!("  ({:.1} s)", began.elapsed().as_secs_f64());
    }

    /// A figure without a limit.
    pub fn tell(&self, what: &str, value: f64, unit: &str) {
        println!("  {what:<58} {:>12}", shown(value, unit));
    }

    pub fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.judge(what, value <= limit, &shown(value, unit), &shown(limit, unit));
    }

    pub fn lives(&mut self, server: &mut Running) {
        self.holds("the server lives", server.end().is_none());
    }

    pub fn holds(&mut self, what: &str, holds: bool) {
        self.judge(what, holds, if holds { "yes" } else { "no" }, "yes");
    }

    fn judge(&mut self, what: &str, holds: bool, value: &str, limit: &str) {
        println!("  {what:<58} {value:>12}   limit {limit:<12} {}", if holds { "ok" } else { "FAILED" });
        if !holds {
            self.failures.push(format!("{what}: {value}, limit {limit}"));
        }
    }

    /// The end: an error when something did not hold.
    pub fn outcome(self) -> Result<(), Box<dyn Error>> {
        if self.failures.is_empty() {
            println!("everything holds");
            return Ok(());
        }
        println!("{} of the figures do not hold:", self.failures.len());
        self.failures.iter().for_each(|failure| println!("  {failure}"));
        Err("not within the limits".into())
    }
}

fn shown(value: f64, unit: &str) -> String {
    let decimals = if value.fract() == 0.0 { 0 } else { 2 };
    format!("{} {unit}", number(value, decimals)).trim_end().to_string()
}
