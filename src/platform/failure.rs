//! How the author's code failed: its errors and its panics as one thing that can be told, whatever it does when
//! it is asked what it says.

use crate::api::StatusError;
use crate::contain::{Payload, catch, drop_contained};
use std::error::Error;
use std::fmt::{self, Write};
use std::io;

/// A chain of causes may lead back to its beginning.
const MAX_CAUSES: usize = 32;

/// As much as the platform keeps of one log line.
const MAX_MESSAGE: usize = 32 * 1024;

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
        let (mut status, mut message) = (None, Message::default());
        for (at, cause) in error.chain().take(MAX_CAUSES).enumerate() {
            status = status.or_else(|| status_of(cause));
            if at > 0 {
                let _ = message.write_str(": "); // a full one is cut
            }
            if write!(message, "{cause}").is_err() {
                let _ = message.write_str("…"); // its Display failed, or is too long
            }
        }
        Failure { cause: Cause::Error, status, message: message.0 }
    }

    pub(crate) fn invalid_response(message: String) -> Failure {
        Failure { cause: Cause::InvalidResponse, status: None, message }
    }

    /// Of a hook whose thread unwinds by a fault of this crate.
    pub(crate) fn broken_off() -> Failure {
        Failure { cause: Cause::Panic, status: None, message: "broken off".into() }
    }

    fn of_panic(payload: Payload) -> Failure {
        let message = format!("panic: {}", payload.message());
        Failure { cause: Cause::Panic, status: None, message }
    }

    /// The same as a failure of `initialize`. What a caller may be told of a panic does not depend on where
    /// it happened.
    pub(crate) fn in_initialize(self) -> Failure {
        let cause = if self.cause == Cause::Panic { Cause::Panic } else { Cause::Initialize };
        Failure { cause, ..self }
    }
}

/// The author's own, or that of a body for which there is no memory.
fn status_of(error: &(dyn Error + 'static)) -> Option<u16> {
    let is_memory = |error: &io::Error| error.kind() == io::ErrorKind::OutOfMemory;
    match error.downcast_ref::<StatusError>() {
        Some(error) => Some(error.status()),
        None => error.downcast_ref().is_some_and(is_memory).then_some(503),
    }
}

/// What an error says, as far as there is room for it.
#[derive(Default)]
struct Message(String);

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_MESSAGE - self.0.len().min(MAX_MESSAGE);
        let fitting = (0..=room.min(text.len())).rev().find_map(|length| text.get(..length));
        let taken = fitting.unwrap_or_default();
        self.0.push_str(taken);
        if taken.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Runs a piece of the author's code; an error or a panic of it becomes a `Failure`. What an error says of itself is
/// the author's code too.
pub(crate) fn contain<T>(code: impl FnOnce() -> anyhow::Result<T>) -> Result<T, Failure> {
    match catch(code) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let failure = catch(|| Failure::of(&error));
            drop_contained(error);
            Err(failure.unwrap_or_else(Failure::of_panic))
        }
        Err(payload) => Err(Failure::of_panic(payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};
    use std::fmt;

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
    fn a_body_for_which_there_is_no_memory_is_a_503_of_its_own() {
        let no_memory = || Vec::<u8>::new().try_reserve(usize::MAX >> 1).map_err(std::io::Error::from);
        let failure = failure(|| no_memory().context("order"));
        assert_eq!((failure.cause, failure.status), (Cause::Error, Some(503)));
    }

    #[test]
    fn a_panic_is_a_failure() {
        let failure = failure(|| panic!("text"));
        assert_eq!((failure.cause, failure.message.as_str()), (Cause::Panic, "panic: text"));
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

    /// An error that says what it is told to say, and leads on to another one.
    #[derive(Debug)]
    struct Says(fn(&mut fmt::Formatter<'_>) -> fmt::Result, Option<Box<Says>>);

    impl fmt::Display for Says {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (self.0)(f)
        }
    }

    impl std::error::Error for Says {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            // Without another one, it is its own cause.
            self.1.as_deref().map_or(Some(self), |cause| Some(cause))
        }
    }

    fn message(error: Says) -> String {
        failure(|| Err(error.into())).message
    }

    #[test]
    fn an_error_whose_display_fails_has_said_what_came_before() {
        let fails = |f: &mut fmt::Formatter<'_>| f.write_str("row 7").and(Err(fmt::Error));
        let cause = Says(|f| f.write_str("disk"), None);
        assert!(message(Says(fails, Some(Box::new(cause)))).starts_with("row 7…: disk: disk"));
        let failure = failure(|| Err(StatusError::new(409, "taken")).context(Says(fails, None)));
        assert_eq!((failure.cause, failure.status), (Cause::Error, Some(409)));
    }

    #[test]
    fn an_error_that_never_ends_is_cut() {
        assert_eq!(message(Says(|f| f.write_str("x"), None)).len(), MAX_CAUSES * 3 - 2);
        let endless = |f: &mut fmt::Formatter<'_>| loop {
            f.write_str("äöü")?;
        };
        assert!(message(Says(endless, None)).len() <= MAX_MESSAGE);
    }

    #[test]
    fn a_failure_in_initialize_says_so_unless_it_is_a_panic() {
        assert_eq!(failure(|| Err(anyhow!("x"))).in_initialize().cause, Cause::Initialize);
        assert_eq!(failure(|| panic!("x")).in_initialize().cause, Cause::Panic);
    }
}
