//! The one boundary that a panic does not cross, for all code that is not this crate's. What that code is, is not
//! known here.
//!
//! | code that is not ours | runs in |
//! |---|---|
//! | `initialize`, `invoke`, `pre_stop`, and the closures that stand for them | `platform::contain` |
//! | an error's `Display` and `source`, the text that it becomes | `platform::contain`, right after the code that failed |
//! | a body's reader, the closure that writes a body | `platform::contain`, by `serve/exchange` |
//! | the `Drop` of a function, an initializer, a body, an error, a panic's payload | [`Contained`], [`drop_contained`], [`Payload`] |
//! | the program's logger | [`report`] |
//!
//! Nothing can contain a panic hook that panics, a `Drop` that panics while its thread unwinds already, the destructor
//! of a thread-local that panics, or an allocator that does: Rust ends the process then.

use log::{Level, Record};
use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic came with.
pub(crate) struct Payload(Option<Box<dyn Any + Send>>);

impl Payload {
    pub(crate) fn message(&self) -> &str {
        let Some(payload) = &self.0 else { return "" };
        match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => text,
            (_, Some(text)) => text,
            _ => "of an unnamed kind",
        }
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let payload = self.0.take();
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(another); // it would come back here for ever
        }
    }
}

/// Runs code whose panic ends here.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, Payload> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| Payload(Some(payload)))
}

/// A value of the author's: wherever it is dropped, its `Drop` is contained.
pub(crate) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Contained<T> {
        Contained(Some(value))
    }

    /// None once it was [taken](Self::take).
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()
    }

    /// Gives it up, to code that runs contained.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        if self.0.is_some() {
            drop_contained(self.0.take());
        }
    }
}

/// Drops a value of the author's, whose `Drop` may panic.
pub(crate) fn drop_contained<T>(value: T) {
    let mut value = Some(value);
    run_contained(&mut || drop(value.take()));
}

/// In the binary once, and not for each type of a value.
fn run_contained(drop: &mut dyn FnMut()) {
    if let Err(payload) = catch(drop) {
        report!(Level::Error, "panic in a Drop: {}", payload.message());
    }
}

/// A line for the program's logger, as the macros of `log` make it, under the module it comes from.
macro_rules! report {
    ($level:expr, $($message:tt)+) => {
        $crate::contain::report_line($level, module_path!(), format_args!($($message)+))
    };
}
pub(crate) use report;

/// A logger that panics has said so by the panic; the line is lost, and nothing else.
pub(crate) fn report_line(level: Level, module: &'static str, message: fmt::Arguments<'_>) {
    if level <= log::STATIC_MAX_LEVEL && level <= log::max_level() {
        let _ = catch(|| {
            let mut record = Record::builder();
            record.level(level).target(module).module_path_static(Some(module));
            log::logger().log(&record.args(message).build());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("in a Drop");
        }
    }

    #[test]
    fn a_panic_ends_here_whatever_its_payload() {
        let message = |code: fn()| catch(code).unwrap_err().message().to_owned();
        assert_eq!(message(|| panic!("text")), "text");
        assert_eq!(message(|| panic!("{}", "formatted")), "formatted");
        assert_eq!(message(|| panic_any(7)), "of an unnamed kind");
        assert_eq!(message(|| panic_any(PanicsWhenDropped)), "of an unnamed kind");
    }

    #[test]
    fn a_value_that_panics_when_dropped_is_discarded() {
        drop_contained(PanicsWhenDropped);
        drop(Contained::new(PanicsWhenDropped));
    }

    #[test]
    fn a_value_that_panics_when_dropped_does_so_while_its_thread_unwinds_too() {
        let outcome = catch(|| {
            let _value = Contained::new(PanicsWhenDropped);
            panic!("of ours");
        });
        assert_eq!(outcome.unwrap_err().message(), "of ours");
    }
}
