//! One event invocation: `POST /invoke`, and its whole reply. Who asked for it is not known here.

use std::sync::Arc;

use super::failure::CallKind;
use super::invocation::{self, Invocation, NotAnswered};
use crate::instance::client::{Recipient, RequestBody, Stays};
use crate::instance::{Instance, headers};
use crate::log::billed;
use crate::record::NewCall;
use crate::scaling::{Scaler, WhenFull};

/// The platform's limits for an event, in bytes.
pub const MAX_SYNC: u64 = 32 * 1024 * 1024;
pub const MAX_ASYNC: u64 = 128 * 1024;

/// An event, and who waits for its reply.
pub struct Event<'a> {
    pub payload: &'a [u8],
    pub request_id: &'a str,
    /// How often it was tried before.
    pub retries: u32,
    pub caller: Arc<dyn Recipient>,
    pub when_full: WhenFull<'a>,
    /// What made it: `api`, `async`, or a trigger's type.
    pub trigger: &'static str,
}

/// An event's reply as the platform reports it.
pub struct EventReply {
    pub body: Vec<u8>,
    pub failed: bool,
    pub instance: Arc<Instance>,
    /// What is billed.
    pub milliseconds: u64,
    /// What the function printed meanwhile, the end of it.
    pub log: Vec<u8>,
}

impl<'a> Event<'a> {
    /// An event tried once, whose caller stays.
    pub fn new(payload: &'a [u8], request_id: &'a str) -> Event<'a> {
        Event {
            payload,
            request_id,
            retries: 0,
            caller: Arc::new(Stays),
            when_full: WhenFull::Refuse,
            trigger: "api",
        }
    }
}

/// Sends one event to the function and reads its whole reply: events do not stream.
pub fn invoke(scaler: &Scaler, event: &Event<'_>) -> Result<EventReply, NotAnswered> {
    let head = |instance: &Instance| {
        let mut headers = instance.common_headers.clone();
        headers::append(&mut headers, "x-fc-retry-count", event.retries.to_string().as_bytes());
        headers::request("POST", "/invoke", Some("/invoke"), event.request_id, &headers)
    };
    let function = &scaler.function().name;
    let Event { request_id, trigger, retries, .. } = *event;
    let call = NewCall { request_id, function, trigger, method: "POST", path: "/invoke", retries };
    let has_gone = || event.caller.has_gone();
    let (ticket, recorded) =
        invocation::acquire(scaler, event.when_full, &has_gone, &call, (CallKind::Event, 200))?;
    let invocation = Invocation {
        kind: CallKind::Event,
        request_id: event.request_id,
        title: "event".to_owned(),
        head: &head,
        body: RequestBody::Bytes(event.payload),
        caller: Arc::clone(&event.caller),
        timeout_status: 200,
        recorded,
    };
    let mut reply = invocation::invoke(ticket, invocation)?;
    let body = reply.body.read_all(MAX_SYNC).map_err(|failure| reply.not_answered(failure))?;
    Ok(EventReply {
        body,
        failed: headers::failure_status(&reply.headers).is_some(),
        milliseconds: billed(reply.started.elapsed()),
        log: reply.instance.process.output.since(reply.output_position),
        instance: reply.instance,
    })
}
