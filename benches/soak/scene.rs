//! One scenario's stage: the server under stress, what is waited for, what is printed and asserted.

use harness::{Client, Running, Sample, Server, Usage, folders, number, subject, timed};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

/// Longer than anything takes that is not broken.
const WATCHDOG: Duration = Duration::from_secs(60);

pub struct Scene {
    pub server: Running,
    pub failures: Vec<String>,
    log: PathBuf,
    is_short: bool,
}

impl Scene {
    /// Starts a server by a shell that first does as it is told.
    pub fn start(first: &str, is_short: bool) -> io::Result<Scene> {
        let (server, log) = (subject::server()?, folders::output()?.join("soak.log"));
        let shell = format!("{first}; exec '{}' \"$0\" >'{}'", server.program.display(), log.display());
        let arguments = ["-c".into(), shell].into_iter().chain(server.arguments).collect();
        let server = Running::start(&Server { program: "/bin/sh".into(), arguments, ..server })?;
        Ok(Scene { server, failures: Vec::new(), log, is_short })
    }

    /// So many in the long form, or fewer in the short one.
    pub fn amount(&self, long: usize, short: usize) -> usize {
        if self.is_short { short } else { long }
    }

    /// How many microseconds it takes to connect and be answered, again and again.
    pub fn newcomers(&self, request: &[u8], count: usize) -> io::Result<Sample> {
        (0..count).map(|_| timed(|| Client::connect(self.server.port, 0)?.timed(request))).collect()
    }

    /// Returns what the server used when the condition came true.
    pub fn wait_until(&mut self, what: &str, condition: impl Fn(&Usage) -> bool) -> io::Result<Usage> {
        let began = Instant::now();
        while self.server.end().is_none() && began.elapsed() < WATCHDOG {
            let usage = self.server.usage();
            if condition(&usage) {
                return Ok(usage);
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        Err(io::Error::other(format!("not in time, or the server has ended: {what}")))
    }

    /// How many lines the server has logged with that word.
    pub fn logged(&self, word: &str) -> io::Result<usize> {
        Ok(fs::read_to_string(&self.log)?.lines().filter(|line| line.contains(word)).count())
    }

    /// A figure without a limit.
    pub fn tell(&self, what: &str, value: f64, unit: &str) {
        println!("  {what:<58} {:>12}", shown(value, unit));
    }

    /// A time, or a ratio of times: shown and not asserted in the short form, as the machine may be busy.
    pub fn takes_at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        let failures = self.failures.len();
        self.at_most(what, value, limit, unit);
        self.failures.truncate(if self.is_short { failures } else { usize::MAX });
    }

    pub fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.judge(what, value <= limit, &shown(value, unit), &shown(limit, unit));
    }

    pub fn holds(&mut self, what: &str, holds: bool) {
        self.judge(what, holds, if holds { "yes" } else { "no" }, "yes");
    }

    fn judge(&mut self, what: &str, holds: bool, value: &str, limit: &str) {
        println!("  {what:<58} {value:>12}   limit {limit:<12} {}", if holds { "ok" } else { "BEYOND" });
        if !holds {
            self.failures.push(format!("{what}: {value}, limit {limit}"));
        }
    }
}

/// Of a server that is idle: those that wait, one per core and at least two, the first one, and who watches quick code.
pub fn idle_threads() -> f64 {
    thread::available_parallelism().map_or(2, |cores| cores.get().max(2)) as f64 + 2.0
}

fn shown(value: f64, unit: &str) -> String {
    let decimals = if value.fract() == 0.0 { 0 } else { 2 };
    format!("{} {unit}", number(value, decimals)).trim_end().to_string()
}
