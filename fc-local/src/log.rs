//! Everything fc-local prints while it runs: the function's lines, the platform's events, cold starts.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::sync::{Mutex, MutexGuard};

pub struct Log {
    sink: Mutex<Sink>,
    format: Format,
}

struct Sink {
    out: Box<dyn Write + Send>,
    /// Lines that may wait for the next ones.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Plain,
    Coloured,
    Json,
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
    fn name(self) -> &'static str {
        match self {
            Origin::Stdout => "stdout",
            Origin::Stderr => "stderr",
            Origin::Initializer => "initializer",
            Origin::Platform => "platform",
            Origin::Warning => "warning",
        }
    }

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

    /// One event of the platform, about an instance or about all.
    pub fn event(&self, instance: Option<&str>, text: &str) {
        self.line(Origin::Platform, instance, text, Map::new());
    }

    /// The same for what happens with every call: written with the next line, or at the next [`flush`](Log::flush), so
    /// that no call waits for a terminal.
    pub fn event_soon(&self, instance: &str, text: &str) {
        let line = self.format_line(Origin::Platform, Some(instance), text, Map::new());
        self.lock().pending.extend_from_slice(line.as_bytes());
    }

    /// Writes what is pending.
    pub fn flush(&self) {
        let mut sink = self.lock();
        let Sink { out, pending } = &mut *sink;
        if !pending.is_empty() {
            let _ = out.write_all(pending); // a closed terminal is no reason to stop serving
            let _ = out.flush();
            pending.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock()
    }

    /// Something the author should know.
    pub fn warn(&self, instance: Option<&str>, text: &str) {
        self.line(Origin::Warning, instance, text, Map::new());
    }

    /// A line of the function's own.
    pub fn output(&self, origin: Origin, instance: &str, line: &str) {
        self.line(origin, Some(instance), line, Map::new());
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
        self.line(Origin::Platform, Some(instance), &text, fields);
    }

    fn line(&self, origin: Origin, instance: Option<&str>, text: &str, fields: Map<String, Value>) {
        let line = self.format_line(origin, instance, text, fields);
        self.lock().pending.extend_from_slice(line.as_bytes());
        self.flush();
    }

    fn format_line(
        &self,
        origin: Origin,
        instance: Option<&str>,
        text: &str,
        fields: Map<String, Value>,
    ) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = instance.map(short);
        match self.format {
            Format::Json => {
                let mut object = json!({"time": timestamp(now), "source": origin.name(), "text": text});
                if let (Some(object), Some(instance)) = (object.as_object_mut(), instance) {
                    object.insert("instance".to_owned(), json!(instance));
                    object.extend(fields);
                }
                format!("{object}\n")
            }
            Format::Plain => format!("{} {:<6} {} {text}\n", clock(now), id.unwrap_or("-"), origin.mark()),
            Format::Coloured => format!(
                "\x1b[2m{}\x1b[0m {:<6} {}{} {text}\x1b[0m\n",
                clock(now),
                id.unwrap_or("-"),
                origin.colour(),
                origin.mark()
            ),
        }
    }
}

/// What the library has to say about the listen address and its connections.
pub fn listen_to_library(log: &Arc<Log>) {
    struct Library(Arc<Log>);
    impl ::log::Log for Library {
        fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
            metadata.level() <= ::log::Level::Warn
        }
        fn log(&self, record: &::log::Record<'_>) {
            if self.enabled(record.metadata()) {
                self.0.warn(None, &record.args().to_string());
            }
        }
        fn flush(&self) {}
    }
    if ::log::set_boxed_logger(Box::new(Library(Arc::clone(log)))).is_ok() {
        ::log::set_max_level(::log::LevelFilter::Warn);
    }
}

/// The part of an instance id that tells two apart.
fn short(instance: &str) -> &str {
    instance.rsplit('-').next().and_then(|last| last.get(..6)).unwrap_or(instance)
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn rounded(time: Duration) -> f64 {
    (milliseconds(time) * 10.0).round() / 10.0
}

fn clock(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        since_epoch.subsec_millis()
    )
}

/// UTC in ISO 8601. The date is counted in the proleptic Gregorian calendar, in eras of 400 years from 1 March of year 0.
fn timestamp(since_epoch: Duration) -> String {
    let days = since_epoch.as_secs() / 86400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{}Z", clock(since_epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc_in_iso_8601() {
        assert_eq!(timestamp(Duration::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(Duration::from_millis(951_782_400_123)), "2000-02-29T00:00:00.123Z");
        assert_eq!(timestamp(Duration::from_secs(1_735_689_599)), "2024-12-31T23:59:59.000Z");
    }
}
