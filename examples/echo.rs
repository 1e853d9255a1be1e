//! Streams every request's body back with its content type, in constant memory.

use fc_runtime::{Context, Request, Response};
use std::io;

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve_fn(echo)
}

fn echo(_: &Context, request: Request<'_>) -> anyhow::Result<Response> {
    let response = Response::stream(|body, out| {
        io::copy(body, out)?;
        Ok(())
    });
    Ok(match request.header("content-type") {
        Some(content_type) => response.with_header("content-type", content_type),
        None => response,
    })
}
