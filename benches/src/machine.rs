//! Which machine this is, and how quiet it was while it measured.

use serde_json::{Value, json};
use std::{fs, process::Command, thread};

/// The machine as a reader needs it to judge the figures.
pub fn describe() -> Value {
    let processor = read("/proc/cpuinfo");
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    json!({
        "cpu": model.unwrap_or("unknown"),
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "virtual": processor.contains(" hypervisor"),
        "rustc": output("rustc", &["--version"]),
        "cc": output("cc", &["--version"]),
    })
}

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

    /// What other people's work took meanwhile; of those beside it, a guest sees only what the hypervisor tells.
    pub fn disturbances(&self) -> Vec<String> {
        let (now, own) = (processor_times(), own_time() - self.own);
        let spent: Vec<u64> =
            now.iter().zip(&self.start).map(|(now, then)| now.saturating_sub(*then)).collect();
        let share = |time: u64| 100.0 * time as f64 / spent.iter().sum::<u64>().max(1) as f64;
        // The fields 3, 4 and 7 are idle, waiting for a disk, and stolen.
        let busy = spent.iter().enumerate().filter(|(field, _)| !matches!(field, 3 | 4 | 7));
        let busy: u64 = busy.map(|(_, time)| time).sum();
        // Children that have been waited for count as ours, so what remains is other people's work.
        let (stolen, others) = (share(spent.get(7).copied().unwrap_or(0)), share(busy.saturating_sub(own)));
        let stolen = (stolen > 1.0)
            .then(|| format!("the hypervisor gave {stolen:.1} % of the processor time to others"));
        let others = (others > 5.0)
            .then(|| format!("other processes on this machine took {others:.0} % of its processor time"));
        stolen.into_iter().chain(others).collect()
    }
}

/// The fields of the first line of /proc/stat without the two that are counted twice (guest).
fn processor_times() -> Vec<u64> {
    numbers(read("/proc/stat").lines().next().unwrap_or_default(), 1, 8)
}

/// Processor time of this process and its finished children, in the same ticks.
fn own_time() -> u64 {
    numbers(read("/proc/self/stat").rsplit(") ").next().unwrap_or_default(), 11, 4).iter().sum()
}

fn numbers(line: &str, skip: usize, take: usize) -> Vec<u64> {
    line.split_whitespace().skip(skip).take(take).filter_map(|field| field.parse().ok()).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_string()
}

/// The first line of what a program says.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("not installed").to_string()
}
