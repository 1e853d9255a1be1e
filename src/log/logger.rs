//! The `log` macros on standard output, in the platform's format: `<UTC time> <request
//! id> [LEVEL] message`. Which lines and how they are buffered is env_logger's business.

use crate::contain::report;
use crate::date::{iso_8601, since_epoch};
use crate::environment;
use crate::log::request_scope::{will_be_read, with_ids};
use crate::log::stdout::write_line;
use crate::sync::OnceLock;
use env_logger::{Builder, Logger, Target};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::{self, Write};

/// Without RUST_LOG.
const DEFAULT_LEVEL: LevelFilter = LevelFilter::Info;

/// Starts logging through the `log` macros. `RUST_LOG` decides what is logged, in env_logger's syntax;
/// default `info`, also for one that cannot be read. When the program has set a logger already, that one
/// stays.
///
/// ```
/// fc_runtime::logger::init();
/// log::info!("ready"); // 2026-01-31T12:00:00.000Z - [INFO] ready
/// ```
pub fn init() {
    let filters = environment::variable("RUST_LOG");
    let error = filters.as_ref().and_then(|filters| env_filter::Builder::new().try_parse(filters).err());
    let max_level = match filters.filter(|_| error.is_none()) {
        Some(filters) => logger(Some(&filters)).filter(),
        None => DEFAULT_LEVEL,
    };
    if log::set_logger(&BuiltWhenUsed).is_ok() {
        will_be_read();
        log::set_max_level(max_level);
    }
    if let Some(error) = error {
        report!(Level::Warn, "RUST_LOG counts as info: {error}");
    }
}

/// Building one is a tenth of a start's own work, so without RUST_LOG that waits for the first line.
static LOGGER: OnceLock<Logger> = OnceLock::new();

/// The logger; built with these filters, if it is not there yet.
fn logger(filters: Option<&str>) -> &'static Logger {
    LOGGER.get_or_init(|| build(filters))
}

struct BuiltWhenUsed;

impl Log for BuiltWhenUsed {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        LOGGER.get().map_or(metadata.level() <= DEFAULT_LEVEL, |logger| logger.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            logger(None).log(record);
        }
    }

    fn flush(&self) {}
}

fn build(filters: Option<&str>) -> Logger {
    let mut builder = Builder::new();
    match filters {
        Some(filters) => builder.parse_filters(filters),
        None => builder.filter_level(DEFAULT_LEVEL),
    };
    builder.target(Target::Pipe(Box::new(WholeLines)));
    builder.format(|out, record| out.write_all(&line(record)));
    builder.build()
}

/// Made apart from env_logger's buffer: a message whose `Display` panics would leave its first half there.
fn line(record: &Record<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    line.extend_from_slice(&iso_8601(since_epoch()));
    with_ids(|request_id, trace_id| {
        let request_id = if request_id.is_empty() { "-" } else { request_id };
        let _ = write!(line, " {request_id} [{}] ", record.level()); // a Vec takes everything
        if let Some(trace_id) = trace_id {
            let _ = write!(line, "trace_id={trace_id} ");
        }
    });
    let _ = writeln!(line, "{}", record.args());
    line
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
    use crate::log::RequestScope;

    #[test]
    fn a_line_has_time_request_id_level_and_message() {
        let _scope = RequestScope::enter("id-1", || None);
        let record = |message| Record::builder().level(log::Level::Warn).args(message).build();
        let line = String::from_utf8(line(&record(format_args!("low on {}", "ink")))).unwrap();
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        assert_eq!(rest, "id-1 [WARN] low on ink\n");
    }

    #[test]
    fn a_line_of_a_call_in_a_trace_has_its_id_behind_the_level() {
        will_be_read();
        let _scope = RequestScope::enter("id-1", || Some([b'a'; 32]));
        let record = |message| Record::builder().level(log::Level::Info).args(message).build();
        let line = String::from_utf8(line(&record(format_args!("ready")))).unwrap();
        let expected = format!("id-1 [INFO] trace_id={} ready\n", "a".repeat(32));
        assert_eq!(line.split_once(' ').unwrap().1, expected);
    }
}
