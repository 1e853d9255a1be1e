//! One event invocation: POST /invoke, and its whole answer. Who asked for it is not known here.

use std::sync::Arc;

use crate::front::failure::{CallKind, Failure};
use crate::front::invocation::{self, Call};
use crate::instance::Instance;
use crate::instance::client::{RequestBody, RequestHead};
use crate::instance::headers;
use crate::log::milliseconds;
use crate::scaling::platform::Platform;

/// The platform's limits for an event.
pub const MAX_SYNC: u64 = 32 * 1024 * 1024;
pub const MAX_ASYNC: u64 = 128 * 1024;

/// An event's outcome as the platform reports it.
pub struct EventAnswer {
    pub body: Vec<u8>,
    pub failed: bool,
    pub instance: Arc<Instance>,
    pub milliseconds: u64,
    pub log: Vec<u8>,
}

/// Sends one event to the function and reads its whole answer: events do not stream.
pub fn invoke(
    platform: &Platform,
    event: &[u8],
    request_id: &str,
    attempt: u32,
    caller_gone: &dyn Fn() -> bool,
) -> Result<EventAnswer, Failure> {
    let head = |instance: &Instance| {
        let mut common = instance.common_headers.clone();
        common.extend_from_slice(format!("x-fc-retry-count: {attempt}\r\n").as_bytes());
        headers::request("POST", "/invoke", Some("/invoke"), request_id, &common)
    };
    let call = Call {
        kind: CallKind::Event,
        request_id,
        title: "event".to_owned(),
        body: RequestBody::Bytes(event),
        caller_gone,
        head: &head as &dyn Fn(&Instance) -> RequestHead,
    };
    let mut answer = invocation::invoke(&platform.scaler, call)?;
    let body = answer.body.read_all(MAX_SYNC)?;
    let failed = headers::failure_status(&answer.headers).is_some();
    Ok(EventAnswer {
        body,
        failed,
        // A call of under a millisecond is billed as one.
        milliseconds: (milliseconds(answer.started.elapsed()).ceil() as u64).max(1),
        log: answer.instance.process.output.since(answer.output_position),
        instance: answer.instance,
    })
}
