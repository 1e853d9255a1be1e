//! The InvokeFunction API as the vendor's SDK clients call it; any signature is accepted.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use fc_runtime::{Request, Response};

use crate::front::async_queue::Queue;
use crate::front::event::{self, EventAnswer, MAX_ASYNC, MAX_SYNC};
use crate::front::failure::Failure;
use crate::scaling::platform::Platform;

const PREFIX: &str = "/2023-03-30/functions/";
const SUFFIX: &str = "/invocations";

pub struct Api {
    platform: Arc<Platform>,
    queue: Queue,
}

impl Api {
    pub fn new(platform: Arc<Platform>) -> Api {
        Api { queue: Queue::new(Arc::clone(&platform)), platform }
    }

    pub fn close(&self, timeout: Duration) {
        self.queue.close(timeout);
    }

    /// The function named by an InvokeFunction request; `None` for any other request.
    pub fn target<'r>(&self, request: &Request<'r>) -> Option<&'r str> {
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
        qualifier(request.query())?;
        let asynchronous = match request.header("x-fc-invocation-type") {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("sync") => false,
            Some(text) if text.eq_ignore_ascii_case("async") => true,
            Some(other) => {
                return Err(Failure::InvalidArgument(format!(
                    "invocation type '{other}' is neither Sync nor Async"
                )));
            }
        };
        let wants_log = match request.header("x-fc-log-type") {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("none") => false,
            Some(text) if text.eq_ignore_ascii_case("tail") => true,
            Some(other) => {
                return Err(Failure::InvalidArgument(format!("log type '{other}' is neither None nor Tail")));
            }
        };
        let limit = if asynchronous { MAX_ASYNC } else { MAX_SYNC };
        let payload = read(request, limit)?;
        if asynchronous {
            let task = request.header("x-fc-async-task-id").map(str::to_owned);
            self.queue.push(payload, request_id.to_owned(), task)?;
            return Ok(Response::new(202));
        }
        let caller_gone = || request.peer_closed();
        let answer = event::invoke(&self.platform, &payload, request_id, 0, &caller_gone)?;
        Ok(respond(answer, wants_log && function.concurrency == 1))
    }
}

fn respond(answer: EventAnswer, with_log: bool) -> Response {
    let memory = answer.instance.memory.peak_mb();
    let mut response = Response::bytes(answer.body)
        .header("Content-Type", "application/octet-stream")
        .header("X-Fc-Invocation-Duration", answer.milliseconds.to_string())
        .header("X-Fc-Max-Memory-Usage", format!("{memory:.2}"))
        .header("X-Fc-Instance-Id", &answer.instance.id);
    if answer.failed {
        response = response.header("X-Fc-Error-Type", "UnhandledInvocationError");
    }
    if with_log {
        let log = base64::engine::general_purpose::STANDARD.encode(&answer.log);
        response = response.header("X-Fc-Log-Result", log);
    }
    response
}

/// Locally there is one version, LATEST, and no alias.
fn qualifier(query: Option<&str>) -> Result<(), Failure> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    match pairs.find(|(name, _)| *name == "qualifier") {
        None | Some((_, "" | "LATEST")) => Ok(()),
        Some((_, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Failure::VersionNotFound(version.to_owned()))
        }
        Some((_, alias)) => Err(Failure::AliasNotFound(alias.to_owned())),
    }
}

fn read(request: &mut Request<'_>, limit: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let too_large = || Failure::EntityTooLarge(format!("the event is over {limit} bytes"));
    if request.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut payload = Vec::new();
    request.take(limit + 1).read_to_end(&mut payload).map_err(|_| Failure::ClientClosed)?;
    if payload.len() as u64 > limit { Err(too_large()) } else { Ok(payload) }
}
