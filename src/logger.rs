//! Log lines in the platform's format (contract section 4): `<UTC time> <request id> [LEVEL] message`
//! on standard output. Only what is logged on the invocation's own thread carries its request id.

#[cfg(feature = "logger")]
use crate::{clock, config, marks};
use std::cell::RefCell;
#[cfg(feature = "logger")]
use std::io::Write;

thread_local! {
    /// The request id of the invocation that this thread runs, empty outside of one.
    static REQUEST_ID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Starts logging through the `log` macros. `RUST_LOG` decides what is logged, in env_logger's
/// syntax; default `info`. When the program has set a logger already, that one stays.
///
/// ```
/// fc_runtime::logger::init();
/// log::info!("ready"); // 2026-01-31T12:00:00.000Z - [INFO] ready
/// ```
#[cfg(feature = "logger")]
pub fn init() {
    // Building a filter is a tenth of a start's own work, so without one there is none.
    let Some(filters) = config::variable("RUST_LOG") else {
        if log::set_logger(&Lines).is_ok() {
            log::set_max_level(log::LevelFilter::Info);
        }
        return;
    };
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&filters).format(|_, record| {
        // Written here, past env_logger's own target, whose lock everybody would wait for when
        // nobody reads standard output.
        print(record);
        Ok(())
    });
    let _ = builder.try_init(); // a logger that is set already is the program's choice
}

/// The logger without a filter.
#[cfg(feature = "logger")]
struct Lines;

#[cfg(feature = "logger")]
impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::LevelFilter::Info
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
    marks::write_to_stdout(&line);
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
