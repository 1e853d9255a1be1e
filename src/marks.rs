//! The platform's Start and End lines on standard output (contract section 4), each written at once
//! and without a lock, so that a reader that stands still holds up only who writes.

use std::io;

/// What a line can hold and still be one atomic write to a pipe.
const MAX_LINE: usize = 4096;

/// What is being marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Initialize,
    Invoke,
    PreStop,
    PreFreeze,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Phase::Initialize => "Initialize",
            Phase::Invoke => "Invoke",
            Phase::PreStop => "PreStop",
            Phase::PreFreeze => "PreFreeze",
        }
    }
}

pub(crate) fn start(phase: Phase, request_id: &str) {
    print(&["FC ", phase.name(), " Start RequestId: ", request_id]);
}

pub(crate) fn end(phase: Phase, request_id: &str, error: Option<&str>) {
    match error {
        None => print(&["FC ", phase.name(), " End RequestId: ", request_id]),
        Some(error) => {
            print(&["FC ", phase.name(), " End RequestId: ", request_id, ", Error: ", error]);
        }
    }
}

fn print(parts: &[&str]) {
    let mut line = Vec::with_capacity(128);
    for part in parts {
        line.extend(part.bytes().map(|b| if b.is_ascii_control() { b' ' } else { b }));
    }
    line.truncate(MAX_LINE - 1);
    line.push(b'\n');
    write_to_stdout(&line);
}

/// One line, as a whole where the system takes it so. A closed or full standard output loses it.
pub(crate) fn write_to_stdout(mut line: &[u8]) {
    while !line.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), line) {
            Ok(count) => line = line.get(count..).unwrap_or_default(),
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return, // nobody reads: the function's work matters more than the line
        }
    }
}
