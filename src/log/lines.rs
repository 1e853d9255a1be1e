//! The platform's Start and End lines (contract section 4).

use crate::log::stdout::write_line;

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
    write_line(&line);
}
