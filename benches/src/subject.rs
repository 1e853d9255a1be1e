//! A function of ours with everything that no example has, served by the benchmark's own program as another process.

use std::env;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fc_runtime::{Context, Request, Response};

use crate::{Build, Server};

/// Tells the program that it is the server.
const SERVE: &str = "serve";
/// Larger than what all buffers on the way take.
const LARGE: u64 = 64 * 1024 * 1024;

pub fn server() -> io::Result<Server> {
    let mut server = Server::new("fc-runtime", Build::Dynamic, env::current_exe()?);
    server.arguments = vec![SERVE.into()];
    Ok(server.with_environment("FCRT_LIFECYCLE_LINES", "off").with_environment("RUST_LOG", "warn"))
}

/// Serves to the end of the process if it was started to do so.
pub fn serve_if_told() {
    if env::args().nth(1).is_some_and(|argument| argument == SERVE) {
        fc_runtime::logger::init();
        fc_runtime::serve_fn(invoke)
    }
}

fn invoke(_: &Context, request: Request<'_>) -> anyhow::Result<Response> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    match request.path() {
        "/now-and-then" if CALLS.fetch_add(1, Ordering::Relaxed) % 1000 == 999 => {
            thread::sleep(Duration::from_millis(30));
            return Ok("slow".into());
        }
        "/echo" => return Ok(Response::stream(|body, out| Ok(io::copy(body, out).map(drop)?))),
        "/large" => return Ok(Response::reader(io::repeat(b'x').take(LARGE), Some(LARGE))),
        "/sleep" => thread::sleep(Duration::from_millis(100)),
        "/second" => thread::sleep(Duration::from_secs(1)),
        "/block" => loop {
            thread::park();
        },
        _ => {}
    }
    Ok("Hello, World!".into())
}
