//! Findings as people and programs read them. How they are come by is not known here.

use std::fmt::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::cli::console;
use crate::log::output;
use crate::log::terminal::{self, shown};

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

pub fn print(findings: &[Finding], json: bool) -> Result<()> {
    if json {
        let is_fit = !findings.iter().any(|finding| finding.verdict == Verdict::Fail);
        let report = serde_json::json!({"fit": is_fit, "findings": findings});
        return console::print(terminal::json(&report, true));
    }
    let mut table = String::new();
    write_table(&mut table, findings, output::stdout().has_colours())?;
    console::print(table.trim_end())
}

/// One line for each finding, with its remedy below it, and the verdict in the end.
fn write_table(out: &mut impl Write, findings: &[Finding], colours: bool) -> fmt::Result {
    for finding in findings {
        let (text, colour) = match finding.verdict {
            Verdict::Pass => ("pass", "\x1b[32m"),
            Verdict::Warn => ("warn", "\x1b[33m"),
            Verdict::Fail => ("FAIL", "\x1b[31m"),
            Verdict::Skip => ("-", ""),
        };
        let (colour, reset) = if colours { (colour, "\x1b[0m") } else { ("", "") };
        let reason = shown(&finding.reason);
        let mut lines = reason.lines();
        writeln!(out, "{colour}{text:<5}{reset}{:<18} {}", finding.name, lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(out, "{:24}{line}", "")?;
        }
        if let Some(remedy) = &finding.remedy {
            writeln!(out, "{:24}-> {remedy}", "")?;
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    match (count(Verdict::Fail), count(Verdict::Warn)) {
        (0, 0) => writeln!(out, "fit for the platform"),
        (0, warned) => writeln!(out, "fit for the platform, {warned} to look at"),
        (failed, _) => writeln!(out, "not fit for the platform: {failed} failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(findings: &[Finding]) -> String {
        let mut out = String::new();
        write_table(&mut out, findings, false).expect("memory");
        out
    }

    #[test]
    fn a_finding_has_a_line_and_its_remedy_another() {
        let failed = Finding::fail("one\ntwo", "do it").named("start");
        assert_eq!(
            table(&[Finding::pass("well").named("event"), failed]),
            "\
pass event              well
FAIL start              one
                        two
                        -> do it
not fit for the platform: 1 failed
"
        );
    }

    #[test]
    fn the_last_line_is_the_verdict() {
        let last = |findings: &[Finding]| table(findings).lines().last().map(str::to_owned);
        assert_eq!(last(&[Finding::skip("none")]).as_deref(), Some("fit for the platform"));
        let warned = [Finding::pass("x"), Finding::warn("x", "y")];
        assert_eq!(last(&warned).as_deref(), Some("fit for the platform, 1 to look at"));
    }
}
