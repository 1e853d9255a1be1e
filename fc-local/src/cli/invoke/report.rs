//! What `invoke` prints: the body on standard output, everything else on standard error. What was invoked is
//! not known here.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli::console::{Answer, note};
use crate::log::terminal;

/// What the last line reports.
pub struct Summary {
    /// Whether there was a response of the function's own.
    pub is_answered: bool,
    pub failed: bool,
    pub milliseconds: u64,
    pub memory_mb: f64,
}

impl Summary {
    pub fn print(&self, request_id: &str, memory_size_mb: u64, as_json: bool) {
        let (billed, used) = (self.milliseconds, format!("{:.2}", self.memory_mb));
        if as_json {
            let summary = json!({
                "event": "summary", "request_id": request_id, "billed_duration_ms": billed,
                "memory_size_mb": memory_size_mb, "max_memory_used_mb": self.memory_mb, "failed": self.failed,
            });
            return note(terminal::json(&summary, false));
        }
        note(format_args!(
            "RequestId: {request_id} Billed Duration: {billed} ms Memory Size: {memory_size_mb} MB Max Memory Used: {used} MB"
        ));
    }
}

/// The head of a response, for people as it is written in HTTP.
pub fn print_head<'h>(status: u16, headers: impl Iterator<Item = (&'h str, String)>, as_json: bool) {
    if as_json {
        let headers: Vec<_> = headers.map(|(name, value)| json!([name, value])).collect();
        let head = json!({"event": "response", "status": status, "headers": headers});
        return note(terminal::json(&head, false));
    }
    note(format_args!("HTTP {status}"));
    for (name, value) in headers {
        note(format_args!("{name}: {value}"));
    }
}

pub fn print_body(body: &[u8]) -> Result<()> {
    let mut answer = Answer::new();
    answer.write_all(body).context("cannot write to standard output")?;
    answer.end()
}
