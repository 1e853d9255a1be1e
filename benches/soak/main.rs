//! `make soak`: the figures of what the server promises under load, attack and exhaustion, measured
//! from one process against another, printed and asserted. `SOAK=short` is for machines that have
//! other things to do, and asserts no times; names of scenarios as arguments choose some of them.

mod busy;
mod freeze;
mod hostile;
mod load;
mod scene;

use harness::subject;
use scene::Scene;
use std::env;
use std::error::Error;
use std::io;
use std::time::Instant;

type Scenario = fn(&mut Scene) -> io::Result<()>;

/// Name, what the shell does before it starts the server, and what is done to that.
const SCENARIOS: [(&str, &str, Scenario); 11] = [
    ("idle", ":", load::idle_connections),
    ("fairness", ":", load::fairness),
    ("suddenly-slow", ":", load::suddenly_slow),
    ("all-slow", ":", load::all_slow_at_once),
    ("blocked", ":", load::all_workers_blocked),
    ("slow-heads", ":", hostile::slow_heads),
    ("slow-uploads", ":", hostile::slow_uploads),
    ("slow-readers", ":", hostile::slow_readers),
    ("descriptors", "ulimit -n 64", hostile::descriptor_exhaustion),
    ("freeze", freeze::LIMITS, freeze::freeze),
    ("leaks", ":", load::leaks),
];

fn main() -> Result<(), Box<dyn Error>> {
    subject::serve_if_told();
    let chosen: Vec<String> = env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    let is_short = env::var("SOAK").is_ok_and(|it| it == "short");
    let mut failures = Vec::new();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|argument| argument == name);
    for (name, first, scenario) in SCENARIOS.into_iter().filter(|(name, ..)| is_chosen(name)) {
        println!("{name}");
        let began = Instant::now();
        let mut scene = Scene::start(first, is_short)?;
        if let Err(error) = scenario(&mut scene) {
            println!("  FAILED: {error}");
            scene.failures.push(error.to_string());
        }
        let is_alive = scene.server.end().is_none();
        scene.holds("the server lives", is_alive);
        failures.extend(scene.failures.iter().map(|failure| format!("{name}: {failure}")));
        println!("  ({:.1} s)", began.elapsed().as_secs_f64());
    }
    if failures.is_empty() {
        println!("everything that is asserted holds");
        return Ok(());
    }
    println!("{} of the figures do not hold:\n  {}", failures.len(), failures.join("\n  "));
    Err("not within the limits".into())
}
