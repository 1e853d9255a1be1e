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

/// All findings: as text each is told at once, as JSON all of them in the end.
pub struct Report {
    json: bool,
    findings: Vec<Finding>,
}

impl Report {
    pub fn new(json: bool) -> Report {
        Report { json, findings: Vec::new() }
    }

    pub fn add(&mut self, finding: Finding) -> Result<()> {
        if !self.json {
            let mut line = String::new();
            write_finding(&mut line, &finding, output::stdout().has_colours())?;
            console::print(line.trim_end())?;
        }
        self.findings.push(finding);
        Ok(())
    }

    /// Tells the verdict; whether it is a good one.
    pub fn finish(&self) -> Result<bool> {
        let is_fit = !self.findings.iter().any(|finding| finding.verdict == Verdict::Fail);
        if self.json {
            let report = serde_json::json!({"fit": is_fit, "findings": self.findings});
            console::print(terminal::json(&report, true))?;
        } else {
            console::print(verdict(&self.findings))?;
        }
        Ok(is_fit)
    }
}

/// One line for a finding, with its remedy below it.
fn write_finding(out: &mut impl Write, finding: &Finding, colours: bool) -> fmt::Result {
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
    match &finding.remedy {
        Some(remedy) => writeln!(out, "{:24}-> {remedy}", ""),
        None => Ok(()),
    }
}

fn verdict(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    match (count(Verdict::Fail), count(Verdict::Warn)) {
        (0, 0) => "fit for the platform".to_owned(),
        (0, warned) => format!("fit for the platform, {warned} to look at"),
        (failed, _) => format!("not fit for the platform: {failed} failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(findings: &[Finding]) -> String {
        let mut out = String::new();
        for finding in findings {
            write_finding(&mut out, finding, false).expect("memory");
        }
        out + &verdict(findings) + "\n"
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
