//! `make soak`: the figures of what the server promises under load, attack and exhaustion, measured
//! from one process against another, printed and asserted. `SOAK=short` is for machines that have
//! other things to do; names of scenarios as arguments choose some of them.

mod busy;
mod hostile;
mod load;
mod report;
mod server;

use std::env;
use std::error::Error;
use std::io;

use report::Report;

type Scenario = fn(&mut Report) -> io::Result<()>;

const SCENARIOS: [(&str, Scenario); 10] = [
    ("idle", load::idle_connections),
    ("fairness", load::fairness),
    ("suddenly-slow", load::suddenly_slow),
    ("all-slow", load::all_slow_at_once),
    ("blocked", load::all_workers_blocked),
    ("slow-heads", hostile::slow_heads),
    ("slow-uploads", hostile::slow_uploads),
    ("slow-readers", hostile::slow_readers),
    ("descriptors", hostile::descriptor_exhaustion),
    ("leaks", load::leaks),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    if arguments.first().is_some_and(|first| first == server::SERVE) {
        return Ok(server::serve()?);
    }
    let mut report = Report::new(env::var("SOAK").is_ok_and(|it| it == "short"));
    for (name, scenario) in SCENARIOS {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            report.run(name, scenario);
        }
    }
    report.outcome()
}
