//! Sends server-sent events, one every 100 ms: as many as the query's `count`, or ten.

use fc_runtime::{Context, Error, Request, Response};
use std::io::Write;
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Error> {
    fc_runtime::logger::init();
    fc_runtime::serve_fn(events)
}

fn events(_: &Context, request: Request<'_>) -> anyhow::Result<Response> {
    let asked = request.query().and_then(|query| query.strip_prefix("count="));
    let count: u32 = asked.map_or(Ok(10), str::parse)?;
    let response = Response::stream(move |_, out| {
        for number in 1..=count {
            // A client that has gone away ends the loop.
            write!(out, "id: {number}\ndata: tick\n\n")?;
            out.flush()?;
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    Ok(response.header("content-type", "text/event-stream").header("cache-control", "no-store"))
}
