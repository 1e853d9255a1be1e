//! What `hello` asks of the kernel, counted by strace, held by bounds that are a little above what is measured.

use harness::strace::{self, Trace};
use harness::{Build, Server};
use std::io::{self, Write};
use support::example_path;

/// From the Rust runtime's first call; what the loader does before is not this library's. Measured: 54.
const TO_FIRST_RESPONSE: usize = 56;
/// For a hundred requests: receive, send, wait, now and then a waiting worker's. Measured: 312 to 316, 16 of a thread's start.
const PER_HUNDRED_REQUESTS: usize = 325;
/// The fewest of some runs count: how far a second thread has come when the response is sent is chance.
const RUNS: usize = 5;

#[test]
fn the_first_response_takes_no_more_system_calls_than_it_did() {
    let Some(traces) = record(1) else { return };
    let calls = fewest(traces.iter().map(|trace| after_the_loader(trace.to_first_response())));
    assert!(calls.len() <= TO_FIRST_RESPONSE, "{} calls: {}", calls.len(), calls.join(" "));
    assert!(calls.len() > 10, "that is not a server's start: {}", calls.join(" "));
}

#[test]
fn a_kept_connection_takes_no_more_system_calls_per_request_than_it_did() {
    let Some(traces) = record(101) else { return };
    assert!(traces.iter().all(|trace| trace.responses.len() == 101), "every response is one call");
    let calls = fewest(traces.iter().map(Trace::between_responses));
    let (count, shown) = (calls.len(), calls[..calls.len().min(40)].join(" "));
    assert!(count <= PER_HUNDRED_REQUESTS, "{count} calls for 100 requests: {shown} …");
    assert!(count >= 200, "a request takes at least a read and a write: {shown}");
}

/// Some runs of the example, or none and a visible word where tracing is not possible.
fn record(requests: usize) -> Option<Vec<Trace>> {
    if let Err(why) = strace::available() {
        let _ = writeln!(io::stderr(), "skipped, no system calls are counted: {why}"); // nobody reads it then
        return None;
    }
    let hello = Server::new("fc-runtime", Build::Dynamic, example_path("hello"));
    let hello = hello.with_environment("FCRT_LIFECYCLE_LINES", "off");
    Some((0..RUNS).map(|_| strace::record(&hello, requests).expect("hello answers below strace")).collect())
}

fn fewest<'a>(runs: impl Iterator<Item = &'a [String]>) -> &'a [String] {
    runs.min_by_key(|calls| calls.len()).expect("there is at least one run")
}

/// The calls from the Rust runtime's first on, which looks at the standard descriptors.
fn after_the_loader(calls: &[String]) -> &[String] {
    let start = calls.iter().position(|call| call == "poll").unwrap_or(0);
    &calls[start..]
}
