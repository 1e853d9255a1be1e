//! How does a caller ask for an asynchronous invocation? In header fields, which are the platform's and not the function's. What becomes
//! of one is not known here.

use std::time::Duration;

use fc_runtime::Request;

use super::failure::Failure;
use crate::log::excerpt;

/// How a caller names a task, in FC 3.0 and in FC 2.0.
const TASK_ID_FIELDS: [&str; 2] = ["x-fc-async-task-id", "x-fc-stateful-async-invocation-id"];

const TYPE_FIELD: &str = "x-fc-invocation-type";
const DELAY_FIELD: &str = "x-fc-async-delay";

/// The platform's limits: characters of a task's id, and seconds of a delay.
const MAX_TASK_ID: usize = 128;
const MAX_DELAY: u64 = 3600;

/// What is asked for of an asynchronous invocation.
#[derive(Debug, PartialEq, Eq)]
pub struct Later {
    pub id: Option<String>,
    pub delay: Duration,
}

/// What the caller asks for; `None` is an invocation at once.
pub fn asked(request: &Request<'_>) -> Result<Option<Later>, Failure> {
    if !is_async(request.header(TYPE_FIELD))? {
        return Ok(None);
    }
    let id = TASK_ID_FIELDS.iter().find_map(|name| request.header(name)).filter(|id| !id.is_empty());
    let id = id.map(|id| check_task_id(id).map(|()| id.to_owned())).transpose()?;
    Ok(Some(Later { id, delay: delay(request.header(DELAY_FIELD))? }))
}

/// Whether a field asks the platform for something, and not the function.
pub fn is_asking(name: &str) -> bool {
    let fields = TASK_ID_FIELDS.iter().chain(&[TYPE_FIELD, DELAY_FIELD]);
    fields.into_iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// The caller's name for a task: letters, digits, `_` and `-`. That it begins with a letter or `_`, as the vendor's page asks, is not
/// held: UUIDs are common, and taken there.
fn check_task_id(id: &str) -> Result<(), Failure> {
    let is_named = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_named && id.len() <= MAX_TASK_ID {
        return Ok(());
    }
    Err(Failure::InvalidArgument(format!(
        "the id of an async task has letters, digits, '_' and '-', {MAX_TASK_ID} at the most; this one has {} characters: '{}'",
        id.chars().count(),
        excerpt::first_line(id)
    )))
}

/// How long an asynchronous invocation is put off.
fn delay(seconds: Option<&str>) -> Result<Duration, Failure> {
    let Some(text) = seconds else { return Ok(Duration::ZERO) };
    match text.trim().parse() {
        Ok(seconds @ 0..=MAX_DELAY) => Ok(Duration::from_secs(seconds)),
        _ => Err(Failure::InvalidArgument(format!(
            "x-fc-async-delay '{text}' is not a number of seconds from 0 to {MAX_DELAY}"
        ))),
    }
}

fn is_async(invocation_type: Option<&str>) -> Result<bool, Failure> {
    match invocation_type {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("sync") => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("async") => Ok(true),
        Some(other) => {
            Err(Failure::InvalidArgument(format!("invocation type '{other}' is neither Sync nor Async")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_a_name_within_the_platforms_limit() {
        let longest = "x".repeat(MAX_TASK_ID);
        for id in ["task-7", "_a", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", &longest] {
            assert_eq!(check_task_id(id), Ok(()), "{id}");
        }
        for id in ["a b", "a/b", "é", &format!("{longest}x")] {
            assert!(matches!(check_task_id(id), Err(Failure::InvalidArgument(_))), "{id}");
        }
    }

    #[test]
    fn a_delay_is_an_hour_at_the_most() {
        assert_eq!([delay(None), delay(Some("0"))], [Ok(Duration::ZERO), Ok(Duration::ZERO)]);
        assert_eq!(delay(Some("3600")), Ok(Duration::from_secs(3600)));
        for text in ["3601", "-1", "1.5", "", "soon"] {
            assert!(matches!(delay(Some(text)), Err(Failure::InvalidArgument(_))), "{text}");
        }
    }

    #[test]
    fn types_are_read_in_any_case_and_unknown_ones_refused() {
        assert_eq!(
            [is_async(None), is_async(Some("SYNC")), is_async(Some("async"))],
            [Ok(false), Ok(false), Ok(true)]
        );
        assert!(matches!(is_async(Some("Later")), Err(Failure::InvalidArgument(_))));
    }

    #[test]
    fn what_asks_the_platform_is_known_in_any_spelling() {
        for name in ["X-Fc-Invocation-Type", "x-fc-async-delay", "X-FC-ASYNC-TASK-ID"] {
            assert!(is_asking(name), "{name}");
        }
        assert!(!is_asking("x-fc-status") && !is_asking("x-other"));
    }
}
