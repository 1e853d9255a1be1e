//! `fc-local event`: what triggers send, listed or printed. The samples are not known here.

use std::process::ExitCode;

use anyhow::Result;

use super::args::EventArgs;
use super::console;
use crate::sample::{SAMPLES, named};

pub fn run(args: &EventArgs) -> Result<ExitCode> {
    match &args.name {
        Some(name) => console::print(named(name)?.with(&args.set)?.trim_end())?,
        None => console::print(list().trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list() -> String {
    let widest = |width: fn(&crate::sample::Sample) -> usize| SAMPLES.iter().map(width).max().unwrap_or(0);
    let (name, what) = (widest(|it| it.name.len()), widest(|it| it.what.len()));
    let line =
        |it: &crate::sample::Sample| format!("{:name$}  {:what$}  {}\n", it.name, it.what, it.reads_as);
    SAMPLES.iter().map(line).collect()
}
