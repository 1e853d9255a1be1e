//! A function of ours with everything that no example has, served by the benchmark's own program as another process.

use crate::{Build, Server};
use fc_runtime::{Context, Request, Response};
use log::{LevelFilter, Log, Metadata, Record};
use std::io::{self, Read};
use std::panic::{panic_any, set_hook};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fmt, thread, time::Duration};

/// Tells the program that it is the server.
const SERVE: &str = "serve";
/// What a shell does first to have all lines lost in a logger that panics.
pub const WITH_PANICKING_LOGGER: &str = "export SOAK_LOGGER=panics";
/// Larger than what all buffers on the way take.
const LARGE: u64 = 64 * 1024 * 1024;

pub fn server() -> io::Result<Server> {
    let mut server = Server::new("fc-runtime", Build::Dynamic, env::current_exe()?);
    server.arguments = vec![SERVE.into()];
    Ok(server.with_environment("FCRT_LIFECYCLE_LINES", "off").with_environment("RUST_LOG", "warn"))
}

/// Serves to the end of the process if it was started to do so.
pub fn serve_if_told() {
    if env::args().nth(1).is_none_or(|argument| argument != SERVE) {
        return;
    }
    if env::var_os("SOAK_LOGGER").is_some() && log::set_logger(&PANICKING_LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Warn);
        set_hook(Box::new(|_| ())); // there are thousands of them
    }
    fc_runtime::logger::init();
    fc_runtime::serve_fn(invoke)
}

fn invoke(_: &Context, request: Request<'_>) -> anyhow::Result<Response> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    log::info!("a call of {}", request.path());
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
        "/slow-drop" => {
            let dropped = || thread::sleep(Duration::from_millis(800));
            return Ok(Response::reader(Unruly { asked: || (), dropped }, None));
        }
        "/error" => return Err(Unruly { asked: || (), dropped: panics }.into()),
        "/error-panics" => return Err(Unruly { asked: panics, dropped: panics }.into()),
        "/panic" => panic_any(Unruly { asked: panics, dropped: panics }),
        "/reader" => return Ok(Response::reader(Unruly { asked: || (), dropped: panics }, None)),
        "/reader-panics" => return Ok(Response::reader(Unruly { asked: panics, dropped: panics }, None)),
        _ => {}
    }
    Ok("Hello, World!".into())
}

/// An error, a reader or a logger at its worst: it fails, having done as told, and does as told when it goes.
#[derive(Debug)]
struct Unruly {
    asked: fn(),
    dropped: fn(),
}

static PANICKING_LOGGER: Unruly = Unruly { asked: panics, dropped: panics };

fn panics() {
    panic!("as told");
}

impl fmt::Display for Unruly {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.asked)();
        Err(fmt::Error)
    }
}

impl std::error::Error for Unruly {}

impl Read for Unruly {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        (self.asked)();
        Err(io::Error::other(Unruly { asked: self.asked, dropped: panics }))
    }
}

impl Log for Unruly {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &Record<'_>) {
        (self.asked)();
    }

    fn flush(&self) {}
}

impl Drop for Unruly {
    fn drop(&mut self) {
        (self.dropped)();
    }
}
