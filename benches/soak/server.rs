//! The served half: the same program again as a process of its own, with everything a function can be asked for here.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use fc_runtime::{Context, Error, Function, Request, Response};

use harness::{Build, Client, GET, Running, Sample, Server, Usage};

/// Tells the program that it is the server.
pub const SERVE: &str = "serve";
/// Longer than anything takes that is not broken.
const WATCHDOG: Duration = Duration::from_secs(60);
/// How long the call takes that is slow once in a thousand.
const SLOW: Duration = Duration::from_millis(30);
/// Larger than what all buffers on the way take.
const LARGE: u64 = 64 * 1024 * 1024;

pub fn serve() -> Result<(), Error> {
    fc_runtime::logger::init();
    fc_runtime::serve::<Subject>()
}

struct Subject {
    calls: AtomicU64,
}

impl Function for Subject {
    fn initialize(_: &Context) -> anyhow::Result<Self> {
        Ok(Subject { calls: AtomicU64::new(0) })
    }

    fn invoke(&self, _: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        match request.path() {
            "/now-and-then" if self.calls.fetch_add(1, Ordering::Relaxed) % 1000 == 999 => {
                thread::sleep(SLOW);
                Ok("slow".into())
            }
            "/echo" => Ok(Response::stream(|body, out| Ok(io::copy(body, out).map(drop)?))),
            "/large" => Ok(Response::reader(io::repeat(b'x').take(LARGE), Some(LARGE))),
            "/second" => {
                thread::sleep(Duration::from_secs(1));
                Ok("done".into())
            }
            "/block" => loop {
                thread::park();
            },
            _ => Ok("Hello, World!".into()),
        }
    }
}

pub fn start() -> io::Result<Running> {
    start_by("exec \"$0\" serve")
}

/// Starts the server by a line of shell, in which `$0` is this program.
pub fn start_by(shell: &str) -> io::Result<Running> {
    let program = env::current_exe()?.display().to_string();
    let server = Server::new("soak", Build::Own, "/bin/sh".into())
        .with_arguments(vec!["-c".into(), shell.into(), program])
        .with_environment("LIFECYCLE_MARKS", "off")
        .with_environment("RUST_LOG", "warn");
    Running::start(&server)
}

/// How many microseconds it takes to connect and be answered, again and again.
pub fn newcomers(port: u16, count: usize) -> io::Result<Sample> {
    let newcomer = |_| {
        let began = Instant::now();
        Client::connect(port, 0)?.timed(GET)?;
        Ok(began.elapsed().as_secs_f64() * 1e6)
    };
    (0..count).map(newcomer).collect()
}

/// Returns what the server used when the condition came true.
pub fn wait_until(server: &mut Running, what: &str, condition: impl Fn(&Usage) -> bool) -> io::Result<Usage> {
    let began = Instant::now();
    while server.end().is_none() && began.elapsed() < WATCHDOG {
        let usage = server.usage();
        if condition(&usage) {
            return Ok(usage);
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    Err(io::Error::other(format!("not in time, or the server has ended: {what}")))
}
