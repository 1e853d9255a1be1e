//! One scenario's stage: the server under stress, what is waited for, what is printed and asserted.

use harness::{Client, Running, Sample, Server, Usage, folders, number, subject, timed};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use std::time::{Duration, Instant};
use std::{collections::BTreeMap, fs, io, path::PathBuf, thread};

const WATCHDOG: Duration = Duration::from_secs(60);

pub struct Scene {
    pub server: Running,
    /// What has become of the figures that have a limit.
    pub within: usize,
    pub beyond: Vec<String>,
    pub not_judged: usize,
    /// Whether the server is to be there at the end.
    pub is_to_live: bool,
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
        Ok(Scene { server, within: 0, beyond: Vec::new(), not_judged: 0, is_to_live: true, log, is_short })
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

    /// Leaves the running server so much of a resource, or all that this process may have.
    pub fn leave(&self, resource: Resource, amount: Option<u64>) -> io::Result<()> {
        let own = getrlimit(resource);
        let limit = Rlimit { current: amount.or(own.current), ..own };
        Ok(prlimit(Some(self.server.pid()), resource, limit).map(drop)?)
    }

    /// Something was logged, and no kind of line (its words without the time and numbers) more than once a second.
    pub fn is_told_in_few_lines(&mut self, word: &str, began: Instant) -> io::Result<()> {
        let (text, mut kinds) = (fs::read_to_string(&self.log)?, BTreeMap::<_, usize>::new());
        for line in text.lines() {
            let words = line.split_once(" [").map_or(line, |(_, words)| words);
            *kinds.entry(words.replace(|c: char| c.is_ascii_digit(), "")).or_default() += 1;
        }
        self.holds(&format!("\"{word}\" is logged"), text.contains(word));
        let most = kinds.into_values().max().unwrap_or(0) as f64;
        self.at_most("log lines of one kind", most, 1.2 * began.elapsed().as_secs_f64() + 2.0, "");
        Ok(())
    }

    /// A figure without a limit.
    pub fn tell(&self, what: &str, value: f64, unit: &str) {
        println!("  {what:<66} {:>12}", shown(value, unit));
    }

    /// A time, or a ratio of times: not judged in the short form, as the machine may be busy.
    pub fn takes_at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        let verdict = (!self.is_short).then_some(value <= limit);
        self.judge(what, verdict, &shown(value, unit), &shown(limit, unit));
    }

    /// How much longer others wait beside something. Not judged where that may be the machine's own pauses.
    pub fn wait_longer_by_at_most(&mut self, without: &Sample, beside: &Sample, limit: f64) {
        for share in [0.5, 0.9] {
            let [without, beside] = [without, beside].map(|longest| longest.quantile(share) / 1e3);
            self.tell(&format!("the {share} quantile of the longest waits without it"), without, "ms");
            self.tell("the same beside it", beside, "ms");
            let longer = (beside - without).max(0.0);
            let is_judged = !self.is_short && (without <= limit || longer > 50.0 * without);
            let verdict = is_judged.then_some(longer <= limit);
            self.judge("so much longer they wait", verdict, &shown(longer, "ms"), &shown(limit, "ms"));
        }
    }

    pub fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.judge(what, Some(value <= limit), &shown(value, unit), &shown(limit, unit));
    }

    pub fn holds(&mut self, what: &str, holds: bool) {
        self.judge(what, Some(holds), if holds { "yes" } else { "no" }, "yes");
    }

    fn judge(&mut self, what: &str, verdict: Option<bool>, value: &str, limit: &str) {
        let word = verdict.map_or("not judged", |holds| if holds { "ok" } else { "BEYOND" });
        println!("  {what:<66} {value:>12}   limit {limit:<12} {word}");
        match verdict {
            Some(true) => self.within += 1,
            Some(false) => self.beyond.push(format!("{what}: {value}, limit {limit}")),
            None => self.not_judged += 1,
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
