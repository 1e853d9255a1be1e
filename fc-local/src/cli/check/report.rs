//! Findings as people and programs read them.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    /// Works on the platform, and will be regretted.
    Warn,
    /// The platform breaks on it.
    Fail,
    /// Does not apply to this function.
    Skip,
}

#[derive(Debug, Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub verdict: Verdict,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    fn new(verdict: Verdict, reason: impl Into<String>, remedy: Option<String>) -> Finding {
        Finding { name: "", verdict, reason: reason.into(), remedy }
    }

    pub fn pass(reason: impl Into<String>) -> Finding {
        Finding::new(Verdict::Pass, reason, None)
    }

    pub fn skip(reason: impl Into<String>) -> Finding {
        Finding::new(Verdict::Skip, reason, None)
    }

    pub fn warn(reason: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding::new(Verdict::Warn, reason, Some(remedy.into()))
    }

    pub fn fail(reason: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding::new(Verdict::Fail, reason, Some(remedy.into()))
    }

    pub fn named(self, name: &'static str) -> Finding {
        Finding { name, ..self }
    }
}

pub fn print(findings: &[Finding], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (failed, warned) = (count(Verdict::Fail), count(Verdict::Warn));
    if json {
        let report = serde_json::json!({"fit": failed == 0, "findings": findings});
        return writeln!(out, "{report:#}");
    }
    let colours = io::stdout().is_terminal();
    for finding in findings {
        let (text, colour) = match finding.verdict {
            Verdict::Pass => ("pass", "\x1b[32m"),
            Verdict::Warn => ("warn", "\x1b[33m"),
            Verdict::Fail => ("FAIL", "\x1b[31m"),
            Verdict::Skip => ("-", ""),
        };
        let (colour, reset) = if colours { (colour, "\x1b[0m") } else { ("", "") };
        let mut lines = finding.reason.lines();
        writeln!(out, "{colour}{text:<5}{reset}{:<18} {}", finding.name, lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(out, "{:24}{line}", "")?;
        }
        if let Some(remedy) = &finding.remedy {
            writeln!(out, "{:24}-> {remedy}", "")?;
        }
    }
    match (failed, warned) {
        (0, 0) => writeln!(out, "fit for the platform"),
        (0, _) => writeln!(out, "fit for the platform, {warned} to look at"),
        _ => writeln!(out, "not fit for the platform: {failed} failed"),
    }
}
