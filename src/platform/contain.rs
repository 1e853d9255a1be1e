//! The one boundary that a panic does not cross: the author's code, its values' `Drop` included, runs inside
//! of it, and what goes wrong in there becomes a [`Failure`].

use crate::api::StatusError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How the author's code failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub cause: Cause,
    /// Set by an error made for the caller, which may then be told the message.
    pub status: Option<u16>,
    /// The message with all its causes, in one line.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Error,
    Panic,
    Initialize,
    /// What it returned cannot be sent.
    InvalidResponse,
}

impl Failure {
    fn of(error: &anyhow::Error) -> Failure {
        let status = error.chain().find_map(|cause| cause.downcast_ref::<StatusError>());
        let status = status.map(StatusError::status);
        Failure { cause: Cause::Error, status, message: format!("{error:#}") }
    }

    pub(crate) fn invalid_response(message: String) -> Failure {
        Failure { cause: Cause::InvalidResponse, status: None, message }
    }

    /// Of a hook whose thread unwinds by a fault of this crate.
    pub(crate) fn broken_off() -> Failure {
        Failure { cause: Cause::Panic, status: None, message: "broken off".into() }
    }

    fn of_panic(payload: Box<dyn Any + Send>) -> Failure {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "of an unnamed kind".to_owned(),
        };
        drop_contained(payload);
        Failure { cause: Cause::Panic, status: None, message: format!("panic: {message}") }
    }

    /// The same as a failure of `initialize`. What a caller may be told of a panic does not depend on where
    /// it happened.
    pub(crate) fn in_initialize(self) -> Failure {
        let cause = if self.cause == Cause::Panic { Cause::Panic } else { Cause::Initialize };
        Failure { cause, ..self }
    }
}

/// Runs a piece of the author's code; an error or a panic of it becomes a `Failure`. What an error says of itself is
/// the author's code too.
pub(crate) fn contain<T>(code: impl FnOnce() -> anyhow::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let failure = catch_unwind(AssertUnwindSafe(|| Failure::of(&error)));
            drop_contained(error);
            Err(failure.unwrap_or_else(Failure::of_panic))
        }
        Err(payload) => Err(Failure::of_panic(payload)),
    }
}

/// Drops a value of the author's, whose `Drop` may panic too.
pub(crate) fn drop_contained<T>(value: T) {
    let mut value = Some(value);
    run_contained(&mut || drop(value.take()));
}

/// In the binary once, and not for each type of a value.
fn run_contained(drop: &mut dyn FnMut()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(drop)) {
        log::error!("panic in a Drop");
        // A payload that panics in its own Drop would otherwise come back here for ever.
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};
    use std::fmt;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("in a Drop");
        }
    }

    fn failure(code: impl FnOnce() -> anyhow::Result<()>) -> Failure {
        contain(code).unwrap_err()
    }

    #[test]
    fn an_errors_message_has_all_its_causes_and_the_status_of_the_one_that_has_one() {
        let plain = failure(|| Err(anyhow!("row 7").context("database")));
        assert_eq!(plain, Failure { cause: Cause::Error, status: None, message: "database: row 7".into() });
        let with_status = failure(|| Err(StatusError::new(409, "taken")).context("order"));
        assert_eq!((with_status.status, with_status.message.as_str()), (Some(409), "order: taken"));
    }

    #[test]
    fn a_panic_is_a_failure_whatever_its_payload() {
        for (failure, message) in [
            (failure(|| panic!("text")), "panic: text"),
            (failure(|| panic!("{}", "formatted")), "panic: formatted"),
            (failure(|| std::panic::panic_any(7)), "panic: of an unnamed kind"),
            (failure(|| std::panic::panic_any(PanicsWhenDropped)), "panic: of an unnamed kind"),
        ] {
            assert_eq!((failure.cause, failure.message.as_str()), (Cause::Panic, message));
        }
    }

    /// An error that panics whatever it is asked, and when it is dropped.
    #[derive(Debug)]
    struct Unprintable;

    impl fmt::Display for Unprintable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in a Display")
        }
    }

    impl std::error::Error for Unprintable {}

    impl Drop for Unprintable {
        fn drop(&mut self) {
            panic!("in a Drop");
        }
    }

    #[test]
    fn an_error_that_panics_when_it_is_asked_what_it_says_is_a_panic() {
        for failure in
            [failure(|| Err(Unprintable.into())), failure(|| Err(anyhow!("x")).context(Unprintable))]
        {
            assert_eq!((failure.cause, failure.message.as_str()), (Cause::Panic, "panic: in a Display"));
        }
    }

    #[test]
    fn a_value_that_panics_when_dropped_is_discarded() {
        drop_contained(PanicsWhenDropped);
    }

    #[test]
    fn a_failure_in_initialize_says_so_unless_it_is_a_panic() {
        assert_eq!(failure(|| Err(anyhow!("x"))).in_initialize().cause, Cause::Initialize);
        assert_eq!(failure(|| panic!("x")).in_initialize().cause, Cause::Panic);
    }
}
