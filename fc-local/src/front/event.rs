//! One event invocation, `POST /invoke`, or an HTTP call that is made later, and its whole reply. Who asked for it is not known here.

use std::net::IpAddr;
use std::sync::Arc;

use super::failure::{CallKind, Failure};
use super::invocation::{self, Invocation, NotAnswered};
use crate::instance::client::{Recipient, RequestBody, Stays};
use crate::instance::{Instance, headers};
use crate::log::billed;
use crate::record::{Ended, NewCall};
use crate::scaling::Scaler;

/// The platform's limits for an event, in bytes.
pub const MAX_SYNC: u64 = 32 * 1024 * 1024;
pub const MAX_ASYNC: u64 = 128 * 1024;

/// An HTTP call that is made later, without its body.
pub struct LateCall {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub fields: Vec<(String, Vec<u8>)>,
    /// Where it came from.
    pub client: Option<IpAddr>,
}

impl LateCall {
    /// What it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.method.len() + self.target.len() + fields
    }
}

/// An event, and who waits for its reply.
pub struct Event<'a> {
    pub payload: &'a [u8],
    pub request_id: &'a str,
    /// What is asked for in its place: the payload is the body of that.
    pub call: Option<&'a LateCall>,
    /// How often it was tried before.
    pub retries: u32,
    pub caller: Arc<dyn Recipient>,
    /// What it is when its caller goes.
    pub gone: Failure,
    /// Told of the instance that gets it, or calls it off.
    pub begin: &'a dyn Fn(&Instance) -> Result<(), Failure>,
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
            call: None,
            retries: 0,
            caller: Arc::new(Stays),
            gone: Failure::ClientClosed,
            begin: &|_| Ok(()),
            trigger: "api",
        }
    }
}

/// Sends one event to the function and reads its whole reply: events do not stream.
pub fn invoke(scaler: &Scaler, event: &Event<'_>) -> Result<EventReply, NotAnswered> {
    let head = |instance: &Instance| {
        let mut headers = instance.common_headers.clone();
        headers::append(&mut headers, "x-fc-retry-count", event.retries.to_string().as_bytes());
        let Some(call) = event.call else {
            return headers::request("POST", "/invoke", Some("/invoke"), event.request_id, &headers);
        };
        let fields = call.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        headers::forwarded(&call.method, &call.target, fields, call.client, event.request_id, &headers)
    };
    let (method, path) = event.call.map_or(("POST", "/invoke"), |call| (&*call.method, &*call.target));
    let title = event.call.map_or("event".to_owned(), |call| {
        let path = call.target.split('?').next().unwrap_or_default();
        format!("{} {path}", call.method)
    });
    let function = &scaler.function().name;
    let Event { request_id, trigger, retries, .. } = *event;
    let call = NewCall { request_id, function, trigger, method, path, retries };
    let has_gone = || event.caller.has_gone();
    let (ticket, recorded) = invocation::acquire(scaler, &has_gone, &call, (CallKind::Event, 200))?;
    if let Err(failure) = (event.begin)(&ticket.instance) {
        let (refusal, text) = (failure.refusal(CallKind::Event, request_id, 200), failure.to_string());
        let failed = Some((refusal.code, text.as_str()));
        recorded.refuse(&Ended { status: refusal.status, failure: failed, ..Ended::default() });
        return Err(NotAnswered { failure, after: None });
    }
    let invocation = Invocation {
        kind: CallKind::Event,
        request_id: event.request_id,
        title,
        head: &head,
        body: RequestBody::Bytes(event.payload),
        caller: Arc::clone(&event.caller),
        timeout_status: 200,
        gone: event.gone.clone(),
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
