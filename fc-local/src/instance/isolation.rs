//! May a function's processes have a file system of their own, with its code in `/code` and its layers in `/opt`, and how
//! is it made? By bubblewrap, of all that is here beside the two. What runs in it is not known here, nor what is done
//! where there is none.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, getegid, geteuid};

use crate::function::places::{CODE, OPT};

/// The program that makes a file system, of the package bubblewrap.
const BWRAP: &str = "bwrap";

/// The program that connects networks, of the package passt.
pub const PASTA: &str = "pasta";

/// Where this program is in it, whose own directory may be covered there.
const SUPERVISOR: &str = "/fc-instance";

/// What the author asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolate {
    /// Where this machine lets one.
    Auto,
    On,
    Off,
}

/// Why there is no isolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotIsolated {
    /// The author wants none.
    Off,
    /// A program of this package is not installed.
    NotInstalled(&'static str),
    /// Bubblewrap fails, for the reason that it gives.
    NoSpace(String),
    /// Bubblewrap or pasta fails to make a network.
    NoNetwork(String),
}

/// A file system as bubblewrap makes it.
#[derive(Debug)]
pub struct Space(Vec<OsString>);

/// All that is at the root of this machine's file system, with `code` in `/code` and `opt` over what is in `/opt`.
pub fn space(code: Option<&Path>, opt: Option<&Path>) -> io::Result<Space> {
    let mut words = Words::default();
    for name in names_in(Path::new("/"))? {
        let path = Path::new("/").join(&name);
        let is_replaced =
            (path == Path::new(CODE) && code.is_some()) || (path == Path::new(OPT) && opt.is_some());
        if !is_replaced {
            words.mount(&path, &path);
        }
    }
    if let Some(code) = code {
        words.bind(code, Path::new(CODE));
    }
    if let Some(opt) = opt {
        let layer = names_in(opt)?;
        for name in &layer {
            words.mount(&opt.join(name), &Path::new(OPT).join(name));
        }
        // The machine's own stays below: an interpreter may be there.
        let machine = names_in(Path::new(OPT)).unwrap_or_default();
        for name in machine.iter().filter(|name| !layer.contains(name)) {
            let path = Path::new(OPT).join(name);
            words.mount(&path, &path);
        }
        words.0.extend(["--dir", OPT].map(OsString::from));
    }
    // This program's file may have been replaced since it was started: the new one serves as well.
    let program = std::env::current_exe()?;
    let program = program.to_string_lossy().trim_end_matches(" (deleted)").to_owned();
    words.0.extend(["--ro-bind", &program, SUPERVISOR].map(OsString::from));
    Ok(Space(words.0))
}

/// The names in a directory, in order.
fn names_in(directory: &Path) -> io::Result<Vec<OsString>> {
    let entries: io::Result<Vec<_>> = fs::read_dir(directory)?.collect();
    let mut names: Vec<OsString> = entries?.into_iter().map(|entry| entry.file_name()).collect();
    names.sort_unstable();
    Ok(names)
}

#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    /// What is at `path` is also at `target`. A link stays one: what it leads to may be another thing there.
    fn mount(&mut self, path: &Path, target: &Path) {
        match fs::read_link(path) {
            Ok(link) => self.0.extend([OsString::from("--symlink"), link.into(), target.into()]),
            Err(_) => self.bind(path, target),
        }
    }

    fn bind(&mut self, path: &Path, target: &Path) {
        self.0.extend([OsStr::new("--dev-bind").into(), path.into(), target.into()]);
    }
}

impl Space {
    /// The command that starts this program in it.
    pub fn command(&self) -> Command {
        self.with([])
    }

    /// The same in a network of its own, which has a loopback and no more. Its owner is a user namespace, so that
    /// whoever started it may enter it.
    pub fn command_with_network(&self) -> Command {
        let (user, group) = (geteuid().as_raw().to_string(), getegid().as_raw().to_string());
        self.with(["--unshare-net", "--unshare-user", "--uid", &user, "--gid", &group])
    }

    fn with<const N: usize>(&self, more: [&str; N]) -> Command {
        let mut command = Command::new(BWRAP);
        command.args(more).args(&self.0).args(["--", SUPERVISOR]);
        command
    }
}

/// The command that starts this program where the process `pid` is, which [`Space`] has been made for.
pub fn command_beside(pid: Pid) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--target={}", pid.as_raw_nonzero()));
    command.args(["--user", "--mount", "--net", "--preserve-credentials", "--", SUPERVISOR]);
    command
}

/// Where a program is on the author's PATH.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Why there is none before it is tried.
pub fn missing() -> Option<NotIsolated> {
    installed(BWRAP).is_none().then_some(NotIsolated::NotInstalled("bubblewrap"))
}

/// The same of a network.
pub fn network_missing() -> Option<NotIsolated> {
    let is_missing = || installed(PASTA).is_none();
    missing().or_else(|| is_missing().then_some(NotIsolated::NotInstalled("passt")))
}

impl fmt::Display for NotIsolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotIsolated::Off => f.write_str("--isolate=off"),
            NotIsolated::NotInstalled(package) => {
                write!(f, "{package} is not installed (apt install {package})")
            }
            NotIsolated::NoSpace(reason) => write!(
                f,
                "bubblewrap cannot make a file system here ({}), for which this user needs user namespaces",
                reason.trim().trim_start_matches("bwrap: ")
            ),
            NotIsolated::NoNetwork(reason) => {
                write!(f, "bubblewrap and pasta cannot make them here ({})", reason.trim())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{Scratch, skip};

    use super::*;

    /// What a shell says in the space.
    fn said(space: &Space, script: &str) -> Option<String> {
        let output = Command::new(BWRAP).args(&space.0).args(["--", "sh", "-c", script]).output().ok()?;
        let refused = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()).or_else(|| {
            skip("bwrap", &refused);
            None
        })
    }

    #[test]
    fn code_and_layers_are_where_the_platform_has_them_and_all_else_where_it_is() {
        let scratch = Scratch::new();
        for directory in ["code", "layer", "layer/bin"] {
            fs::create_dir(scratch.path(directory)).expect("a directory");
        }
        scratch.write("code/x", "code");
        scratch.write("layer/bin/x", "layer");
        std::os::unix::fs::symlink("bin", scratch.path("layer/link")).expect("a link");
        let (code, layer) = (scratch.path("code"), scratch.path("layer"));
        let space = space(Some(Path::new(&code)), Some(Path::new(&layer))).expect("a root directory");
        let Some(text) = said(&space, "cat /code/x /opt/bin/x /opt/link/x; ls -A / /opt") else { return };
        let text = text.strip_prefix("codelayerlayer").unwrap_or_else(|| panic!("{text}"));
        let names: Vec<&str> = text.lines().collect();
        for directory in ["/", OPT] {
            for name in names_in(Path::new(directory)).unwrap_or_default() {
                assert!(names.contains(&&*name.to_string_lossy()), "{name:?} is not in {names:?}");
            }
        }
        assert!(said(&space, "test -x /fc-instance").is_some());
    }

    #[test]
    fn a_code_directory_may_be_the_root() {
        let Some(text) = said(&space(Some(Path::new("/")), None).expect("a root directory"), "ls -A /code")
        else {
            return;
        };
        assert!(text.lines().any(|line| line == "etc"), "{text}");
    }

    #[test]
    fn what_is_missing_is_named_with_how_to_get_it() {
        for (reason, wanted) in [
            (NotIsolated::NotInstalled("passt"), "passt is not installed (apt install passt)"),
            (
                NotIsolated::NoSpace("bwrap: setting up uid map: Permission denied\n".to_owned()),
                "bubblewrap cannot make a file system here (setting up uid map: Permission denied), for which this user needs user namespaces",
            ),
        ] {
            assert_eq!(reason.to_string(), wanted);
        }
    }
}
