//! A question about the function's log: what becomes of its lines on the platform? No process is asked.

use crate::cli::check::report::Finding;
use crate::function::{Function, LOG_BEGIN_RULE};

/// The library's own variable; a function that writes JSON in another way does not say so.
const FORMAT: &str = "FCRT_LOG_FORMAT";

/// Of a function that writes its lines in JSON and has a log to write them to.
pub fn log_lines(function: &Function) -> Option<Finding> {
    let rule = function.log_begin_rule.as_deref()?;
    let format = function.variables.iter().rev().find(|(name, _)| name == FORMAT);
    if format.is_none_or(|(_, format)| format != "json") {
        return None;
    }
    Some(match rule {
        LOG_BEGIN_RULE => Finding::warn(
            format!(
                "{FORMAT}=json, and logBeginRule is {LOG_BEGIN_RULE}: what begins without a date is glued to the line before"
            ),
            "logConfig: logBeginRule: None makes each line an entry of its own",
        ),
        rule => Finding::pass(format!("lines of JSON, and logBeginRule is {rule}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::report::Verdict;

    fn verdict(rule: Option<&str>, variables: &[(&str, &str)]) -> Option<Verdict> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let function = Function {
            log_begin_rule: rule.map(str::to_owned),
            variables: variables.collect(),
            ..Function::example()
        };
        log_lines(&function).map(|finding| finding.verdict)
    }

    #[test]
    fn json_and_a_rule_that_wants_dates_do_not_go_together() {
        let json = [("A", "1"), (FORMAT, "json")];
        assert_eq!(verdict(Some("DefaultRegex"), &json), Some(Verdict::Warn));
        assert_eq!(verdict(Some("None"), &json), Some(Verdict::Pass));
        assert_eq!(verdict(None, &json), None, "without a log there are no lines");
        for text in [&[][..], &[(FORMAT, "text")]] {
            assert_eq!(verdict(Some("DefaultRegex"), text), None);
        }
    }
}
