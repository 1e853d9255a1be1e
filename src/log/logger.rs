//! The `log` macros on standard output. Which of them make lines is env_logger's business, how a line looks
//! `log/line`'s.

use crate::contain::report;
use crate::environment;
use crate::log::line::{Format, line};
use crate::log::request_scope::will_be_read;
use crate::log::stdout::write_line;
use crate::sync::OnceLock;
use env_logger::{Builder, Logger, Target};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::{self, Write};

/// Without a variable that says otherwise.
const DEFAULT_LEVEL: LevelFilter = LevelFilter::Info;

/// Starts logging through the `log` macros, on standard output. When the program has set a logger already, that one stays.
///
/// ```
/// fc_runtime::logger::init();
/// log::info!("ready"); // 2026-01-31T12:00:00.000Z - [INFO] ready
/// ```
///
/// | variable | what it says | default |
/// |---|---|---|
/// | `RUST_LOG` | what is logged, in env_logger's syntax | |
/// | `ALIYUN_FC_LOG_LEVEL` | the same as the platform's own runtimes have it, where `RUST_LOG` is not set: `debug`, `info`, `warn` or `error`, in any case | `info` |
/// | `FCRT_LOG_FORMAT` | `text` or `json`, in any case | `text` |
///
/// One whose value means nothing counts as `info` or `text`, and is a warning. In `RUST_LOG` a word that is no level is the name of a
/// module, as for env_logger: `RUST_LOG=warning` logs nothing else.
///
/// # Text
///
/// `<UTC time> <request id> [LEVEL] message`, as the platform advises. The request id is `-` outside of a call. In a call that
/// belongs to a [trace](crate::Context::trace) the message begins with `trace_id=<id> `. Only lines of the thread that serves the
/// call have the two: a thread that the function makes logs outside of it. With the feature `kv`, the
/// record's key-value pairs follow the message as ` key=value`. A message of several lines stays so.
///
/// # JSON
///
/// One object on one line for each record:
///
/// | key | value |
/// |---|---|
/// | `time` | UTC in RFC 3339, to the millisecond |
/// | `level` | `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE` |
/// | `target` | the record's target: the module, where the author has not said otherwise |
/// | `request_id` | the call's; not there outside of one |
/// | `trace_id` | its trace's; not there without one |
/// | `message` | the message |
/// | `fields` | with the feature `kv`: an object of the key-value pairs, not there without any. Numbers, booleans and `None` are JSON's own, all else is text: so are numbers that are infinite, none (`NaN`), or of 128 bits. |
/// | `fields_left_out` | how many of them have no room |
///
/// The platform takes a line that begins without a date for a part of the one before it, unless the function's `logConfig` has
/// `logBeginRule: None`. Other lines stay what they are: the platform's own (`FC Invoke Start RequestId: …`), by which its console
/// finds a call, and what else writes to standard output and standard error, such as Rust's message of a panic.
///
/// # Limits
///
/// A line has 32 KB at the most, as the platform's log: a message that is longer ends with `... [N bytes cut]`, at a whole
/// character. Of it, key-value pairs may have 16 KB.
///
/// Nothing waits for a reader of standard output for long: one that does not keep up loses lines, and the line at which it fell behind
/// may end early, also in JSON. The next one begins on a line of its own.
pub fn init() {
    let (settings, faults) = Settings::of(&environment::variable);
    let max_level = match &settings.filters {
        Some(_) => logger(&settings).filter(),
        // Building one is a tenth of a start's own work, so that waits for the first line.
        None => settings.level,
    };
    let _ = SETTINGS.set(settings); // the same as they were
    if log::set_logger(&BuiltWhenUsed).is_err() {
        return;
    }
    will_be_read();
    log::set_max_level(max_level);
    for fault in faults {
        report!(Level::Warn, "{fault}");
    }
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// What the environment says.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    /// That of RUST_LOG, which wins over the level.
    filters: Option<String>,
    level: LevelFilter,
    format: Format,
}

const DEFAULT: Settings = Settings { filters: None, level: DEFAULT_LEVEL, format: Format::Text };

impl Settings {
    /// And what of it means nothing.
    fn of(variable: &dyn Fn(&str) -> Option<String>) -> (Settings, Vec<String>) {
        let (mut settings, mut faults) = (DEFAULT, Vec::new());
        match (variable("RUST_LOG"), variable("ALIYUN_FC_LOG_LEVEL")) {
            (Some(filters), _) if filters.contains(char::REPLACEMENT_CHARACTER) => {
                faults.push("RUST_LOG counts as info: it is not UTF-8".to_owned());
            }
            (Some(filters), _) => match env_filter::Builder::new().try_parse(&filters) {
                Ok(_) => settings.filters = Some(filters),
                Err(error) => faults.push(format!("RUST_LOG counts as info: {error}")),
            },
            (None, Some(level)) => match level_of(&level) {
                Some(level) => settings.level = level,
                None => faults.push(format!(
                    "ALIYUN_FC_LOG_LEVEL={level:?} counts as info: expected debug, info, warn or error"
                )),
            },
            (None, None) => {}
        }
        match variable("FCRT_LOG_FORMAT").as_deref() {
            None => {}
            Some(format) if format.eq_ignore_ascii_case("text") => {}
            Some(format) if format.eq_ignore_ascii_case("json") => settings.format = Format::Json,
            Some(format) => {
                faults.push(format!("FCRT_LOG_FORMAT={format:?} counts as text: expected text or json"));
            }
        }
        (settings, faults)
    }
}

/// The platform's four.
fn level_of(name: &str) -> Option<LevelFilter> {
    let levels = [LevelFilter::Debug, LevelFilter::Info, LevelFilter::Warn, LevelFilter::Error];
    levels.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name))
}

fn settings() -> &'static Settings {
    SETTINGS.get().unwrap_or(&DEFAULT)
}

/// The logger; built with these settings, if it is not there yet.
fn logger(settings: &Settings) -> &'static Logger {
    LOGGER.get_or_init(|| build(settings))
}

struct BuiltWhenUsed;

impl Log for BuiltWhenUsed {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        LOGGER.get().map_or_else(|| metadata.level() <= settings().level, |logger| logger.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            logger(settings()).log(record);
        }
    }

    fn flush(&self) {}
}

fn build(settings: &Settings) -> Logger {
    let mut builder = Builder::new();
    match &settings.filters {
        Some(filters) => builder.parse_filters(filters),
        None => builder.filter_level(settings.level),
    };
    builder.target(Target::Pipe(Box::new(WholeLines)));
    // A line is made apart from env_logger's buffer: a message whose `Display` panics would leave its first half there.
    let format = settings.format;
    builder.format(move |out, record| out.write_all(&line(format, record)));
    builder.build()
}

/// Standard output as env_logger's target, which hands over a whole line at a time.
struct WholeLines;

impl Write for WholeLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write_line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
        let look_up =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|it| it.1.to_owned());
        Settings::of(&look_up)
    }

    #[test]
    fn without_variables_there_is_text_from_info_on() {
        assert_eq!(settings(&[]), (DEFAULT, Vec::new()));
    }

    #[test]
    fn the_platforms_level_is_one_of_four_in_any_case() {
        for (name, level) in [
            ("debug", LevelFilter::Debug),
            ("INFO", LevelFilter::Info),
            ("Warn", LevelFilter::Warn),
            ("eRROR", LevelFilter::Error),
        ] {
            let expected = Settings { level, ..DEFAULT };
            assert_eq!(settings(&[("ALIYUN_FC_LOG_LEVEL", name)]), (expected, Vec::new()));
        }
        for name in ["verbose", "trace", "off", " info", "2"] {
            let (settings, faults) = settings(&[("ALIYUN_FC_LOG_LEVEL", name)]);
            let fault =
                format!("ALIYUN_FC_LOG_LEVEL={name:?} counts as info: expected debug, info, warn or error");
            assert_eq!((settings, faults), (DEFAULT, vec![fault]));
        }
    }

    #[test]
    fn rust_log_wins_over_the_platforms_level() {
        let level = ("ALIYUN_FC_LOG_LEVEL", "nonsense");
        let (with_filters, faults) = settings(&[("RUST_LOG", "warn,a=debug"), level]);
        assert_eq!(with_filters, Settings { filters: Some("warn,a=debug".into()), ..DEFAULT });
        assert_eq!(faults, Vec::<String>::new(), "what is not read is not judged");
        let (settings, faults) = settings(&[("RUST_LOG", "a=nonsense"), ("ALIYUN_FC_LOG_LEVEL", "error")]);
        assert_eq!(settings, DEFAULT);
        assert!(faults.len() == 1 && faults[0].starts_with("RUST_LOG counts as info: "), "{faults:?}");
        let (settings, faults) = self::settings(&[("RUST_LOG", "\u{fffd}")]);
        assert_eq!(
            (settings, faults),
            (DEFAULT, vec!["RUST_LOG counts as info: it is not UTF-8".to_owned()])
        );
    }

    #[test]
    fn the_format_is_text_or_json() {
        let of = |format: &str| settings(&[("FCRT_LOG_FORMAT", format)]);
        assert_eq!(of("text"), (DEFAULT, Vec::new()));
        assert_eq!(of("Text"), (DEFAULT, Vec::new()));
        for json in ["json", "JSON"] {
            assert_eq!(of(json), (Settings { format: Format::Json, ..DEFAULT }, Vec::new()));
        }
        let fault = "FCRT_LOG_FORMAT=\"yaml\" counts as text: expected text or json";
        assert_eq!(of("yaml"), (DEFAULT, vec![fault.to_owned()]));
    }
}
