//! Which servers are measured, and where their programs are: ours, the peers, and the limits in C. None is built here
//! (`make bench-build` does that); what is not there is said to be missing and left out.

use crate::folders::{checkout, output, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The peers in the same language, under the names of their programs.
pub const STD_LOOPS: [&str; 2] = ["std loop", "std loop with a thread"];
pub const PEERS: [&str; 7] =
    ["hyper-current", "hyper-multi", "axum", "actix-web", "ntex", "may_minihttp", "tiny_http"];

/// What a server is to the comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Ours,
    /// What an author would use instead, in the same language and built the same way.
    Peer,
    /// What an author would use instead, in another language.
    Foreign,
    /// The least that any server must do, in C or with the standard library.
    Limit,
}

impl Role {
    /// By the server's label, which is what results that were written down say of it.
    pub fn of(label: &str) -> Role {
        if label.ends_with(" own") {
            Role::Foreign
        } else if label.starts_with("C ") || STD_LOOPS.iter().any(|name| label.starts_with(name)) {
            Role::Limit
        } else if label.starts_with("fc-runtime") {
            Role::Ours
        } else {
            Role::Peer
        }
    }
}

/// How a program is linked, which decides much of its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    Musl,
    Glibc,
    Dynamic,
    /// Whatever its tool makes of it.
    Own,
}

impl Build {
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// A program that answers HTTP on the port that `PORT` names.
#[derive(Clone, Debug)]
pub struct Server {
    pub name: &'static str,
    pub build: Build,
    pub program: PathBuf,
    /// `{PORT}` in one stands for the port to listen on.
    pub arguments: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

impl Server {
    pub fn new(name: &'static str, build: Build, program: PathBuf) -> Server {
        Server { name, build, program, arguments: Vec::new(), environment: Vec::new() }
    }

    pub fn with_environment(mut self, name: &'static str, value: impl ToString) -> Server {
        self.environment.push((name, value.to_string()));
        self
    }

    /// Name and build, as one word for messages, results and `--only`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.build.name())
    }

    pub fn role(&self) -> Role {
        Role::of(&self.label())
    }

    pub fn is_compiled(&self) -> bool {
        self.role() != Role::Foreign || self.name.starts_with("Go")
    }

    /// Whether it is measured where one build of each is enough: static with glibc (else dynamic), ours with musl too.
    pub fn is_usual(&self) -> bool {
        // Of `hello` the tests make a static one too.
        let is_static = release(&target(), Build::Glibc).join("examples/echo").exists();
        match self.build {
            Build::Musl => self.name == "fc-runtime",
            Build::Glibc | Build::Own => true,
            Build::Dynamic => !is_static,
        }
    }

    pub fn command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments.iter().map(|argument| argument.replace("{PORT}", &port.to_string())));
        command
            .env("PORT", port.to_string())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

/// All servers of a question, to which `limit` is the program in C and `example` ours, in the order of their turns.
pub fn all(limit: &str, example: &str) -> Vec<Server> {
    let all = [limits(limit), ours(example), rust(PEERS), foreign()].concat();
    all.into_iter().map(|server| if server.is_compiled() { deployed(server) } else { server }).collect()
}

/// Where cargo puts the programs of a build; musl may have been built by cargo itself or into a directory of its own.
fn release(target: &Path, build: Build) -> PathBuf {
    let own = target.join("musl/x86_64-unknown-linux-musl");
    let directory = match build {
        Build::Musl if own.exists() => own,
        Build::Musl => target.join("x86_64-unknown-linux-musl"),
        Build::Glibc => target.join("x86_64-unknown-linux-gnu"),
        Build::Dynamic | Build::Own => target.to_path_buf(),
    };
    directory.join("release")
}

fn limits(limit: &str) -> Vec<Server> {
    let program = |build: Build| in_peers(&format!("target/c/{limit}-{}", build.name()));
    if limit == "accept" {
        let builds = [Build::Musl, Build::Glibc, Build::Dynamic];
        let in_c = builds.map(|build| Server::new("C accept", build, program(build)));
        return in_c.into_iter().chain(rust(STD_LOOPS)).collect();
    }
    let one = Server::new("C epoll", Build::Glibc, program(Build::Glibc));
    let loops = std::thread::available_parallelism().map_or(1, usize::from);
    let each = Server { name: "C epoll per core", ..one.clone() }.with_environment("LOOPS", loops);
    vec![one, each]
}

fn ours(example: &str) -> Vec<Server> {
    let quiet = [Build::Musl, Build::Glibc, Build::Dynamic].map(|build| {
        let program = release(&target(), build).join("examples").join(example);
        Server::new("fc-runtime", build, program).with_environment("FCRT_LIFECYCLE_LINES", "off")
    });
    let loud =
        |it: &Server| Server { name: "fc-runtime, lifecycle lines", environment: vec![], ..it.clone() };
    let one = |it: &Server| {
        Server { name: "fc-runtime, one worker", ..it.clone() }.with_environment("FCRT_MAX_WORKERS", 1)
    };
    let others = quiet[..2].iter().flat_map(|it| [loud(it), one(it)]);
    quiet.iter().cloned().chain(others).collect()
}

/// The same from a file of its own, written like all others. In what pieces a file lies in the page cache is a third of a start's
/// time, and a linker leaves it otherwise than who unpacks a code package; what two rows shared, one would leave in the
/// processor's caches for the other.
fn deployed(server: Server) -> Server {
    let file = server.program.file_name().unwrap_or_default().display(); // two questions have a program each
    let program = target().join("bench").join(format!("{} {file}", server.label()).replace([',', ' '], "-"));
    let copied = output().and_then(|_| fs::copy(&server.program, &program));
    // One that is not there is said to be missing.
    if copied.is_ok() { Server { program, ..server } } else { server }
}

/// Programs in the same language, each named as it is shown, with hyphens for what is not in a file's name.
fn rust<const N: usize>(names: [&'static str; N]) -> Vec<Server> {
    let builds = |name| [Build::Musl, Build::Glibc].map(|build| (name, build));
    let program = |name: &str, build| release(&in_peers("target"), build).join(name.replace(' ', "-"));
    let server = |(name, build)| Server::new(name, build, program(name, build));
    names.into_iter().flat_map(builds).map(server).collect()
}

/// Servers in other languages; the program of one whose tool is not installed is a path to nothing.
fn foreign() -> Vec<Server> {
    let source = |file: &str| in_peers("other").join(file).display().to_string();
    // What `PATH` finds first may be a version manager's script, which would be measured with it.
    let resolve = |tool: &str, arguments: &[&str]| {
        let output =
            Command::new(tool).args(arguments).output().ok().filter(|output| output.status.success());
        let path = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().into());
        path.unwrap_or_default()
    };
    // The system's, which is where a distribution's packages of Flask and gunicorn are.
    let python = if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
    let node = resolve("node", &["-p", "process.execPath"]);
    let plain = resolve(python, &["-c", "import sys; print(sys.executable)"]);
    let flask = resolve(python, &["-c", "import flask, gunicorn, sys; print(sys.executable)"]);
    let gunicorn = "-m gunicorn --workers=1 --threads=200 --keep-alive=900 --log-level=critical \
        --bind=0.0.0.0:{PORT} flask_hello:app --chdir";
    let gunicorn = gunicorn.split(' ').map(String::from).chain([source("")]).collect();
    let own = |name, program, arguments| Server { arguments, ..Server::new(name, Build::Own, program) };
    vec![
        own("Go net/http", in_peers("target/other/go_hello"), vec![]),
        own("Node http", node, vec![source("node_hello.js")]),
        own("Python http.server", plain, vec![source("python_hello.py")]),
        own("Flask, gunicorn", flask, gunicorn),
    ]
}

fn in_peers(path: &str) -> PathBuf {
    checkout().join("benches/peers").join(path)
}
