//! InvokeFunction: one event, at once or later. How a function is found is not known here.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use fc_runtime::{Request, Response};

use crate::front::async_queue::New;
use crate::front::caller::Caller;
use crate::front::event::{self, Event, EventReply, MAX_ASYNC, MAX_SYNC};
use crate::front::failure::Failure;
use crate::front::limited_body::read_whole;
use crate::front::served::Served;
use crate::function::Function;
use crate::log::excerpt;

/// How a caller names a task, in FC 3.0 and in FC 2.0.
const TASK_ID_FIELDS: [&str; 2] = ["x-fc-async-task-id", "x-fc-stateful-async-invocation-id"];

/// The platform's limits: characters of a task's id, and seconds of a delay.
const MAX_TASK_ID: usize = 128;
const MAX_DELAY: u64 = 3600;

pub fn invoke(
    served: &Served,
    function: &Function,
    request: &mut Request<'_>,
    request_id: &str,
) -> Result<Response, Failure> {
    let is_async = is_async(request.header("x-fc-invocation-type"))?;
    let wants_log = wants_log(request.header("x-fc-log-type"))?;
    let limit = if is_async { MAX_ASYNC } else { MAX_SYNC };
    let payload = read_whole(request, limit, function.timeout)?;
    if is_async {
        let id = TASK_ID_FIELDS.iter().find_map(|name| request.header(name)).filter(|id| !id.is_empty());
        let id = id.map(|id| check_task_id(id).map(|()| id.to_owned())).transpose()?;
        let delay = delay(request.header("x-fc-async-delay"))?;
        served.queue.push(New { id, delay, ..New::event(payload, request_id.to_owned()) })?;
        return Ok(Response::new(202));
    }
    let event = Event { caller: Arc::new(Caller::of(request)), ..Event::new(&payload, request_id) };
    let reply = event::invoke(&served.platform.scaler, &event)?;
    Ok(respond(reply, wants_log && function.concurrency == 1))
}

fn respond(reply: EventReply, with_log: bool) -> Response {
    let memory = reply.instance.memory.peak_mb();
    let mut response = Response::bytes(reply.body)
        .with_header("Content-Type", "application/octet-stream")
        .with_header("X-Fc-Invocation-Duration", reply.milliseconds.to_string())
        .with_header("X-Fc-Max-Memory-Usage", format!("{memory:.2}"))
        .with_header("X-Fc-Instance-Id", &reply.instance.id);
    if reply.failed {
        response = response.with_header("X-Fc-Error-Type", "UnhandledInvocationError");
    }
    if with_log {
        let log = base64::engine::general_purpose::STANDARD.encode(&reply.log);
        response = response.with_header("X-Fc-Log-Result", log);
    }
    response
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

fn wants_log(log_type: Option<&str>) -> Result<bool, Failure> {
    match log_type {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("none") => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("tail") => Ok(true),
        Some(other) => Err(Failure::InvalidArgument(format!("log type '{other}' is neither None nor Tail"))),
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
        assert_eq!(
            [wants_log(None), wants_log(Some("none")), wants_log(Some("Tail"))],
            [Ok(false), Ok(false), Ok(true)]
        );
        assert!(matches!(is_async(Some("Later")), Err(Failure::InvalidArgument(_))));
        assert!(matches!(wants_log(Some("Head")), Err(Failure::InvalidArgument(_))));
    }
}
