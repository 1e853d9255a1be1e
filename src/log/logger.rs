//! Log lines in the platform's format (contract section 4): `<UTC time> <request id> [LEVEL] message`
//! on standard output. Only what is logged on the invocation's own thread carries its request id.

#[cfg(feature = "logger")]
use crate::api::config;
#[cfg(feature = "logger")]
use crate::clock;
#[cfg(feature = "logger")]
use crate::log::stdout;
#[cfg(feature = "logger")]
use env_filter::Filter;
#[cfg(feature = "logger")]
use log::LevelFilter;
use std::cell::RefCell;
#[cfg(feature = "logger")]
use std::{io::Write, sync::OnceLock};

thread_local! {
    /// The request id of the invocation that this thread runs, empty outside of one.
    static REQUEST_ID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Starts logging through the `log` macros. `RUST_LOG` decides what is logged, in env_logger's
/// syntax; default `info`, also for one that cannot be read. When the program has set a logger already, that one stays.
///
/// ```
/// fc_runtime::logger::init();
/// log::info!("ready"); // 2026-01-31T12:00:00.000Z - [INFO] ready
/// ```
#[cfg(feature = "logger")]
pub fn init() {
    // Building a filter is a tenth of a start's own work, so without RUST_LOG there is none.
    let parsed = config::variable("RUST_LOG").map(|text| {
        let mut builder = env_filter::Builder::new();
        builder.try_parse(&text).map(|builder| builder.build())
    });
    let (filter, error) = match parsed {
        None => (None, None),
        Some(Ok(filter)) => (Some(filter), None),
        Some(Err(error)) => (None, Some(error)),
    };
    let most = filter.as_ref().map_or(LevelFilter::Info, Filter::filter);
    if log::set_logger(LINES.get_or_init(|| Lines(filter))).is_ok() {
        log::set_max_level(most);
    }
    if let Some(error) = error {
        log::warn!("RUST_LOG counts as info: {error}");
    }
}

#[cfg(feature = "logger")]
static LINES: OnceLock<Lines> = OnceLock::new();

#[cfg(feature = "logger")]
struct Lines(Option<Filter>);

#[cfg(feature = "logger")]
impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        match &self.0 {
            Some(filter) => filter.enabled(metadata),
            None => metadata.level() <= LevelFilter::Info,
        }
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            print(record);
        }
    }

    fn flush(&self) {}
}

#[cfg(feature = "logger")]
fn print(record: &log::Record<'_>) {
    let mut line = Vec::with_capacity(128);
    line.extend_from_slice(&clock::iso_8601(clock::since_epoch()));
    line.push(b' ');
    REQUEST_ID.with_borrow(|id| line.extend_from_slice(if id.is_empty() { "-" } else { id }.as_bytes()));
    let _ = writeln!(line, " [{}] {}", record.level(), record.args()); // a Vec takes everything
    stdout::write_line(&line);
}

/// What this thread logs from now on belongs to the request `id`.
pub(crate) fn enter(id: &str) {
    REQUEST_ID.with_borrow_mut(|current| {
        current.clear();
        current.push_str(id);
    });
}

/// What this thread logs from now on belongs to no request.
pub(crate) fn leave() {
    REQUEST_ID.with_borrow_mut(String::clear);
}
