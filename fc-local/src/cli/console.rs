//! A line for the person who typed the command. Nobody need read it: one that cannot be written ends no command
//! by a panic, as it would with `println!`.

use std::fmt::Display;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result};

/// What a command reports.
pub fn print(line: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("cannot write to standard output")
}

/// What is said beside it, on standard error; without a reader it is lost.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
