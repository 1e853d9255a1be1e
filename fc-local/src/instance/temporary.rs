//! A directory for as long as fc-local runs, with what stands for a function's directories: whose end removes it? A
//! process of its own, which fc-local starts beside it and which hears of fc-local's end, however that comes. What is
//! in the directory is not known here.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::function::places::is_plain;
use crate::id;

/// What the first argument of the process is instead of a program's name.
pub const NAME: &str = "fc-temporary";

/// How long the removal is tried: processes that are just being killed may still write.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

/// The directory. Dropped, it is gone.
#[derive(Debug)]
pub struct Temporary {
    path: PathBuf,
    remover: Child,
    control: UnixStream,
}

impl Temporary {
    /// An empty directory with a plain path, this user's alone.
    pub fn new() -> io::Result<Temporary> {
        let parent = Some(std::env::temp_dir()).filter(|path| path.is_absolute() && is_plain(path));
        let path = parent.unwrap_or_else(|| PathBuf::from("/tmp")).join(format!("fc-local-{}", id::uuid()));
        let (control, theirs) = UnixStream::pair()?;
        DirBuilder::new().mode(0o700).create(&path)?;
        // A group of its own, so that Ctrl-C does not reach it.
        let remover = Command::new("/proc/self/exe")
            .arg0(NAME)
            .arg(&path)
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match remover {
            Ok(remover) => Ok(Temporary { path, remover, control }),
            Err(error) => {
                fs::remove_dir(&path)?;
                Err(error)
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = self.control.shutdown(Shutdown::Write); // somebody may have killed it
        let _ = self.remover.wait();
        remove(&self.path);
    }
}

/// The process, with its socket as standard input: removes `directory` at the end of fc-local.
pub fn run(directory: &OsStr) -> ExitCode {
    let control = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    if let Ok(mut control) = control {
        let _ = control.read(&mut [0]); // nothing is ever said: it ends
    }
    remove(Path::new(directory));
    ExitCode::SUCCESS
}

fn remove(directory: &Path) {
    let began = Instant::now();
    while fs::remove_dir_all(directory).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        && began.elapsed() < REMOVAL_TIMEOUT
    {
        thread::park_timeout(REMOVAL_PAUSE);
    }
}
