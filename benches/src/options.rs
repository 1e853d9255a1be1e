//! How much a benchmark is to do, from its command line.

use std::env;
use std::process;

const HELP: &str = "\
usage: cargo bench --bench NAME -- [--full | --quick | --smoke] [--only WORD[,WORD…]]
  --full    what the published figures are made with (the default)
  --quick   fewer rounds, the same questions: about a minute for all benchmarks together
  --smoke   shows that every part works; its figures say nothing
  --only    only servers whose name or build contains one of the words; the limits always run";

/// How many rounds, how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    Smoke,
    Quick,
    Full,
}

impl Scale {
    /// The amount that belongs to this scale.
    pub fn pick<T>(self, smoke: T, quick: T, full: T) -> T {
        match self {
            Scale::Smoke => smoke,
            Scale::Quick => quick,
            Scale::Full => full,
        }
    }

    /// As it is written on the command line and in the results.
    pub fn name(self) -> &'static str {
        self.pick("smoke", "quick", "full")
    }
}

/// Reads how much to do, and the words of `--only`, or ends the process: with help when it is something else, and with one
/// line when `cargo test --benches` is what started it.
pub fn from_args() -> (Scale, Vec<String>) {
    let (mut scale, mut only) = (Scale::Full, Vec::new());
    let mut arguments = env::args().skip(1).peekable();
    if arguments.peek().is_none() {
        println!("a benchmark, not a test: run it with `cargo bench` or `make bench`");
        process::exit(0);
    }
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {} // cargo says that it is a benchmark
            "--full" => scale = Scale::Full,
            "--quick" => scale = Scale::Quick,
            "--smoke" => scale = Scale::Smoke,
            "--only" => only.extend(arguments.next().unwrap_or_default().split(',').map(String::from)),
            _ => {
                eprintln!("{HELP}");
                process::exit(2);
            }
        }
    }
    (scale, only)
}
