//! Sends server-sent events, one every 100 ms: as many as the query's `count`, or ten.

use fc_runtime::{Context, Request, Response, StatusError};
use std::io::Write;
use std::thread;
use std::time::Duration;

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve_fn(events)
}

fn events(_: &Context, request: Request<'_>) -> anyhow::Result<Response> {
    let count: u32 = match request.query_value("count") {
        Some(count) => count.parse().map_err(|_| StatusError::new(400, "count: expected a whole number"))?,
        None => 10,
    };
    let response = Response::stream(move |_, out| {
        for number in 1..=count {
            // A client that has gone away ends the loop.
            write!(out, "id: {number}\ndata: tick\n\n")?;
            out.flush()?;
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    Ok(response.with_header("content-type", "text/event-stream").with_header("cache-control", "no-store"))
}
