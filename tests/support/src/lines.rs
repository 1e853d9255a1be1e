//! What processes say, line by line. Each line is an event, and so is the end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::wait::WATCHDOG;

/// All lines said so far.
#[derive(Clone, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    pipes: usize,
}

impl Lines {
    /// Takes what `pipe` says until its end into each of `all`.
    pub fn follow(pipe: impl Read + Send + 'static, all: &[Lines]) {
        let all = all.to_vec();
        all.iter().for_each(|lines| lines.lock().pipes += 1);
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                all.iter().for_each(|lines| lines.change(|state| state.bytes.extend_from_slice(&line)));
                line.clear();
            }
            all.iter().for_each(|lines| lines.change(|state| state.pipes -= 1));
        });
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Waits until `find` finds something in the text; panics at the end of all pipes.
    pub fn wait_until<T>(&self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let mut found = None;
        let is_waiting = |state: &mut State| {
            found = find(&String::from_utf8_lossy(&state.bytes));
            found.is_none() && state.pipes > 0
        };
        let waited = self.0.changed.wait_timeout_while(self.lock(), WATCHDOG, is_waiting);
        let (state, _) = waited.expect("no panic under the lock");
        drop(state);
        found.unwrap_or_else(|| panic!("{what} was not said, but\n{}", self.text()))
    }

    /// Waits until `text` has been said so many `times`.
    pub fn wait_for(&self, text: &str, times: usize) {
        let what = format!("{text:?}, {times} times,");
        self.wait_until(&what, |said| (said.matches(text).count() >= times).then_some(()));
    }

    /// Waits for the end of all pipes.
    pub fn wait_for_end(&self, limit: Duration) {
        let waited = self.0.changed.wait_timeout_while(self.lock(), limit, |state| state.pipes > 0);
        let (state, timeout) = waited.expect("no panic under the lock");
        drop(state);
        assert!(!timeout.timed_out(), "no end within {limit:?} of\n{}", self.text());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic under the lock")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.0.changed.notify_all();
    }
}

/// What a line begins with that only a test writes.
const MARK: &str = "\u{1}mark ";

/// A named pipe that processes write lines to.
pub struct FifoLines {
    fifo: File,
    lines: Lines,
}

impl FifoLines {
    pub fn new(path: &Path) -> FifoLines {
        let fifo = fifo(path);
        let lines = Lines::default();
        Lines::follow(UntilEnd(fifo.try_clone().expect("a handle")), std::slice::from_ref(&lines));
        FifoLines { fifo, lines }
    }

    /// All lines that were written before this call: they are heard before a line that is written now.
    pub fn heard(&self) -> Vec<String> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let mark = format!("{MARK}{}\n", NUMBER.fetch_add(1, Ordering::Relaxed));
        (&self.fifo).write_all(mark.as_bytes()).expect("an open fifo");
        self.lines.wait_for(&mark, 1);
        let text = self.lines.text();
        text.lines().filter(|line| !line.starts_with(MARK)).map(str::to_owned).collect()
    }

    /// Waits until so many lines with `text` in them were written.
    pub fn wait_for(&self, text: &str, count: usize) {
        let what = format!("{count} lines with {text:?}");
        self.lines.wait_until(&what, |said| {
            (said.lines().filter(|line| line.contains(text)).count() >= count).then_some(())
        });
    }
}

/// A fifo never ends while somebody may write to it: the byte 0 is its end.
struct UntilEnd(File);

impl Read for UntilEnd {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        Ok(if buffer[..count].contains(&0) { 0 } else { count })
    }
}

impl Drop for FifoLines {
    fn drop(&mut self) {
        let _ = (&self.fifo).write_all(&[0]); // else its thread stays until the tests end
    }
}

/// A named pipe at which a process waits until the test lets it go on: it reads one byte.
pub struct FifoGate {
    pub path: String,
    fifo: File,
}

impl FifoGate {
    pub fn new(path: &Path) -> FifoGate {
        FifoGate { path: path.display().to_string(), fifo: fifo(path) }
    }

    pub fn let_pass(&self, count: usize) {
        (&self.fifo).write_all(&vec![b'x'; count]).expect("an open fifo");
    }
}

/// A fifo, open for both, so that neither side waits for the other to open it.
fn fifo(path: &Path) -> File {
    make_fifo(path);
    File::options().read(true).write(true).open(path).expect("the fifo")
}

pub(crate) fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo");
    assert!(made.success());
}
