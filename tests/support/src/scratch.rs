//! Directories for files that a test makes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::lines::{FifoGate, FifoLines, make_fifo};

/// A directory that goes with the test.
pub struct Scratch(PathBuf);

impl Default for Scratch {
    fn default() -> Scratch {
        static COUNTER: AtomicU16 = AtomicU16::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("fc-runtime-test-{}-{number}", process::id());
        Scratch(empty_directory(&env::temp_dir().join(name)))
    }
}

impl Scratch {
    pub fn new() -> Scratch {
        Scratch::default()
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("a writable directory");
        self.path(name)
    }

    /// A named pipe.
    pub fn fifo(&self, name: &str) -> String {
        make_fifo(&self.0.join(name));
        self.path(name)
    }

    /// The lines that processes write to the named pipe `name`.
    pub fn lines(&self, name: &str) -> FifoLines {
        FifoLines::new(&self.0.join(name))
    }

    /// A named pipe at which processes wait.
    pub fn gate(&self, name: &str) -> FifoGate {
        FifoGate::new(&self.0.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // what is left goes with the machine's temporary files
    }
}

/// An empty directory at `path`, whatever was there before.
pub fn empty_directory(path: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(path); // it need not be there
    fs::create_dir_all(path).expect("a writable directory");
    path.to_owned()
}
