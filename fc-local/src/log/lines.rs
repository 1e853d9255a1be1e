//! The lines that fc-local prints while it runs: the function's own, the platform's events, cold starts. Who
//! prints which is not known here.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::output::{self, Output};
use super::terminal;
use super::time::{clock, milliseconds, rounded, timestamp};

/// What of a text is printed, in bytes: a line of the platform's log is half as long at the most.
const MAX_TEXT: usize = 64 * 1024;

/// What stands before the second line of a text, so that nobody takes it for a line of its own: as much as there
/// is before the first.
const INDENT: &str = "\n                      ";

#[derive(Clone)]
pub struct Log {
    /// Whose lines they are, where there are several functions; with spaces as wide as the longest of their names.
    function: Option<String>,
    /// Where the lines go.
    output: Option<Arc<Output>>,
    format: Format,
}

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
    fn name(self) -> &'static str {
        match self {
            Origin::Stdout => "stdout",
            Origin::Stderr => "stderr",
            Origin::Initializer => "initializer",
            Origin::Platform => "platform",
            Origin::Warning => "warning",
        }
    }

    /// In text, before the line.
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

impl Log {
    pub fn to_stdout(json: bool) -> Log {
        Log::new(output::stdout(), json)
    }

    pub fn to_stderr(json: bool) -> Log {
        Log::new(output::stderr(), json)
    }

    /// For `check`, whose table is the only output.
    pub fn silent() -> Log {
        Log { function: None, output: None, format: Format::Plain }
    }

    /// The log of one of several functions, whose names are `width` wide at the most.
    pub fn of_function(&self, name: &str, width: usize) -> Log {
        Log { function: Some(format!("{name:<width$}")), ..self.clone() }
    }

    fn new(output: Arc<Output>, json: bool) -> Log {
        let format = Format::of(json, output.is_terminal());
        output.describe_dropped(move |count| {
            format.line(now(), Origin::Warning, Whose::default(), &output::dropped(count), Map::new())
        });
        Log { function: None, output: Some(output), format }
    }

    /// An event of the platform, about an instance or about all.
    pub fn event(&self, instance: Option<&str>, text: &str) {
        self.print(Origin::Platform, instance, text, Map::new());
    }

    /// An event that happens with every call: written with the next line, or at the next
    /// [`flush`](Log::flush), so that no call has to wake anybody.
    pub fn event_soon(&self, instance: &str, text: &str) {
        if let Some(output) = &self.output {
            let whose = self.whose(Some(instance));
            output.push_later(&self.format.line(now(), Origin::Platform, whose, text, Map::new()));
        }
    }

    /// Something the author should know.
    pub fn warn(&self, instance: Option<&str>, text: &str) {
        self.print(Origin::Warning, instance, text, Map::new());
    }

    /// A line that a process of the function printed.
    pub fn output(&self, origin: Origin, instance: &str, line: &str) {
        self.print(origin, Some(instance), line, Map::new());
    }

    /// Where the time of a cold start went.
    pub fn cold_start(&self, instance: &str, parts: &[(&str, Duration)]) {
        let total: Duration = parts.iter().map(|(_, time)| *time).sum();
        let listed: Vec<String> =
            parts.iter().map(|(name, time)| format!("{name} {:.1}", milliseconds(*time))).collect();
        let mut fields: Map<String, Value> = parts
            .iter()
            .map(|(name, time)| (format!("{}_ms", name.replace(' ', "_")), json!(rounded(*time))))
            .collect();
        fields.insert("event".to_owned(), json!("cold_start"));
        fields.insert("total_ms".to_owned(), json!(rounded(total)));
        let text = format!("cold start {:.1} ms: {}", milliseconds(total), listed.join(", "));
        self.print(Origin::Platform, Some(instance), &text, fields);
    }

    /// Has written what may have waited.
    pub fn flush(&self) {
        if let Some(output) = &self.output {
            output.flush();
        }
    }

    fn print(&self, origin: Origin, instance: Option<&str>, text: &str, fields: Map<String, Value>) {
        if let Some(output) = &self.output {
            output.push(&self.format.line(now(), origin, self.whose(instance), text, fields));
        }
    }

    fn whose<'l>(&'l self, instance: Option<&'l str>) -> Whose<'l> {
        Whose { function: self.function.as_deref(), instance }
    }
}

/// Whom a line is about.
#[derive(Clone, Copy, Default)]
struct Whose<'l> {
    function: Option<&'l str>,
    instance: Option<&'l str>,
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Plain,
    Coloured,
    Json,
}

impl Format {
    fn of(json: bool, is_terminal: bool) -> Format {
        match (json, is_terminal) {
            (true, _) => Format::Json,
            (false, true) => Format::Coloured,
            (false, false) => Format::Plain,
        }
    }

    /// One line. Its `fields` are for programs.
    fn line(
        self,
        since_epoch: Duration,
        origin: Origin,
        Whose { function, instance }: Whose<'_>,
        text: &str,
        fields: Map<String, Value>,
    ) -> String {
        let (time, id) = (clock(since_epoch), instance.map_or("-", short));
        let text = cut(text);
        let (function, gap) = function.map_or(("", ""), |name| (name, " "));
        let indent = format!("{INDENT}{:width$}", "", width = function.chars().count() + gap.len());
        let shown = || terminal::shown(&text).trim_ascii_end().replace('\n', &indent);
        match self {
            Format::Json => {
                let time = timestamp(since_epoch);
                let mut object = json!({"time": time, "source": origin.name(), "text": text});
                if let (Some(object), Some(instance)) = (object.as_object_mut(), instance) {
                    object.insert("instance".to_owned(), json!(instance));
                    object.extend(fields);
                }
                if let (Some(object), false) = (object.as_object_mut(), function.is_empty()) {
                    object.insert("function".to_owned(), json!(function.trim_end()));
                }
                format!("{}\n", terminal::json(&object, false))
            }
            Format::Plain => format!("{time} {function}{gap}{id:<6} {} {}\n", origin.mark(), shown()),
            Format::Coloured => {
                let (colour, mark) = (origin.colour(), origin.mark());
                format!("\x1b[2m{time}\x1b[0m {function}{gap}{id:<6} {colour}{mark} {}\x1b[0m\n", shown())
            }
        }
    }
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
    use super::*;

    const TIME: Duration = Duration::from_millis(951_782_400_123);
    const INSTANCE: &str = "c-67a59f35-150c1267-f381ba1c085c";

    #[test]
    fn a_line_has_its_time_its_instance_and_a_mark_for_its_origin() {
        let line = |origin, instance| {
            Format::Plain.line(TIME, origin, Whose { function: None, instance }, "text", Map::new())
        };
        assert_eq!(line(Origin::Stdout, Some(INSTANCE)), "00:00:00.123 f381ba | text\n");
        assert_eq!(line(Origin::Stderr, Some("short")), "00:00:00.123 short  ! text\n");
        assert_eq!(line(Origin::Platform, None), "00:00:00.123 -      * text\n");
        assert_eq!(line(Origin::Warning, None), "00:00:00.123 -      # text\n");
    }

    #[test]
    fn a_colour_ends_with_its_line() {
        let line = Format::Coloured.line(TIME, Origin::Warning, Whose::default(), "text", Map::new());
        assert_eq!(line, "\x1b[2m00:00:00.123\x1b[0m -      \x1b[31m# text\x1b[0m\n");
    }

    #[test]
    fn no_text_is_taken_for_a_line_of_its_own_or_leaves_its_colour_behind() {
        let line = |text| Format::Plain.line(TIME, Origin::Stdout, Whose::default(), text, Map::new());
        let begin = "00:00:00.123 -      | ";
        let indent = " ".repeat(begin.len());
        for (text, wanted) in [
            ("one\ntwo\r\nthree\n", format!("one\n{indent}two\n{indent}three\n")),
            ("a\r00:00:00.123 -      # fake", "a\\r00:00:00.123 -      # fake\n".to_owned()),
            ("\x1b[31mred", "\x1b[31mred\x1b[0m\n".to_owned()),
            ("\x1b[2K\u{9b}A", "\\x1b[2K\\u{9b}A\n".to_owned()),
        ] {
            assert_eq!(line(text), format!("{begin}{wanted}"), "{text:?}");
        }
    }

    #[test]
    fn a_text_over_its_limit_says_what_is_missing() {
        let text = "é".repeat(MAX_TEXT);
        let cut = cut(&text);
        assert!(cut.len() <= MAX_TEXT + 40 && cut.ends_with("é… and 65536 bytes more"), "{}", cut.len());
    }

    #[test]
    fn json_has_the_whole_instance_id_and_the_fields() {
        let fields = Map::from_iter([("event".to_owned(), json!("cold_start"))]);
        let whose = Whose { function: None, instance: Some(INSTANCE) };
        let line = Format::Json.line(TIME, Origin::Platform, whose, "te\"xt", fields);
        let object: Value = serde_json::from_str(&line).expect("one object");
        assert_eq!(
            object,
            json!({
                "time": "2000-02-29T00:00:00.123Z", "source": "platform", "text": "te\"xt",
                "instance": INSTANCE, "event": "cold_start",
            })
        );
        assert!(line.ends_with("}\n") && line.lines().count() == 1);
    }

    #[test]
    fn a_line_of_one_of_several_functions_says_whose_it_is() {
        let log = Log::silent().of_function("a", 4);
        let line = |format: Format, text| {
            format.line(TIME, Origin::Stdout, log.whose(Some(INSTANCE)), text, Map::new())
        };
        assert_eq!(line(Format::Plain, "text"), "00:00:00.123 a    f381ba | text\n");
        let begin = "00:00:00.123 a    f381ba | ".len();
        assert_eq!(
            line(Format::Plain, "one\ntwo"),
            format!("00:00:00.123 a    f381ba | one\n{:begin$}two\n", "")
        );
        assert!(line(Format::Coloured, "text").contains("\x1b[0m a    f381ba | text"));
        let object: Value = serde_json::from_str(&line(Format::Json, "text")).expect("one object");
        assert_eq!((&object["function"], &object["instance"]), (&json!("a"), &json!(INSTANCE)));
        let all = Format::Json.line(TIME, Origin::Platform, log.whose(None), "text", Map::new());
        assert!(all.contains(r#""function":"a""#), "{all}");
    }
}
