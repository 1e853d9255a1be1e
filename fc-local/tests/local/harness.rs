//! Starts fc-local with a function, calls it, and waits for what must happen. Every wait has a watchdog.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{example_path, reserved_port};

pub const WATCHDOG: Duration = Duration::from_secs(30);

/// The one place that polls: until `condition` holds.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + WATCHDOG;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "did not happen within {WATCHDOG:?}: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// A directory that goes with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static COUNTER: AtomicU16 = AtomicU16::new(0);
        let name =
            format!("fc-local-test-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a scratch directory");
        Scratch(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("a writable directory");
        self.path(name)
    }

    /// A fifo that lets one reader pass for every byte written.
    pub fn gate(&self, name: &str) -> Gate {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        // Open for both, so that neither side waits for the other to open it.
        let file = File::options().read(true).write(true).open(&path).expect("the fifo");
        Gate { path, file }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub struct Gate {
    pub path: String,
    file: File,
}

impl Gate {
    pub fn let_pass(&self, count: usize) {
        (&self.file).write_all(&vec![b'x'; count]).expect("an open fifo");
    }
}

/// The Python function.
pub fn python() -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/local/function.py");
    vec![python_path(), script.display().to_string()]
}

/// The interpreter itself: what PATH has may be a script that adds variables and time of its own.
pub fn python_path() -> String {
    static PATH: OnceLock<String> = OnceLock::new();
    let find = || {
        let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        String::from_utf8(output.expect("python3").stdout).expect("a path").trim().to_owned()
    };
    PATH.get_or_init(find).clone()
}

/// An example of the library.
pub fn example(name: &str) -> Vec<String> {
    vec![example_path(name).display().to_string()]
}

pub fn fc_local() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fc-local"))
}

/// `fc-local start` with a function.
pub struct Fc {
    pub child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
    followers: Vec<JoinHandle<()>>,
    pub scratch: Scratch,
}

/// Starts the Python function.
pub fn start(arguments: &[&str]) -> Fc {
    start_with(Scratch::new(), arguments, &python())
}

/// Starts `command`, with `{port}` in the arguments replaced by the first instance's port; the file `trace`
/// in `scratch` gets its requests when it is the Python function.
pub fn start_with(scratch: Scratch, arguments: &[&str], command: &[String]) -> Fc {
    let trace = format!("TRACE={}", scratch.path("trace"));
    let port = reserved_port().to_string();
    let mut fc = fc_local();
    fc.args(["start", "--listen", "127.0.0.1:0", "--env", &trace]);
    if !arguments.contains(&"--port") {
        fc.args(["--port", &port]);
    }
    fc.args(arguments.iter().map(|argument| argument.replace("{port}", &port)));
    if !command.is_empty() {
        fc.arg("--").args(command);
    }
    let mut child = fc.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("fc-local");
    let log = Arc::new(Mutex::new(String::new()));
    let followers = vec![
        follow(child.stdout.take().expect("a pipe"), Arc::clone(&log)),
        follow(child.stderr.take().expect("a pipe"), Arc::clone(&log)),
    ];
    let address = eventually("fc-local listens", || {
        let text = log.lock().expect("a log").clone();
        if let Some(status) = child.try_wait().expect("a child") {
            panic!("fc-local ended with {status}: {text}");
        }
        let rest = text.split("is served on http://").nth(1)?;
        rest.split('/').next()?.parse().ok()
    });
    Fc { child, address, log, followers, scratch }
}

fn follow(pipe: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            log.lock().expect("a log").push_str(&(line + "\n"));
        }
    })
}

impl Fc {
    pub fn log(&self) -> String {
        self.log.lock().expect("a log").clone()
    }

    pub fn wait_for_log(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), || self.log().contains(text).then_some(()));
    }

    /// What the Python function was asked.
    pub fn trace(&self) -> Vec<String> {
        let text = fs::read_to_string(self.scratch.path("trace")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn wait_for_trace(&self, text: &str, count: usize) {
        eventually(&format!("{count} times {text:?} in the trace"), || {
            (self.trace().iter().filter(|line| line.contains(text)).count() >= count).then_some(())
        });
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    pub fn request(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        // A refused body may not be read to its end.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        Answer::read(&mut stream, method == "HEAD").unwrap_or_else(|| panic!("no answer\n{}", self.log()))
    }

    pub fn get(&self, target: &str) -> Answer {
        self.request("GET", target, "", b"")
    }

    pub fn invoke_with(&self, headers: &str, event: &str) -> Answer {
        self.request("POST", "/2023-03-30/functions/local/invocations", headers, event.as_bytes())
    }

    pub fn invoke(&self, event: &str) -> Answer {
        self.invoke_with("", event)
    }

    pub fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    /// Ctrl-C, and the end it leads to.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("INT");
        self.wait()
    }

    pub fn wait(&mut self) -> ExitStatus {
        eventually("fc-local ends", || self.child.try_wait().expect("a child"))
    }
}

impl Drop for Fc {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        for follower in self.followers.drain(..) {
            let _ = follower.join();
        }
        if thread::panicking() {
            eprintln!("--- the log of fc-local\n{}", self.log());
        }
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a listener");
    stream.set_read_timeout(Some(WATCHDOG)).expect("a timeout");
    stream.set_write_timeout(Some(WATCHDOG)).expect("a timeout");
    stream
}

pub fn kill(signal: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{signal}"), "--", &pid.to_string()]).status();
    assert!(sent.expect("kill").success());
}

/// The state letter of a process, `None` when there is no such process.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// Gone, or only waiting to be reaped.
pub fn wait_until_gone(pid: u32) {
    eventually(&format!("process {pid} is gone"), || {
        matches!(state(pid), None | Some('Z' | 'X')).then_some(())
    });
}

/// An HTTP response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn read(stream: &mut impl Read, without_body: bool) -> Option<Answer> {
        let mut reader = BufReader::new(stream);
        let (status, headers) = Answer::head(&mut reader)?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map(|length| length.parse().expect("a length"));
        match length {
            _ if without_body => {}
            Some(length) => {
                answer.body = vec![0; length];
                reader.read_exact(&mut answer.body).ok()?;
            }
            None if answer.header("transfer-encoding") == Some("chunked") => {
                while let Some(chunk) = read_chunk(&mut reader).filter(|chunk| !chunk.is_empty()) {
                    answer.body.extend(chunk);
                }
            }
            None => {}
        }
        Some(answer)
    }

    pub fn head(reader: &mut impl BufRead) -> Option<(u16, Vec<(String, String)>)> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
                None => return Some((status, headers)),
            }
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn error_type(&self) -> Option<&str> {
        self.header("x-fc-error-type")
    }

    pub fn error_message(&self) -> String {
        self.json()["errorMessage"]
            .as_str()
            .unwrap_or_else(|| panic!("no errorMessage: {}", self.text()))
            .to_owned()
    }

    /// The status, code and message of an error of the platform's own.
    pub fn system_error(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned();
        assert_eq!(Some(text("RequestId").as_str()), self.header("x-fc-request-id"));
        (self.status, text("Code"), text("Message"))
    }
}

/// One chunk of a chunked body; the last one is empty.
pub fn read_chunk(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk).ok()?;
    chunk.truncate(size);
    Some(chunk)
}
