//! How does a line get out when nobody may be reading? One bounded queue and one thread that writes for each of
//! standard output and standard error: a reader that stands still costs lines, which are counted, and never the
//! time of whoever has something to say. What the lines say is not known here.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::sync::{Condvar, Mutex, MutexGuard};

/// What waits for a reader, in bytes: minutes of a chatty function. While one such queue is being written the
/// next one fills, so that twice this is the most that is kept.
const MAX_QUEUED: usize = 1024 * 1024;

/// What is not urgent is written with the next line that is, or when there is this much of it.
const MAX_PENDING: usize = 64 * 1024;

/// What one write takes: what a pipe takes at once (PIPE_BUF), so that a slow reader is told from one that
/// stands still.
const PIECE: usize = 4096;

/// How long the end of the program waits for a reader that is slow, in all.
const MAX_FINISH: Duration = Duration::from_secs(10);

/// Standard output or standard error.
pub struct Output {
    state: Mutex<State>,
    changed: Condvar,
    /// Held while a batch is written.
    sink: Mutex<Box<dyn Write + Send>>,
    is_terminal: bool,
    has_colours: bool,
}

struct State {
    queued: Vec<u8>,
    /// Lines that came when there was no room, since `queued` was last taken.
    dropped: u64,
    /// The line that tells of them.
    describe: Box<dyn Fn(u64) -> String + Send>,
    /// Whether what is queued is to be written now.
    is_due: bool,
    has_writer: bool,
    is_writing: bool,
    /// Bytes that the reader took.
    written: u64,
    /// Why nothing more can be written: the reader is gone.
    failed: Option<ErrorKind>,
    is_interrupted: bool,
}

/// Standard output.
pub fn stdout() -> Arc<Output> {
    static STDOUT: OnceLock<Arc<Output>> = OnceLock::new();
    Arc::clone(STDOUT.get_or_init(|| {
        let stream = io::stdout();
        Output::new(sink(stream.as_fd().try_clone_to_owned()), stream.is_terminal())
    }))
}

/// Standard error.
pub fn stderr() -> Arc<Output> {
    static STDERR: OnceLock<Arc<Output>> = OnceLock::new();
    Arc::clone(STDERR.get_or_init(|| {
        let stream = io::stderr();
        Output::new(sink(stream.as_fd().try_clone_to_owned()), stream.is_terminal())
    }))
}

/// Whether a stream shows colours, by the rules that others follow: NO_COLOR before CLICOLOR_FORCE before CLICOLOR,
/// then what TERM says of a terminal.
fn takes_colours(is_terminal: bool) -> bool {
    match anstyle_query::clicolor() {
        _ if anstyle_query::no_color() => false,
        _ if anstyle_query::clicolor_force() => true,
        Some(wanted) => is_terminal && wanted,
        None => is_terminal && anstyle_query::term_supports_color(),
    }
}

fn sink(descriptor: io::Result<OwnedFd>) -> Box<dyn Write + Send> {
    match descriptor {
        Ok(descriptor) => Box::new(Descriptor(File::from(descriptor))),
        Err(_) => Box::new(io::stderr()), // no descriptor is left: less is promised, and nothing lost
    }
}

impl Output {
    pub fn new(sink: Box<dyn Write + Send>, is_terminal: bool) -> Arc<Output> {
        let has_colours = takes_colours(is_terminal);
        let state = State {
            queued: Vec::new(),
            dropped: 0,
            describe: Box::new(|count| format!("{}\n", dropped(count))),
            is_due: false,
            has_writer: false,
            is_writing: false,
            written: 0,
            failed: None,
            is_interrupted: false,
        };
        let (state, sink) = (Mutex::new(state), Mutex::new(sink));
        Arc::new(Output { state, changed: Condvar::default(), sink, is_terminal, has_colours })
    }

    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether what is printed may have colours: on a terminal, unless its user says otherwise.
    pub fn has_colours(&self) -> bool {
        self.has_colours
    }

    /// How a line says how many were dropped.
    pub fn describe_dropped(&self, describe: impl Fn(u64) -> String + Send + 'static) {
        self.state.lock().describe = Box::new(describe);
    }

    /// A line, to be written now. Waits for nobody.
    pub fn push(self: &Arc<Self>, line: &str) {
        let mut state = self.state.lock();
        state.append(line);
        self.write_soon(&mut state);
    }

    /// A line that may wait for the next one, for [`flush`](Self::flush), or for more of its kind.
    pub fn push_later(self: &Arc<Self>, line: &str) {
        let mut state = self.state.lock();
        state.append(line);
        if state.queued.len() > MAX_PENDING {
            self.write_soon(&mut state);
        }
    }

    /// Has written what is queued, without waiting for it.
    pub fn flush(self: &Arc<Self>) {
        self.write_soon(&mut self.state.lock());
    }

    /// What may not be lost: waits for room, until the reader is gone or the user interrupts.
    pub fn write(self: &Arc<Self>, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(MAX_PENDING) {
            let is_full = |state: &mut State| state.is_open() && state.queued.len() > MAX_PENDING;
            let mut state = self.changed.wait_while(self.state.lock(), is_full);
            state.check()?;
            state.queued.extend_from_slice(piece);
            self.write_soon(&mut state);
            if !state.has_writer {
                return Err(io::Error::other("cannot start a thread"));
            }
        }
        Ok(())
    }

    /// Waits until all is written, until the reader is gone or the user interrupts.
    pub fn wait(&self) -> io::Result<()> {
        let is_waiting = |state: &mut State| state.is_open() && !state.is_written();
        self.changed.wait_while(self.state.lock(), is_waiting).check()
    }

    /// Nobody waits for the reader any longer.
    pub fn interrupt(&self) {
        self.state.lock().is_interrupted = true;
        self.changed.notify_all();
    }

    /// The end of the program: waits until all is written, as long as the reader takes something every
    /// `patience`.
    pub fn finish(self: &Arc<Self>, patience: Duration) {
        let begin = Instant::now();
        let mut state = self.state.lock();
        if state.is_written() || state.failed.is_some() {
            return;
        }
        self.write_soon(&mut state);
        if !state.has_writer {
            drop(state);
            return self.write_queued(); // without a thread to be had
        }
        while begin.elapsed() < MAX_FINISH {
            let written = state.written;
            let is_waiting =
                |state: &mut State| state.failed.is_none() && state.written == written && !state.is_written();
            state = self.changed.wait_timeout_while(state, patience, is_waiting);
            if state.failed.is_some() || state.written == written || state.is_written() {
                return;
            }
        }
    }

    /// Wakes the thread that writes; the first time it is started.
    fn write_soon(self: &Arc<Self>, state: &mut MutexGuard<'_, State>) {
        if state.queued.is_empty() && state.dropped == 0 {
            return;
        }
        state.is_due = true;
        if !state.has_writer && state.failed.is_none() {
            let output = Arc::clone(self);
            let writer = thread::Builder::new()
                .name("output".to_owned())
                .spawn(move || output.write_queued_for_ever());
            state.has_writer = writer.is_ok(); // else the next line tries again
        }
        self.changed.notify_all();
    }

    fn write_queued_for_ever(&self) {
        loop {
            let is_waiting = |state: &mut State| state.failed.is_none() && !state.is_due;
            if self.changed.wait_while(self.state.lock(), is_waiting).failed.is_some() {
                return;
            }
            self.write_queued();
        }
    }

    /// Writes what is queued now, and how much was dropped behind it.
    fn write_queued(&self) {
        let mut sink = self.sink.lock();
        let mut state = self.state.lock();
        let mut batch = std::mem::take(&mut state.queued);
        if state.dropped > 0 {
            let count = std::mem::take(&mut state.dropped);
            batch.extend_from_slice((state.describe)(count).as_bytes());
        }
        (state.is_due, state.is_writing) = (false, true);
        drop(state);
        self.changed.notify_all();
        let mut result = Ok(());
        for piece in batch.chunks(PIECE) {
            result = sink.write_all(piece).and_then(|()| sink.flush());
            if result.is_err() {
                break;
            }
            self.state.lock().written += piece.len() as u64;
            self.changed.notify_all();
        }
        let mut state = self.state.lock();
        state.is_writing = false;
        if let Err(error) = result {
            state.failed = Some(error.kind());
            state.queued = Vec::new();
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Behind lines that were dropped none is queued, so that what tells of them stands where they would.
    fn append(&mut self, line: &str) {
        if self.failed.is_some() {
            return;
        }
        if self.dropped > 0 || self.queued.len() + line.len() > MAX_QUEUED {
            self.dropped += 1;
        } else {
            self.queued.extend_from_slice(line.as_bytes());
        }
    }

    fn is_written(&self) -> bool {
        self.queued.is_empty() && self.dropped == 0 && !self.is_writing
    }

    fn is_open(&self) -> bool {
        self.failed.is_none() && !self.is_interrupted
    }

    fn check(&self) -> io::Result<()> {
        match self.failed {
            Some(kind) => Err(kind.into()),
            // Not `Interrupted`, at which a copy would try again.
            None if self.is_interrupted => Err(io::Error::other("interrupted")),
            None => Ok(()),
        }
    }
}

/// What a line says of those that were dropped.
pub fn dropped(count: u64) -> String {
    let lines = if count == 1 { "line" } else { "lines" };
    format!("{count} {lines} dropped: the reader of this output stood still")
}

/// A descriptor that others may have made non-blocking: it is the terminal's or the pipe's, not ours alone.
struct Descriptor(File);

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None); // the write says why not
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
