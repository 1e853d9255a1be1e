//! What the tests share: a server on a free port, and a client that sends and reads literal bytes.
//! Every wait has a watchdog; a client that fails shows all bytes of both directions.

mod port;

pub use port::reserved_port;

use fc_runtime::{Context, Error, Function, Request, Response, Server, ServerConfig, Stopper};
use std::env;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
pub const WATCHDOG: Duration = Duration::from_secs(30);

pub fn config() -> ServerConfig {
    ServerConfig::default().address(([127, 0, 0, 1], 0).into())
}

/// A server that is stopped at the end of its test.
pub struct TestServer {
    pub address: SocketAddr,
    pub stopper: Stopper,
    running: Option<JoinHandle<Result<(), Error>>>,
}

impl TestServer {
    pub fn start<I>(config: ServerConfig, invoke: I) -> TestServer
    where
        I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
    {
        TestServer::run(Server::bind_fn(config, invoke).unwrap())
    }

    pub fn start_function<F, I>(config: ServerConfig, initialize: I) -> TestServer
    where
        F: Function,
        I: Fn(&Context) -> anyhow::Result<F> + Send + Sync + 'static,
    {
        TestServer::run(Server::bind_with(config, initialize).unwrap())
    }

    fn run(server: Server) -> TestServer {
        let (address, stopper) = (server.local_addr(), server.stopper());
        TestServer { address, stopper, running: Some(thread::spawn(move || server.run())) }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Sends one request on a connection of its own and reads the response.
    pub fn request(&self, wire: impl AsRef<[u8]>) -> Reply {
        let mut client = self.client();
        client.send(wire);
        client.reply()
    }

    pub fn stop(mut self) -> Result<(), Error> {
        self.stopper.stop();
        self.join()
    }

    pub fn join(&mut self) -> Result<(), Error> {
        let running = self.running.take().expect("joined once");
        until("the server has stopped", || running.is_finished());
        running.join().expect("run does not panic")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stopper.stop();
        if self.running.is_some() && !thread::panicking() {
            self.join().expect("the server stops cleanly");
        }
    }
}

/// A response as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(": ")?;
            other.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

pub struct Client {
    pub stream: TcpStream,
    sent: Vec<u8>,
    received: Vec<u8>,
    read: usize,
    /// The next reply is one to HEAD.
    pub expects_no_body: bool,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, WATCHDOG).expect("connect");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        Client { stream, sent: Vec::new(), received: Vec::new(), read: 0, expects_no_body: false }
    }

    pub fn send(&mut self, wire: impl AsRef<[u8]>) {
        self.sent.extend_from_slice(wire.as_ref());
        if let Err(error) = self.stream.write_all(wire.as_ref()) {
            panic!("cannot send: {error}\n{}", self.scene());
        }
    }

    /// Sends as much as is taken before the server closes.
    pub fn try_send(&mut self, wire: &[u8]) -> std::io::Result<()> {
        self.sent.extend_from_slice(wire);
        self.stream.write_all(wire)
    }

    pub fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Reads one response, whatever its framing.
    pub fn reply(&mut self) -> Reply {
        let head = self.head();
        let status: u16 = head[9..12].parse().unwrap_or_else(|_| panic!("status\n{}", self.scene()));
        let mut reply = Reply { status, head, body: Vec::new() };
        if (100..200).contains(&status) || matches!(status, 204 | 304) || self.expects_no_body {
            return reply;
        }
        reply.body = if let Some(length) = reply.header("content-length") {
            let length = length.parse().expect("a length");
            self.take(length)
        } else if reply.header("transfer-encoding") == Some("chunked") {
            self.chunked()
        } else {
            self.rest()
        };
        reply
    }

    pub fn head(&mut self) -> String {
        let end = self.find(b"\r\n\r\n");
        let head = self.take(end);
        self.take(4);
        String::from_utf8(head).expect("an ASCII head")
    }

    /// One chunk's data; empty for the last.
    pub fn chunk(&mut self) -> Vec<u8> {
        let end = self.find(b"\r\n");
        let line = self.take(end);
        self.take(2);
        let digits = std::str::from_utf8(&line).expect("ASCII");
        let size =
            usize::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("chunk size\n{}", self.scene()));
        let data = self.take(size);
        assert_eq!(self.take(2), b"\r\n", "after a chunk\n{}", self.scene());
        data
    }

    fn chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return body;
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Everything until the server closes.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.receive() {}
        let rest = self.received[self.read..].to_vec();
        self.read = self.received.len();
        rest
    }

    /// The server has closed, and nothing comes that has not been read.
    pub fn assert_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more came before the close\n{}", self.scene());
    }

    /// Nothing has arrived yet.
    pub fn assert_silent(&mut self) {
        self.stream.set_nonblocking(true).unwrap();
        let read = self.stream.read(&mut [0; 1]);
        self.stream.set_nonblocking(false).unwrap();
        assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "{}", self.scene());
    }

    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < self.read + count {
            assert!(self.receive(), "the server closed early\n{}", self.scene());
        }
        self.read += count;
        self.received[self.read - count..self.read].to_vec()
    }

    fn find(&mut self, pattern: &[u8]) -> usize {
        loop {
            let unread = &self.received[self.read..];
            if let Some(at) = unread.windows(pattern.len()).position(|window| window == pattern) {
                return at;
            }
            assert!(self.receive(), "the server closed early\n{}", self.scene());
        }
    }

    fn receive(&mut self) -> bool {
        let mut space = [0; 64 * 1024];
        match self.stream.read(&mut space) {
            Ok(count) => {
                self.received.extend_from_slice(&space[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("cannot receive: {error}\n{}", self.scene()),
        }
    }

    /// Both directions, escaped.
    pub fn scene(&self) -> String {
        let show = |bytes: &[u8]| bytes[..bytes.len().min(4096)].escape_ascii().to_string();
        let (sent, received) = (show(&self.sent), show(&self.received));
        format!("--- sent\n{sent}\n--- received, {} bytes of it read\n{received}", self.read)
    }
}

/// Waits for something that has no event of its own.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < WATCHDOG, "not within {WATCHDOG:?}: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// A place where functions wait until the test lets them go on.
pub struct Gate {
    entered: Receiver<()>,
    go_on: Sender<()>,
}

/// The function's side of a gate.
#[derive(Clone)]
pub struct Passage {
    entered: Sender<()>,
    go_on: crossbeam_channel::Receiver<()>,
}

pub fn gate() -> (Gate, Passage) {
    let (entered, has_entered) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let (relay, relayed) = crossbeam_channel::unbounded();
    thread::spawn(move || may_go_on.iter().try_for_each(|()| relay.send(())));
    (Gate { entered: has_entered, go_on }, Passage { entered, go_on: relayed })
}

impl Gate {
    /// Waits until `count` more calls stand at the gate.
    pub fn wait_for(&self, count: usize) {
        for number in 0..count {
            match self.entered.recv_timeout(WATCHDOG) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => panic!("only {number} of {count} calls at the gate"),
                Err(RecvTimeoutError::Disconnected) => panic!("the function is gone"),
            }
        }
    }

    pub fn nobody_is_there(&self) -> bool {
        self.entered.try_recv().is_err()
    }

    pub fn let_go(&self, count: usize) {
        for _ in 0..count {
            self.go_on.send(()).unwrap();
        }
    }
}

impl Passage {
    pub fn pass(&self) {
        let _ = self.entered.send(()); // the test may be over
        let _ = self.go_on.recv_timeout(WATCHDOG);
    }
}

/// An example of this crate as a process on a free port.
pub struct Process {
    pub child: Child,
    pub port: u16,
}

impl Process {
    pub fn start(example: &str, variables: &[(&str, &str)]) -> Process {
        let port = reserved_port();
        let child = example_command(example)
            .env("PORT", port.to_string())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut process = Process { child, port };
        until("the example listens", || {
            assert!(process.child.try_wait().unwrap().is_none(), "the example has ended");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        process
    }

    pub fn client(&self) -> Client {
        Client::connect(([127, 0, 0, 1], self.port).into())
    }

    pub fn request(&self, wire: impl AsRef<[u8]>) -> Reply {
        let mut client = self.client();
        client.send(wire);
        client.reply()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end; returns the exit code, standard output and standard error.
    pub fn end(mut self) -> (Option<i32>, String, String) {
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let read = |mut from: Box<dyn Read + Send>| {
            thread::spawn(move || {
                let mut text = String::new();
                from.read_to_string(&mut text).expect("text");
                text
            })
        };
        let out = read(Box::new(out.unwrap()));
        let err = read(Box::new(err.unwrap()));
        until("the process has ended", || self.child.try_wait().unwrap().is_some());
        let code = self.child.wait().unwrap().code();
        (code, out.join().unwrap(), err.join().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

/// An example of the library as cargo has built it beside this test; built now if it was left out.
pub fn example_path(example: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows where it is");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = profile.join("examples").join(example);
    if !path.exists() {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.args(["build", "--quiet", "--package", "fc-runtime", "--example", example]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success(), "the example {example} builds");
    }
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    path
}

/// The same as a command, without what this process has in its environment of the platform's.
pub fn example_command(example: &str) -> Command {
    let mut command = Command::new(example_path(example));
    for name in ["FC_CUSTOM_LISTEN_PORT", "FC_SERVER_PORT", "K_SERVICE", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// A request with a body of known length.
pub fn post(path: &str, body: &str) -> String {
    let mut wire = String::new();
    write!(wire, "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    wire
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}
