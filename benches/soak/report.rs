//! What is printed and asserted.

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

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
    pub fn tell(&self, what: &str, value: impl std::fmt::Display) {
        println!("  {what:<58} {value:>12}");
    }

    pub fn time_at_most(&mut self, what: &str, value: Duration, limit: Duration) {
        let show = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1e3);
        self.judge(what, value <= limit, &show(value), &show(limit));
    }

    pub fn count_at_most(&mut self, what: &str, value: u64, limit: u64) {
        self.judge(what, value <= limit, &value.to_string(), &limit.to_string());
    }

    pub fn mib_at_most(&mut self, what: &str, kib: u64, limit_kib: u64) {
        let show = |kib: u64| format!("{:.2} MiB", kib as f64 / 1024.0);
        self.judge(what, kib <= limit_kib, &show(kib), &show(limit_kib));
    }

    pub fn ratio_at_most(&mut self, what: &str, value: f64, limit: f64) {
        self.judge(what, value <= limit, &format!("{value:.2}"), &format!("{limit:.2}"));
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

    pub fn outcome(&self) -> ExitCode {
        if self.failures.is_empty() {
            println!("everything holds");
            return ExitCode::SUCCESS;
        }
        println!("{} of the figures do not hold:", self.failures.len());
        for failure in &self.failures {
            println!("  {failure}");
        }
        ExitCode::FAILURE
    }
}
