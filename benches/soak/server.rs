//! The served half: the same program again as a process of its own, with everything a function can
//! be asked for here, and what the system knows of that process.

use fc_runtime::{Context, Error, Function, Request, Response};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use support::reserved_port;

/// Tells the program that it is the server.
pub const SERVE: &str = "serve";

/// How long the call takes that is slow once in a thousand.
pub const SLOW: Duration = Duration::from_millis(30);

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

/// What the system says of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub threads: u64,
    pub resident_kib: u64,
    pub descriptors: u64,
}

pub struct ServerProcess {
    child: Child,
    pub address: SocketAddr,
    log: fs::File,
}

impl ServerProcess {
    pub fn start() -> io::Result<ServerProcess> {
        ServerProcess::start_with("exec \"$0\" serve", &[])
    }

    /// Starts the server through a line of shell, in which `$0` is this program.
    pub fn start_with(shell: &str, variables: &[(&str, &str)]) -> io::Result<ServerProcess> {
        let port = reserved_port();
        let path = env::temp_dir().join(format!("fc-runtime-soak-{port}.log"));
        let log = fs::File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
        fs::remove_file(&path)?; // it lives as long as it is open
        let child = Command::new("sh")
            .args(["-c", shell])
            .arg(env::current_exe()?)
            .env("PORT", port.to_string())
            .env("LIFECYCLE_MARKS", "off")
            .env("RUST_LOG", "warn")
            .envs(variables.iter().copied())
            .stdout(log.try_clone()?)
            .spawn()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = ServerProcess { child, address, log };
        server.wait_until("listening", |server| {
            assert!(server.is_alive(), "the server has ended");
            TcpStream::connect(address).is_ok()
        });
        Ok(server)
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn wait_until(&mut self, what: &str, mut condition: impl FnMut(&mut ServerProcess) -> bool) {
        let began = Instant::now();
        while !condition(self) {
            assert!(began.elapsed() < crate::client::WATCHDOG, "not in time: {what}");
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    pub fn usage(&self) -> io::Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        let descriptors = fs::read_dir(format!("{folder}/fd"))?.count() as u64;
        Ok(Usage { threads: number("Threads:"), resident_kib: number("VmRSS:"), descriptors })
    }

    /// Everything the server has logged.
    pub fn log(&mut self) -> io::Result<String> {
        use std::io::Seek;
        let mut text = String::new();
        let mut log = self.log.try_clone()?;
        log.rewind()?;
        log.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}
