//! Which machine this is, and how quiet it was while it measured.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

/// The machine as a reader needs it to judge the figures.
pub fn describe() -> Value {
    json!({
        "cpu": cpu_model(),
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "virtual": fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" hypervisor")),
        "rustc": output("rustc", &["--version"]),
        "cc": output("cc", &["--version"]),
    })
}

/// The finest difference two readings of the clock have shown, in microseconds.
pub fn clock_step() -> f64 {
    let mut finest = f64::INFINITY;
    for _ in 0..10_000 {
        let start = Instant::now();
        let mut next = Instant::now();
        while next == start {
            next = Instant::now();
        }
        finest = finest.min((next - start).as_secs_f64() * 1e6);
    }
    finest
}

/// Today in UTC, as `2026-01-31`.
pub fn today() -> String {
    output("date", &["-u", "+%F"])
}

/// What the cores did between two moments.
pub struct Activity {
    start: Vec<u64>,
    own: u64,
}

impl Activity {
    pub fn start() -> Activity {
        Activity { start: processor_times(), own: own_time() }
    }

    /// Says when the hypervisor took the cores away; a guest cannot see more of its neighbours than that.
    pub fn doubts(&self) -> Vec<String> {
        let now = processor_times();
        let spent: Vec<u64> =
            now.iter().zip(&self.start).map(|(now, then)| now.saturating_sub(*then)).collect();
        let total = spent.iter().sum::<u64>().max(1) as f64;
        let stolen = 100.0 * spent.get(7).copied().unwrap_or(0) as f64 / total;
        // Children that have been waited for count as ours, so what remains is other people's work.
        let busy = spent
            .iter()
            .enumerate()
            .filter(|(i, _)| !matches!(i, 3 | 4 | 7))
            .map(|(_, time)| *time)
            .sum::<u64>();
        let others = 100.0 * busy.saturating_sub(own_time() - self.own) as f64 / total;
        let mut doubts = Vec::new();
        if stolen > 1.0 {
            doubts.push(format!("the hypervisor gave {stolen:.1} % of the processor time to others"));
        }
        if others > 5.0 {
            doubts.push(format!("other processes on this machine took {others:.0} % of its processor time"));
        }
        doubts
    }
}

/// The fields of the first line of /proc/stat without the two that are counted twice (guest).
fn processor_times() -> Vec<u64> {
    let text = read("/proc/stat");
    let line = text.lines().next().unwrap_or_default();
    line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect()
}

/// Processor time of this process and its finished children, in the same ticks.
fn own_time() -> u64 {
    let text = read("/proc/self/stat");
    let after_name = text.rsplit(") ").next().unwrap_or_default();
    after_name.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn cpu_model() -> String {
    let text = read("/proc/cpuinfo");
    let line = text.lines().find(|line| line.starts_with("model name")).unwrap_or_default();
    line.split(": ").nth(1).unwrap_or("unknown").to_string()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_string()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("not installed").to_string()
}
