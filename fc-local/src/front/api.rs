//! The InvokeFunction API as the vendor's SDK clients call it; any signature is accepted. How an event is
//! invoked is not known here.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use fc_runtime::{Request, Response};

use super::async_queue::AsyncQueue;
use super::caller::Caller;
use super::event::{self, Event, EventReply, MAX_ASYNC, MAX_SYNC};
use super::failure::Failure;
use super::limited_body::read_whole;
use crate::scaling::Platform;

const PREFIX: &str = "/2023-03-30/functions/";
const SUFFIX: &str = "/invocations";

pub struct Api {
    platform: Arc<Platform>,
    queue: AsyncQueue,
}

impl Api {
    pub fn new(platform: Arc<Platform>) -> Api {
        Api { queue: AsyncQueue::new(Arc::clone(&platform)), platform }
    }

    pub fn close(&self, timeout: Duration) {
        self.queue.close(timeout);
    }

    /// The function named by an InvokeFunction request; `None` for any other request.
    pub fn function_of<'r>(request: &Request<'r>) -> Option<&'r str> {
        let name = request.path().strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        (request.method() == "POST" && !name.is_empty() && !name.contains('/')).then_some(name)
    }

    pub fn invoke(
        &self,
        name: &str,
        request: &mut Request<'_>,
        request_id: &str,
    ) -> Result<Response, Failure> {
        let function = self.platform.function();
        if name != function.name {
            return Err(Failure::FunctionNotFound(name.to_owned()));
        }
        check_qualifier(request.query())?;
        let is_async = is_async(request.header("x-fc-invocation-type"))?;
        let wants_log = wants_log(request.header("x-fc-log-type"))?;
        let limit = if is_async { MAX_ASYNC } else { MAX_SYNC };
        let payload = read_whole(request, limit, function.timeout)?;
        if is_async {
            let task = request.header("x-fc-async-task-id").map(str::to_owned);
            self.queue.push(payload, request_id.to_owned(), task)?;
            return Ok(Response::new(202));
        }
        let caller = Caller::of(request);
        let caller_gone = || caller.has_gone();
        let event = Event { caller_gone: &caller_gone, ..Event::new(&payload, request_id) };
        let reply = event::invoke(&self.platform.scaler, &event)?;
        Ok(respond(reply, wants_log && function.concurrency == 1))
    }
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

/// Locally there is one version, LATEST, and no alias.
fn check_qualifier(query: Option<&str>) -> Result<(), Failure> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    match pairs.find(|(name, _)| *name == "qualifier") {
        None | Some((_, "" | "LATEST")) => Ok(()),
        Some((_, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Failure::VersionNotFound(version.to_owned()))
        }
        Some((_, alias)) => Err(Failure::AliasNotFound(alias.to_owned())),
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
    fn a_qualifier_names_the_latest_version_or_is_not_found() {
        for query in [None, Some(""), Some("a=b"), Some("qualifier="), Some("a=b&qualifier=LATEST")] {
            assert_eq!(check_qualifier(query), Ok(()), "{query:?}");
        }
        let not_found = |query| check_qualifier(Some(query)).expect_err(query);
        assert_eq!(not_found("qualifier=7"), Failure::VersionNotFound("7".to_owned()));
        assert_eq!(not_found("qualifier=prod"), Failure::AliasNotFound("prod".to_owned()));
        assert_eq!(not_found("qualifier=latest"), Failure::AliasNotFound("latest".to_owned()));
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
