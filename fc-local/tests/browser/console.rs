//! fc-local with its console, for a browser: started, called, stopped.

use std::net::SocketAddr;

use serde_json::Value;
use support::{Client, Program, Reply, Scratch, Signal, clean_command, eventually, reserved_port};

/// A function that does as its path says: `wait` for the fifo of the query, `exit`, `fail`, `say` what its body is.
const FUNCTION: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Function(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *arguments): pass
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path, _, query = self.path.partition("?")
        if path == "/wait":
            fifo = os.open(query, os.O_RDONLY)
            os.read(fifo, 1)
            os.close(fifo)
        if path == "/exit": os._exit(3)
        if path == "/say": print(body.decode(), flush=True)
        if path == "/many":
            for number in range(int(query)): print("line", number)
            sys.stdout.flush()
        self.send_response(500 if path == "/fail" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_PUT = do_GET
ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Function).serve_forever()
"#;

pub struct Console {
    program: Program,
    pub address: SocketAddr,
    main: SocketAddr,
    pub scratch: Scratch,
}

impl Console {
    pub fn start(arguments: &[&str]) -> Console {
        let command = ["python3", "-c", FUNCTION].map(str::to_owned);
        Console::start_with(arguments, &command)
    }

    pub fn start_with(arguments: &[&str], command: &[String]) -> Console {
        let mut fc = clean_command(env!("CARGO_BIN_EXE_fc-local"));
        fc.args(["start", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
        fc.args(["--port", &reserved_port().to_string()]).args(arguments).arg("--").args(command);
        let program = Program::start(&mut fc);
        let find = |begin: &str| {
            program.said.wait_until(begin, |said| said.split(begin).nth(1)?.split('/').next()?.parse().ok())
        };
        let (main, address) = (find("is served on http://"), find("is shown on http://"));
        Console { program, address, main, scratch: Scratch::new() }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        self.call_with("host: localhost", method, path, body)
    }

    /// With these lines of its head.
    pub fn call_with(&self, fields: &str, method: &str, path: &str, body: &str) -> Reply {
        let mut client = Client::connect(self.main);
        let length = body.len();
        client
            .send(format!("{method} {path} HTTP/1.1\r\n{fields}\r\ncontent-length: {length}\r\n\r\n{body}"));
        client.reply()
    }

    /// So many calls on one connection.
    pub fn call_often(&self, path: &str, count: usize) {
        let mut client = Client::connect(self.main);
        for _ in 0..count {
            client.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
            assert_eq!(client.reply().status, 200);
        }
    }

    /// What the console's API answers.
    pub fn ask(&self, path: &str) -> Value {
        let mut client = Client::connect(self.address);
        client.send(format!("GET /api/v1/{path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address));
        serde_json::from_slice(&client.reply().body).expect("JSON")
    }

    /// Waits until so many calls run at once.
    pub fn wait_for_running(&self, count: u64) {
        eventually("they run", || (self.ask("status")["record"]["running"] == count).then_some(()));
    }

    pub fn interrupt(&self) {
        self.program.signal(Signal::INT);
    }
}
