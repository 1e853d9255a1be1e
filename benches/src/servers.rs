//! Which servers are measured, and where their programs are: ours, the peers, and the limits in C.
//!
//! Nothing is built here (`make bench-build` does that); what is not there is said to be missing and left out.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::options::Options;

/// What a server is to the comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// This library.
    Ours,
    /// What an author would use instead, in the same language and built the same way.
    Peer,
    /// What an author would use instead, in another language.
    Foreign,
    /// The least that any server must do, in C.
    Limit,
}

impl Role {
    /// By the name and the build, which is what results that were written down say of a server.
    pub fn of(server: &str, build: &str) -> Role {
        match server {
            _ if build == Build::Own.name() => Role::Foreign,
            _ if server.starts_with("C ") => Role::Limit,
            _ if server.starts_with("fc-runtime") => Role::Ours,
            _ => Role::Peer,
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
    pub fn name(self) -> &'static str {
        match self {
            Build::Musl => "musl",
            Build::Glibc => "glibc",
            Build::Dynamic => "dynamic",
            Build::Own => "own",
        }
    }
}

/// A program that answers HTTP on the port that `PORT` names.
#[derive(Clone, Debug)]
pub struct Server {
    pub name: &'static str,
    pub role: Role,
    pub build: Build,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

impl Server {
    fn new(name: &'static str, role: Role, build: Build, program: PathBuf) -> Server {
        Server { name, role, build, program, arguments: Vec::new(), environment: Vec::new() }
    }

    fn with_arguments(mut self, arguments: &[&str]) -> Server {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    pub fn with_environment(mut self, name: &'static str, value: impl ToString) -> Server {
        self.environment.push((name, value.to_string()));
        self
    }

    /// Name and build, as one word for messages and `--only`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.build.name())
    }

    /// The command that starts it, with `port` to listen on.
    pub fn command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments.iter().map(|argument| argument.replace("{PORT}", &port.to_string())));
        command
            .env("PORT", port.to_string())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The servers that are there, and a line for each that is not.
pub struct Catalogue {
    pub present: Vec<Server>,
    pub missing: Vec<String>,
}

impl Catalogue {
    /// Limits first, then ours, then the peers.
    pub fn find(options: &Options, limit: &'static str, example: &str) -> Catalogue {
        let mut all = limits(limit);
        let builds = [Build::Musl, Build::Glibc, Build::Dynamic];
        let quiet = builds.map(|build| {
            Server::new("fc-runtime", Role::Ours, build, ours(example, build))
                .with_environment("LIFECYCLE_MARKS", "off")
        });
        all.extend(quiet.iter().cloned().map(Ok));
        let loud =
            |quiet: &Server| Server { name: "fc-runtime, marks", environment: Vec::new(), ..quiet.clone() };
        // Not next to the same binary without marks, which would leave it in the processor's caches.
        all.extend(quiet[..2].iter().map(|quiet| Ok(loud(quiet))));
        for name in ["hyper-current", "hyper-multi", "axum", "actix-web", "ntex", "may_minihttp", "tiny_http"]
        {
            all.extend(
                [Build::Musl, Build::Glibc]
                    .map(|build| Ok(Server::new(name, Role::Peer, build, peer(name, build)))),
            );
        }
        all.extend(foreign());
        Catalogue::of(options, all)
    }

    fn of(options: &Options, all: Vec<Result<Server, String>>) -> Catalogue {
        let mut catalogue = Catalogue { present: Vec::new(), missing: Vec::new() };
        for server in all {
            match server {
                Ok(server) if server.role != Role::Limit && !options.wants(&server.label()) => {}
                Ok(server) if server.program.exists() => catalogue.present.push(server),
                Ok(server) => catalogue.missing.push(format!("{}: not built", server.label())),
                Err(why) => catalogue.missing.push(why),
            }
        }
        catalogue
    }

    /// Ends the process when there is nothing to measure: a comparison of the limits with themselves would say nothing.
    pub fn require_servers(&self) {
        if self.present.iter().all(|server| server.role == Role::Limit) {
            eprintln!("no server was found below {}: run `make bench-build` first", target().display());
            std::process::exit(1);
        }
    }
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from)
}

/// The checkout: the directory of the library, which is this one's parent.
pub fn checkout() -> PathBuf {
    let mut directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    directory.pop();
    directory
}

/// An example of ours in the given build, under a name that tells the builds apart in `ps` and `perf`: a second name for
/// the same file, so that it is in the page cache or not as the first is.
fn ours(example: &str, build: Build) -> PathBuf {
    let original = built(example, build);
    let name = if example == "hello" { "fc-runtime".into() } else { format!("fc-runtime-{example}") };
    let named = target().join("bench/bin").join(format!("{name}-{}", build.name()));
    let _ = fs::create_dir_all(target().join("bench/bin")); // then there is no second name, and the first one does
    let _ = fs::remove_file(&named); // an earlier build's, if there is one
    if fs::hard_link(&original, &named).is_ok() { named } else { original }
}

/// Where cargo puts an example; musl may have been built by cargo itself or into a target directory of its own.
fn built(example: &str, build: Build) -> PathBuf {
    let file = Path::new("release/examples").join(example);
    match build {
        Build::Musl => musl(&target()).join(file),
        Build::Glibc => target().join("x86_64-unknown-linux-gnu").join(file),
        Build::Dynamic | Build::Own => target().join(file),
    }
}

fn peer(name: &str, build: Build) -> PathBuf {
    let target = checkout().join("benches/peers/target");
    let file = Path::new("release").join(name);
    match build {
        Build::Musl => musl(&target).join(file),
        _ => target.join("x86_64-unknown-linux-gnu").join(file),
    }
}

fn musl(target: &Path) -> PathBuf {
    let own = target.join("musl/x86_64-unknown-linux-musl");
    if own.exists() { own } else { target.join("x86_64-unknown-linux-musl") }
}

fn limits(limit: &'static str) -> Vec<Result<Server, String>> {
    let directory = checkout().join("benches/peers/target/c");
    let path = |file: &str, build: Build| directory.join(format!("{file}-{}", build.name()));
    if limit == "accept" {
        let builds = [Build::Musl, Build::Glibc, Build::Dynamic];
        return builds
            .map(|build| Ok(Server::new("C accept", Role::Limit, build, path("accept", build))))
            .into();
    }
    let one = Server::new("C epoll", Role::Limit, Build::Glibc, path("epoll", Build::Glibc));
    let loops = std::thread::available_parallelism().map_or(1, usize::from);
    let each = Server { name: "C epoll per core", ..one.clone() }.with_environment("LOOPS", loops);
    vec![Ok(one), Ok(each)]
}

/// Servers whose tool must be installed; one that is not has its reason instead.
fn foreign() -> Vec<Result<Server, String>> {
    let source = |file: &str| checkout().join("benches/peers/other").join(file).display().to_string();
    let tool = |name, program: Result<PathBuf, String>, arguments: &[&str]| {
        program.map(|program| Server::new(name, Role::Foreign, Build::Own, program).with_arguments(arguments))
    };
    let flask = python().and_then(|python| {
        let check = Command::new(&python).args(["-c", "import flask, gunicorn"]).output();
        let found = check.is_ok_and(|output| output.status.success());
        found.then_some(python).ok_or_else(|| "Flask with gunicorn: not installed".to_string())
    });
    let flask_arguments = [
        "-m",
        "gunicorn",
        "--workers=1",
        "--threads=200",
        "--keep-alive=900",
        "--log-level=critical",
        "--bind=0.0.0.0:{PORT}",
        "--chdir",
        &source(""),
        "flask_hello:app",
    ];
    vec![
        Ok(Server::new(
            "Go net/http",
            Role::Foreign,
            Build::Own,
            checkout().join("benches/peers/target/other/go_hello"),
        )),
        tool("Node http", resolve("node", "node", &["-p", "process.execPath"]), &[&source("node_hello.js")]),
        tool("Python http.server", python(), &[&source("python_hello.py")]),
        tool("Flask, gunicorn", flask, &flask_arguments),
    ]
}

/// Prefers the system's interpreter, which is where a distribution's packages of Flask and gunicorn are.
fn python() -> Result<PathBuf, String> {
    let system = Path::new("/usr/bin/python3");
    let name = if system.exists() { "/usr/bin/python3" } else { "python3" };
    resolve("python3", name, &["-c", "import sys; print(sys.executable)"])
}

/// An interpreter's own path: what `PATH` finds first may be a version manager's script that would be measured with it.
fn resolve(name: &str, program: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|_| format!("{name}: not installed"))?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if path.exists() { Ok(path) } else { Err(format!("{name}: not installed")) }
}
