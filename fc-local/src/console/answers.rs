//! What the console knows, as JSON: status, instances, invocations, log lines, samples. What came of a call is not decided
//! here, nor how it is recorded.

use std::process;

use fc_runtime::{Request, Response};
use serde_json::json;

use super::detail::{self, Detail};
use super::query;
use super::refusal::{Refusal, json};
use super::served::Served;
use crate::record::{Invocation, MAX_INVOCATIONS, MAX_LOG_BYTES};

/// Log lines that one answer has at the most.
const MAX_LINES: usize = 10_000;

pub fn status(served: &Served) -> Response {
    let names: Vec<String> =
        served.functions.iter().map(|one| one.platform.function().name.clone()).collect();
    json(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": process::id(),
        "now": served.recorder.now(),
        "console": format!("http://{}/", served.address),
        "functions": names,
        "record": served.recorder.overview(),
        "limits": { "invocations": MAX_INVOCATIONS, "log_bytes": MAX_LOG_BYTES },
    }))
}

pub fn instances(served: &Served, request: &Request<'_>) -> Result<Response, Refusal> {
    let lives = query::switch(request, "living")?;
    let seq = served.recorder.seq(); // first, as below
    let mut all = served.recorder.instances();
    all.retain(|instance| !lives || instance.ended_at.is_none());
    Ok(json(&json!({ "seq": seq, "instances": all })))
}

pub fn invocations(served: &Served, request: &Request<'_>) -> Result<Response, Refusal> {
    let limit = query::limit(request, 100, MAX_INVOCATIONS)?;
    let before = query::number(request, "before", u64::MAX)?;
    let (function, request_id) = (query::text(request, "function"), query::text(request, "request_id"));
    let failed = query::switch(request, "failed")?;
    let trace_id = query::text(request, "trace_id");
    let is_of_trace = |key: u64, id: &str| {
        let found = served.recorder.invocation(key).and_then(|(_, details)| detail::trace(&details?));
        found.is_some_and(|trace| trace.trace_id == id)
    };
    // Asked for first: what changes meanwhile is told again to whoever follows from here.
    let seq = served.recorder.seq();
    let is_asked = |one: &Invocation| {
        function.as_deref().is_none_or(|name| *one.function == *name)
            && request_id.as_deref().is_none_or(|id| *one.request_id == *id)
            && (!failed || one.has_failed())
            && trace_id.as_deref().is_none_or(|id| is_of_trace(one.key, id))
    };
    let found = served.recorder.invocations(before, MAX_INVOCATIONS).into_iter().filter(is_asked).take(limit);
    let found: Vec<Invocation> = found.collect();
    Ok(json(&json!({ "seq": seq, "invocations": found })))
}

pub fn invocation(served: &Served, key: u64) -> Result<Response, Refusal> {
    let (invocation, details) = served.recorder.invocation(key).ok_or_else(|| not_kept(key))?;
    let id = invocation.instance.clone().filter(|_| invocation.cold);
    let instance = id.and_then(|id| served.recorder.instances().into_iter().find(|one| one.id == id));
    let cold_start = instance.map(|instance| instance.cold_start).unwrap_or_default();
    Ok(json(&Detail::of(invocation, details.as_ref(), cold_start)))
}

pub fn not_kept(key: u64) -> Refusal {
    Refusal::new(404, format!("there is no invocation {key}, or it has made room for newer ones"))
}

pub fn logs(served: &Served, request: &Request<'_>) -> Result<Response, Refusal> {
    let limit = query::limit(request, 1_000, MAX_LINES)?;
    let before = query::number(request, "before", u64::MAX)?;
    let wanted = query::wanted(request)?;
    let seq = served.recorder.seq();
    let lines = served.recorder.lines(&wanted, before.min(seq.saturating_add(1)), limit);
    Ok(json(&json!({ "seq": seq, "lines": lines })))
}

pub fn samples(served: &Served, request: &Request<'_>) -> Result<Response, Refusal> {
    let from = query::number(request, "from", 0)?;
    Ok(json(&json!({ "now": served.recorder.now(), "samples": served.recorder.samples(from) })))
}
