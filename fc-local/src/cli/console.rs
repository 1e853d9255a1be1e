//! What a command says to the person who typed it. Nobody need read it: what cannot be written ends no command by
//! a panic, and a reader that stands still holds up nothing but the answer that was asked for.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::log::output;
use crate::log::terminal::{TerminalText, shown};

/// How long the end of a command waits for a reader that stands still.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// The same, for a person who wants it to end at once.
pub const NO_PATIENCE: Duration = Duration::from_millis(100);

/// What a command reports.
pub fn print(text: impl Display) -> Result<()> {
    let stdout = output::stdout();
    let written = stdout.write(format!("{}\n", shown(&text.to_string())).as_bytes());
    written.and_then(|()| stdout.wait()).context("cannot write to standard output")
}

/// What came of printing for a reader who may have seen enough and gone, as `head` does: that is no failure.
pub fn until_left(printed: Result<()>) -> Result<()> {
    let is_left = |error: &anyhow::Error| {
        let error = error.root_cause().downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    printed.or_else(|error| if is_left(&error) { Ok(()) } else { Err(error) })
}

/// What is said beside it, on standard error; without a reader it is lost.
pub fn note(text: impl Display) {
    output::stderr().push(&format!("{}\n", shown(&text.to_string())));
}

/// The answer of a function, on standard output: as it came, or on a terminal as that may see it.
pub struct Answer {
    for_terminal: Option<TerminalText>,
    ends_line: bool,
}

impl Answer {
    pub fn new() -> Answer {
        Answer { for_terminal: output::stdout().is_terminal().then(TerminalText::default), ends_line: true }
    }

    /// Waits until all of it is written.
    pub fn end(mut self) -> Result<()> {
        let mut end = self.for_terminal.as_mut().map(TerminalText::end).unwrap_or_default();
        if self.for_terminal.is_some() && !self.ends_line {
            end.push('\n'); // a person's next line is the log's
        }
        let stdout = output::stdout();
        let written = stdout.write(end.as_bytes()).and_then(|()| stdout.wait());
        written.context("cannot write to standard output")
    }
}

impl Write for Answer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(last) = bytes.last() {
            self.ends_line = *last == b'\n';
        }
        match &mut self.for_terminal {
            Some(text) => output::stdout().write(text.push(bytes).as_bytes())?,
            None => output::stdout().write(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends the waits for whoever is to read the answer.
pub fn interrupt() {
    output::stdout().interrupt();
}

/// Before the end of the program: what was said is written, as long as somebody reads it.
pub fn finish(patience: Duration) {
    output::stdout().finish(patience);
    output::stderr().finish(patience);
}
