//! InvokeFunction: one event, at once or later. How a function is found is not known here.

use std::sync::Arc;

use base64::Engine as _;
use fc_runtime::{Request, Response};

use crate::front::async_queue::New;
use crate::front::caller::Caller;
use crate::front::event::{self, Event, EventReply, MAX_ASYNC, MAX_SYNC};
use crate::front::failure::Failure;
use crate::front::later::{self, Later};
use crate::front::limited_body::read_whole;
use crate::front::served::Served;
use crate::function::Function;

pub fn invoke(
    served: &Served,
    function: &Function,
    request: &mut Request<'_>,
    request_id: &str,
) -> Result<Response, Failure> {
    let later = later::asked(request)?;
    let wants_log = wants_log(request.header("x-fc-log-type"))?;
    let limit = if later.is_some() { MAX_ASYNC } else { MAX_SYNC };
    let payload = read_whole(request, limit, function.timeout)?;
    if let Some(Later { id, delay }) = later {
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
            [wants_log(None), wants_log(Some("none")), wants_log(Some("Tail"))],
            [Ok(false), Ok(false), Ok(true)]
        );
        assert!(matches!(wants_log(Some("Head")), Err(Failure::InvalidArgument(_))));
    }
}
