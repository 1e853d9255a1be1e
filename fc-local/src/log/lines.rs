//! The lines that fc-local prints while it runs: the function's own, the platform's events, cold starts. Who
//! prints which is not known here.

use std::io::{IsTerminal, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::time::{clock, milliseconds, rounded, timestamp};
use crate::sync::Mutex;

pub struct Log {
    sink: Mutex<Sink>,
    format: Format,
}

/// Where the lines go.
struct Sink {
    out: Box<dyn Write + Send>,
    /// Lines that may wait for the next ones.
    pending: Vec<u8>,
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
        let colours = std::io::stdout().is_terminal();
        Log::new(Box::new(std::io::stdout()), json, colours)
    }

    pub fn to_stderr(json: bool) -> Log {
        let colours = std::io::stderr().is_terminal();
        Log::new(Box::new(std::io::stderr()), json, colours)
    }

    /// For `check`, whose table is the only output.
    pub fn silent() -> Log {
        Log::new(Box::new(std::io::sink()), false, false)
    }

    fn new(out: Box<dyn Write + Send>, json: bool, colours: bool) -> Log {
        let format = match (json, colours) {
            (true, _) => Format::Json,
            (false, true) => Format::Coloured,
            (false, false) => Format::Plain,
        };
        Log { sink: Mutex::new(Sink { out, pending: Vec::new() }), format }
    }

    /// An event of the platform, about an instance or about all.
    pub fn event(&self, instance: Option<&str>, text: &str) {
        self.print(Origin::Platform, instance, text, Map::new());
    }

    /// An event that happens with every call: written with the next line, or at the next
    /// [`flush`](Log::flush), so that no call waits for a terminal.
    pub fn event_soon(&self, instance: &str, text: &str) {
        self.append(Origin::Platform, Some(instance), text, Map::new());
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

    /// Writes what is pending.
    pub fn flush(&self) {
        let mut sink = self.sink.lock();
        let Sink { out, pending } = &mut *sink;
        if !pending.is_empty() {
            let _ = out.write_all(pending); // a closed terminal is no reason to stop serving
            let _ = out.flush();
            pending.clear();
        }
    }

    fn print(&self, origin: Origin, instance: Option<&str>, text: &str, fields: Map<String, Value>) {
        self.append(origin, instance, text, fields);
        self.flush();
    }

    fn append(&self, origin: Origin, instance: Option<&str>, text: &str, fields: Map<String, Value>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = self.format.line(now, origin, instance, text, fields);
        self.sink.lock().pending.extend_from_slice(line.as_bytes());
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Plain,
    Coloured,
    Json,
}

impl Format {
    /// One line. Its `fields` are for programs.
    fn line(
        self,
        since_epoch: Duration,
        origin: Origin,
        instance: Option<&str>,
        text: &str,
        fields: Map<String, Value>,
    ) -> String {
        let (time, id) = (clock(since_epoch), instance.map_or("-", short));
        match self {
            Format::Json => {
                let time = timestamp(since_epoch);
                let mut object = json!({"time": time, "source": origin.name(), "text": text});
                if let (Some(object), Some(instance)) = (object.as_object_mut(), instance) {
                    object.insert("instance".to_owned(), json!(instance));
                    object.extend(fields);
                }
                format!("{object}\n")
            }
            Format::Plain => format!("{time} {id:<6} {} {text}\n", origin.mark()),
            Format::Coloured => {
                format!("\x1b[2m{time}\x1b[0m {id:<6} {}{} {text}\x1b[0m\n", origin.colour(), origin.mark())
            }
        }
    }
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
        let line = |origin, instance| Format::Plain.line(TIME, origin, instance, "text", Map::new());
        assert_eq!(line(Origin::Stdout, Some(INSTANCE)), "00:00:00.123 f381ba | text\n");
        assert_eq!(line(Origin::Stderr, Some("short")), "00:00:00.123 short  ! text\n");
        assert_eq!(line(Origin::Platform, None), "00:00:00.123 -      * text\n");
        assert_eq!(line(Origin::Warning, None), "00:00:00.123 -      # text\n");
    }

    #[test]
    fn a_colour_ends_with_its_line() {
        let line = Format::Coloured.line(TIME, Origin::Warning, None, "text", Map::new());
        assert_eq!(line, "\x1b[2m00:00:00.123\x1b[0m -      \x1b[31m# text\x1b[0m\n");
    }

    #[test]
    fn json_has_the_whole_instance_id_and_the_fields() {
        let fields = Map::from_iter([("event".to_owned(), json!("cold_start"))]);
        let line = Format::Json.line(TIME, Origin::Platform, Some(INSTANCE), "te\"xt", fields);
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
}
