//! How much a benchmark is to do, from its command line.

use std::{env, process};

const HELP: &str = include_str!("help.txt");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    Smoke,
    Quick,
    Full,
}

impl Scale {
    pub fn pick<T>(self, smoke: T, quick: T, full: T) -> T {
        match self {
            Scale::Smoke => smoke,
            Scale::Quick => quick,
            Scale::Full => full,
        }
    }

    pub fn name(self) -> &'static str {
        self.pick("smoke", "quick", "full")
    }
}

/// How much to do, and the words of `--only`. What is something else, `cargo test --benches` too, ends the process.
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
                eprint!("{HELP}");
                process::exit(2);
            }
        }
    }
    (scale, only)
}
