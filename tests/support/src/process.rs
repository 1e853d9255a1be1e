//! An example of the library as a process of its own.

use std::env;
use std::ffi::OsStr;
use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::client::{Client, Reply};
use crate::port::reserved_port;
use crate::wait::until;

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
        cargo.args([
            "build",
            "--quiet",
            "--package",
            "fc-runtime",
            "--features",
            "events",
            "--example",
            example,
        ]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success(), "the example {example} builds");
    }
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    path
}

/// The same as a command.
pub fn example_command(example: &str) -> Command {
    clean_command(example_path(example))
}

/// What in the environment of whoever runs the tests would be a wish to the programs that are tested.
const WISHES: [&str; 11] = [
    "ALIYUN_FC_LOG_LEVEL",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "FCRT_LOG_FORMAT",
    "FC_CUSTOM_LISTEN_PORT",
    "FC_LOCAL_CONSOLE",
    "FC_SERVER_PORT",
    "FORCE_COLOR",
    "K_SERVICE",
    "NO_COLOR",
    "RUST_LOG",
];

/// A program without such wishes.
pub fn clean_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in WISHES {
        command.env_remove(name);
    }
    command
}
