//! What the library logs about the listen address and its connections: its warnings come out as lines of
//! ours.

use std::sync::Arc;

use super::lines::Log;

struct Library(Arc<Log>);

impl log::Log for Library {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.warn(None, &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Prints what the library warns of from now on.
pub fn listen_to_library(log: &Arc<Log>) {
    if log::set_boxed_logger(Box::new(Library(Arc::clone(log)))).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}
