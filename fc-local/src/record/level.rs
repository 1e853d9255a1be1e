//! How serious is a line that a function printed? Read off its text, as loggers write it. What is done with it is not known
//! here.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Where a level is looked for, in bytes: behind a time and a request id.
const BEGINNING: usize = 120;

/// Where a field is looked for, in bytes.
const FIELDS: usize = 512;

const NAMES: [(&str, Level); 12] = [
    ("trace", Level::Debug),
    ("debug", Level::Debug),
    ("verbose", Level::Debug),
    ("info", Level::Info),
    ("notice", Level::Info),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("error", Level::Error),
    ("err", Level::Error),
    ("critical", Level::Error),
    ("fatal", Level::Error),
    ("panic", Level::Error),
];

impl Level {
    /// By its name, in any case.
    pub fn named(name: &str) -> Option<Level> {
        NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, level)| *level)
    }

    /// That of a line from this source, which is the platform's or the function's own.
    pub fn of_line(source: &str, text: &str) -> Level {
        match source {
            "platform" => Level::Info,
            "warning" => Level::Warn,
            "stderr" => Level::of(text).unwrap_or(Level::Error),
            _ => Level::of(text).unwrap_or(Level::Info),
        }
    }

    /// What a line says of itself: `[WARN]`, `"level":"warn"`, `level=warn`, or a first word `WARN` or `WARN:`.
    fn of(text: &str) -> Option<Level> {
        let end = (0..=BEGINNING.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        let beginning = text.get(..end.unwrap_or(0)).unwrap_or_default();
        let bracketed = beginning.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
        let bracketed = bracketed.map(|(name, _)| name.trim()).find_map(Level::named);
        let field = || of_field(text.get(..FIELDS).unwrap_or(text));
        bracketed.or_else(field).or_else(|| of_first_word(beginning))
    }
}

/// A field `level` of a line in JSON or logfmt.
fn of_field(text: &str) -> Option<Level> {
    let rest = ["\"level\":", "\"severity\":", "level="].iter().find_map(|field| text.split_once(field))?.1;
    let value = rest.trim_start_matches([' ', '"']);
    let end = value.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(value.len());
    Level::named(value.get(..end)?)
}

/// A first word in capitals.
fn of_first_word(text: &str) -> Option<Level> {
    let end = text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    let ends = rest.is_empty() || rest.starts_with([' ', ':', '\t']);
    ends.then(|| Level::named(word)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_level_as_loggers_write_it() {
        for (text, wanted) in [
            ("2026-11-29T16:31:16.123Z 1-67a59f35-150c1267-f381ba1c085c [WARN] low", Some(Level::Warn)),
            ("[error] no", Some(Level::Error)),
            ("[2026-11-29] [ INFO ] up", Some(Level::Info)),
            (r#"{"time":1,"level":"debug","msg":"x"}"#, Some(Level::Debug)),
            (r#"{"severity": "ERROR"}"#, Some(Level::Error)),
            ("ts=1 level=warning msg=x", Some(Level::Warn)),
            ("WARNING:root:careful", Some(Level::Warn)),
            ("ERROR in app", Some(Level::Error)),
            ("ERRORS: 0", None),
            ("Error: no such file", None),
            ("an [odd] text", None),
            ("level=", None),
            ("", None),
            (&format!("{}[ERROR]", "é".repeat(90)), None),
        ] {
            assert_eq!(Level::of(text), wanted, "{text}");
        }
        assert!(Level::Debug < Level::Info && Level::Warn < Level::Error);
    }
}
