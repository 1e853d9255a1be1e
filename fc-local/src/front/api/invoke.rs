//! InvokeFunction: one event, at once or later. How a function is found is not known here.

use std::sync::Arc;

use base64::Engine as _;
use fc_runtime::{Request, Response};

use crate::front::caller::Caller;
use crate::front::event::{self, Event, EventReply, MAX_ASYNC, MAX_SYNC};
use crate::front::failure::Failure;
use crate::front::limited_body::read_whole;
use crate::front::served::Served;
use crate::function::Function;

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
        let task = request.header("x-fc-async-task-id").map(str::to_owned);
        served.queue.push(payload, request_id.to_owned(), task)?;
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
