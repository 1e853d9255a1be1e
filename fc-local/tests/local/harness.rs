//! Starts fc-local with a function and calls it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::thread;

use serde_json::Value;
use support::{
    Client, FifoLines, Program, Reply, Scratch, Signal, WATCHDOG, clean_command, eventually, example_path,
    reserved_port, state,
};

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

/// A function in a few lines of Python.
pub fn python_script(script: &str) -> Vec<String> {
    [&*python_path(), "-c", script].map(str::to_owned).to_vec()
}

/// An example of the library.
pub fn example(name: &str) -> Vec<String> {
    vec![example_path(name).display().to_string()]
}

pub fn fc_local() -> Command {
    let mut command = clean_command(env!("CARGO_BIN_EXE_fc-local"));
    // Any port, since many run at once.
    command.env("FC_LOCAL_CONSOLE", "127.0.0.1:0");
    command
}

/// Another program's listener, and its port.
pub fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    (listener, port)
}

/// `fc-local start` with a function.
pub struct Fc {
    program: Program,
    pub address: SocketAddr,
    trace: FifoLines,
    pub scratch: Scratch,
}

/// Starts the Python function.
pub fn start(arguments: &[&str]) -> Fc {
    start_with(Scratch::new(), arguments, &python())
}

/// Starts `command`, with `{port}` in the arguments replaced by the first instance's port. The Python function
/// says in the trace what it is asked.
pub fn start_with(scratch: Scratch, arguments: &[&str], command: &[String]) -> Fc {
    start_in(&[], scratch, arguments, command)
}

/// The same with variables of fc-local's own.
pub fn start_in(variables: &[(&str, &str)], scratch: Scratch, arguments: &[&str], command: &[String]) -> Fc {
    let trace = scratch.lines("trace");
    let port = reserved_port().to_string();
    let mut fc = fc_local();
    fc.envs(variables.iter().copied());
    fc.args(["start", "--listen", "127.0.0.1:0", "--env", &format!("TRACE={}", scratch.path("trace"))]);
    // The hosts that literal requests of the tests name.
    fc.args(["test", "h", "x", "a", "b", "other"].map(|host| format!("--allow-host={host}")));
    if !arguments.contains(&"--port") {
        fc.args(["--port", &port]);
    }
    fc.args(arguments.iter().map(|argument| argument.replace("{port}", &port)));
    if !command.is_empty() {
        fc.arg("--").args(command);
    }
    let program = Program::start(&mut fc);
    let address = program.said.wait_until("an address", |said| {
        said.split("is served on http://").nth(1)?.split('/').next()?.parse().ok()
    });
    Fc { program, address, trace, scratch }
}

impl Fc {
    pub fn log(&self) -> String {
        self.program.said.text()
    }

    pub fn wait_for_log(&self, text: &str) {
        self.wait_for_logs(text, 1);
    }

    pub fn wait_for_logs(&self, text: &str, times: usize) {
        self.program.said.wait_for(text, times);
    }

    /// Waits for something in the log.
    pub fn find_in_log<T>(&self, what: &str, find: impl FnMut(&str) -> Option<T>) -> T {
        self.program.said.wait_until(what, find)
    }

    /// What the Python function was asked.
    pub fn trace(&self) -> Vec<String> {
        self.trace.heard()
    }

    pub fn wait_for_trace(&self, text: &str, count: usize) {
        self.trace.wait_for(text, count);
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn request(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Reply {
        let mut client = self.client();
        client.expects_no_body = method == "HEAD";
        let length = body.len();
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n{headers}\r\n");
        // A refused body may not be read to its end.
        let _ = client.try_send(head.as_bytes()).and_then(|()| client.try_send(body));
        client.reply()
    }

    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target, "", b"")
    }

    pub fn invoke_with(&self, headers: &str, event: &str) -> Reply {
        self.request("POST", "/2023-03-30/functions/local/invocations", headers, event.as_bytes())
    }

    pub fn invoke(&self, event: &str) -> Reply {
        self.invoke_with("", event)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.program.pid
    }

    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Ctrl-C, and the end it leads to.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Its end, and that of what it had to say.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.program.wait();
        self.program.said.wait_for_end(WATCHDOG);
        status
    }
}

impl Drop for Fc {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the log of fc-local\n{}", self.log());
        }
    }
}

/// Waits until a process is stopped, of which the system tells nobody but its parent.
pub fn wait_until_frozen(pid: u32) {
    eventually("it is frozen", || (state(pid) == Some('T')).then_some(()));
}

/// What fc-local and the Python function say in a response.
pub trait Said {
    fn json(&self) -> Value;
    fn pid(&self) -> u32;
    fn error_type(&self) -> Option<&str>;
    fn error_message(&self) -> String;
    /// The status, code and message of an error of the platform's own.
    fn system_error(&self) -> (u16, String, String);
}

impl Said for Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn pid(&self) -> u32 {
        self.json()["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id")
    }

    fn error_type(&self) -> Option<&str> {
        self.header("x-fc-error-type")
    }

    fn error_message(&self) -> String {
        let message = self.json()["errorMessage"].as_str().map(str::to_owned);
        message.unwrap_or_else(|| panic!("no errorMessage: {self:?}"))
    }

    fn system_error(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned();
        assert_eq!(Some(text("RequestId").as_str()), self.header("x-fc-request-id"));
        (self.status, text("Code"), text("Message"))
    }
}
