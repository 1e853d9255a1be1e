//! How does a line look, to people and to programs? What it tells of is not known here.

use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::terminal;
use super::time::{LogTime, Time};

/// What of a text is printed, in bytes: a line of the platform's log is half as long at the most.
const MAX_TEXT: usize = 64 * 1024;

const RESET: &str = "\x1b[0m";

/// Whose line it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Stdout,
    Stderr,
    /// An Initializer command: shown, and never part of the function's log.
    Initializer,
    Platform,
    Warning,
}

impl Origin {
    /// In JSON.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Stdout => "stdout",
            Origin::Stderr => "stderr",
            Origin::Initializer => "initializer",
            Origin::Platform => "platform",
            Origin::Warning => "warning",
        }
    }

    /// The one of this name in JSON.
    pub fn named(name: &str) -> Option<Origin> {
        let all = [Origin::Stdout, Origin::Stderr, Origin::Initializer, Origin::Platform, Origin::Warning];
        all.into_iter().find(|origin| origin.name() == name)
    }

    /// In text, before the line; `start --help` explains them.
    fn mark(self) -> &'static str {
        match self {
            Origin::Stdout => "|",
            Origin::Stderr => "!",
            Origin::Initializer => "i",
            Origin::Platform => "*",
            Origin::Warning => "#",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Origin::Stdout => "",
            Origin::Stderr => "\x1b[33m",
            Origin::Initializer => "\x1b[35m",
            Origin::Platform => "\x1b[36m",
            Origin::Warning => "\x1b[31m",
        }
    }
}

#[derive(Clone, Copy)]
pub struct Format {
    style: Style,
    time: LogTime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Coloured,
    Json,
}

/// What a line is made of. Its `fields` are for programs.
pub struct Line<'a> {
    pub origin: Origin,
    /// Where there are several; with spaces as wide as the longest of their names.
    pub function: Option<&'a str>,
    pub instance: Option<&'a str>,
    pub text: &'a str,
    pub fields: Map<String, Value>,
}

impl Format {
    pub fn new(json: bool, has_colours: bool, time: LogTime) -> Format {
        let style = match (json, has_colours) {
            (true, _) => Style::Json,
            (false, true) => Style::Coloured,
            (false, false) => Style::Plain,
        };
        Format { style, time }
    }

    /// Whether it has fields.
    pub fn is_for_programs(self) -> bool {
        self.style == Style::Json
    }

    /// One line, or as many as the text has: each has its time, id and mark.
    pub fn lines(self, now: SystemTime, line: Line<'_>) -> String {
        let text = cut(line.text);
        let time = Time::of(now, self.time);
        if self.style == Style::Json {
            return json_line(&time, &text, line);
        }
        let (clock, id, origin) = (time.clock(), line.instance.map_or("-", short), line.origin);
        let id = line.function.map_or_else(|| format!("{id:<6}"), |function| format!("{function} {id:<6}"));
        let prefix = match self.style {
            Style::Coloured => format!("\x1b[2m{clock}{RESET} {id} {}{} ", origin.colour(), origin.mark()),
            _ => format!("{clock} {id} {} ", origin.mark()),
        };
        let end = if self.style == Style::Coloured { RESET } else { "" };
        let mut lines = text.trim_ascii_end().lines().peekable();
        let mut out = String::new();
        // A text without any is a line too.
        while out.is_empty() || lines.peek().is_some() {
            let line = terminal::shown(lines.next().unwrap_or_default());
            out.extend([&prefix, &*line, end, "\n"]);
        }
        out
    }

    /// A status in its colour, in a line of the platform's.
    pub fn status(self, status: u16, origin: Origin) -> String {
        if self.style != Style::Coloured {
            return status.to_string();
        }
        let colour = match status {
            ..300 => "\x1b[32m",
            300..400 => "\x1b[36m",
            400..500 => "\x1b[33m",
            500.. => "\x1b[31m",
        };
        format!("{colour}{status}{RESET}{}", origin.colour())
    }
}

fn json_line(time: &Time, text: &str, line: Line<'_>) -> String {
    let mut object = Map::from_iter([
        ("time".to_owned(), json!(time.timestamp())),
        ("source".to_owned(), json!(line.origin.name())),
        ("text".to_owned(), json!(text)),
    ]);
    if let Some(instance) = line.instance {
        object.insert("instance".to_owned(), json!(instance));
    }
    if let Some(function) = line.function {
        object.insert("function".to_owned(), json!(function.trim_end()));
    }
    object.extend(line.fields);
    format!("{}\n", terminal::json(&Value::Object(object), false))
}

/// The text up to its limit, and what is missing.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let (begin, rest) = (0..=MAX_TEXT).rev().find_map(|end| text.split_at_checked(end)).unwrap_or((text, ""));
    Cow::Owned(format!("{begin}… and {} bytes more", rest.len()))
}

/// The part of an instance id that tells two apart.
fn short(instance: &str) -> &str {
    instance.rsplit('-').next().and_then(|last| last.get(..6)).unwrap_or(instance)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const INSTANCE: &str = "c-67a59f35-150c1267-f381ba1c085c";

    fn lines(style: Style, origin: Origin, instance: Option<&str>, text: &str) -> String {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(951_782_400_123);
        let fields = Map::from_iter([("event".to_owned(), json!("cold_start"))]);
        Format { style, time: LogTime::Utc }
            .lines(now, Line { origin, function: None, instance, text, fields })
    }

    fn plain(origin: Origin, instance: Option<&str>, text: &str) -> String {
        lines(Style::Plain, origin, instance, text)
    }

    #[test]
    fn a_line_has_its_time_its_instance_and_a_mark_for_its_origin() {
        assert_eq!(plain(Origin::Stdout, Some(INSTANCE), "text"), "00:00:00.123Z f381ba | text\n");
        assert_eq!(plain(Origin::Stderr, Some("short"), "text"), "00:00:00.123Z short  ! text\n");
        assert_eq!(plain(Origin::Platform, None, "text"), "00:00:00.123Z -      * text\n");
        assert_eq!(plain(Origin::Warning, None, ""), "00:00:00.123Z -      # \n");
    }

    #[test]
    fn a_line_of_one_of_several_functions_says_whose_it_is() {
        let of = |style, text| {
            let (function, instance, fields) = (Some("a   "), Some(INSTANCE), Map::new());
            let line = Line { origin: Origin::Stdout, function, instance, text, fields };
            Format { style, time: LogTime::Utc }.lines(SystemTime::UNIX_EPOCH, line)
        };
        let begin = "00:00:00.000Z a    f381ba | ";
        assert_eq!(of(Style::Plain, "one\ntwo"), format!("{begin}one\n{begin}two\n"));
        assert!(of(Style::Coloured, "text").contains("\x1b[0m a    f381ba | text"));
        let object: Value = serde_json::from_str(&of(Style::Json, "text")).expect("one object");
        assert_eq!((&object["function"], &object["instance"]), (&json!("a"), &json!(INSTANCE)));
    }

    #[test]
    fn a_colour_ends_with_its_line() {
        let line = |text| lines(Style::Coloured, Origin::Warning, None, text);
        let begin = "\x1b[2m00:00:00.123Z\x1b[0m -      \x1b[31m# ";
        assert_eq!(line("text"), format!("{begin}text\x1b[0m\n"));
        assert_eq!(line("one\ntwo"), format!("{begin}one\x1b[0m\n{begin}two\x1b[0m\n"));
    }

    #[test]
    fn every_line_of_a_text_has_its_prefix_and_leaves_no_colour_behind() {
        let begin = "00:00:00.123Z -      | ";
        for (text, wanted) in [
            ("one\ntwo\r\nthree\n\n", vec!["one", "two", "three"]),
            ("one\n\ntwo", vec!["one", "", "two"]),
            ("a\r00:00:00.123 -      # fake", vec!["a\\r00:00:00.123 -      # fake"]),
            ("\x1b[31mred\nred", vec!["\x1b[31mred\x1b[0m", "red"]),
            ("\x1b[2K\u{9b}A", vec!["\\x1b[2K\\u{9b}A"]),
            ("", vec![""]),
        ] {
            let wanted: String = wanted.iter().map(|line| format!("{begin}{line}\n")).collect();
            assert_eq!(plain(Origin::Stdout, None, text), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_text_over_its_limit_says_what_is_missing() {
        let text = "é".repeat(MAX_TEXT);
        let cut = cut(&text);
        assert!(cut.len() <= MAX_TEXT + 40 && cut.ends_with("é… and 65536 bytes more"), "{}", cut.len());
    }

    #[test]
    fn json_has_the_whole_instance_id_and_the_fields_in_one_line() {
        for instance in [Some(INSTANCE), None] {
            let line = lines(Style::Json, Origin::Platform, instance, "te\"xt\ntwo");
            let object: Value = serde_json::from_str(&line).expect("one object");
            let mut wanted = json!({
                "time": "2000-02-29T00:00:00.123Z", "source": "platform", "text": "te\"xt\ntwo",
                "event": "cold_start",
            });
            if let Some(instance) = instance {
                wanted["instance"] = json!(instance);
            }
            assert_eq!(object, wanted);
            assert!(line.ends_with("}\n") && line.lines().count() == 1);
        }
    }

    #[test]
    fn a_status_has_a_colour_where_there_are_any() {
        let format = |style| Format { style, time: LogTime::Utc };
        assert_eq!(format(Style::Plain).status(200, Origin::Platform), "200");
        assert_eq!(format(Style::Coloured).status(200, Origin::Platform), "\x1b[32m200\x1b[0m\x1b[36m");
        assert_eq!(format(Style::Coloured).status(502, Origin::Warning), "\x1b[31m502\x1b[0m\x1b[31m");
    }
}
