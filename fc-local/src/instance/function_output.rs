//! What a function prints: read as it comes, logged line by line, the last of it kept for `Logs:` and the log tail.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ChildStderr, ChildStdout};
use std::sync::Arc;

use crate::log::{Log, Source};
use crate::sync::{Mutex, MutexGuard};

/// The platform's limit for a line.
const MAX_LINE: usize = 32 * 1024;

/// The platform shows the last 4 KB of a log.
pub const TAIL: usize = 4096;

/// Whose output it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Function,
    /// An Initializer command: shown apart, and only its stderr is kept.
    Initializer,
}

pub struct Output {
    log: Arc<Log>,
    instance: String,
    streams: Mutex<Streams>,
}

struct Streams {
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    tail: Vec<u8>,
    /// Bytes seen in all, so that a place in the output is a number.
    total: u64,
}

struct Stream<R> {
    source: Source,
    pipe: R,
    line: Vec<u8>,
    open: bool,
    kept: bool,
}

impl Output {
    pub fn new(
        log: Arc<Log>,
        instance: &str,
        role: Role,
        stdout: ChildStdout,
        stderr: ChildStderr,
    ) -> std::io::Result<Output> {
        // Whoever needs what has been printed so far reads it without waiting for more.
        rustix::io::ioctl_fionbio(&stdout, true)?;
        rustix::io::ioctl_fionbio(&stderr, true)?;
        let (out, err) = match role {
            Role::Function => (Source::Stdout, Source::Stderr),
            Role::Initializer => (Source::Initializer, Source::Initializer),
        };
        let streams = Streams {
            stdout: Stream::new(out, stdout, role == Role::Function),
            stderr: Stream::new(err, stderr, true),
            tail: Vec::new(),
            total: 0,
        };
        Ok(Output { log, instance: instance.to_owned(), streams: Mutex::new(streams) })
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock()
    }

    /// Reads all there is now. A function has printed what belongs to a response before its last byte, so this makes
    /// the log complete up to that response.
    pub fn drain(&self) {
        let mut streams = self.lock();
        let Streams { stdout, stderr, tail, total } = &mut *streams;
        let mut kept = Vec::new();
        let log =
            |source, line: &[u8]| self.log.output(source, &self.instance, &String::from_utf8_lossy(line));
        stdout.drain(&mut kept, log);
        stderr.drain(&mut kept, log);
        *total += kept.len() as u64;
        tail.append(&mut kept);
        if tail.len() > 4 * TAIL {
            tail.drain(..tail.len() - TAIL);
        }
    }

    /// Where the output stands now; what was printed before is not part of [`Output::since`].
    pub fn position(&self) -> u64 {
        self.drain();
        self.lock().total
    }

    /// The last 4 KB printed since `position`.
    pub fn since(&self, position: u64) -> Vec<u8> {
        self.drain();
        let streams = self.lock();
        let printed = usize::try_from(streams.total.saturating_sub(position)).unwrap_or(TAIL);
        let wanted = printed.min(TAIL).min(streams.tail.len());
        streams.tail.get(streams.tail.len() - wanted..).unwrap_or_default().to_vec()
    }

    /// The last lines of a process that failed, as in the platform's messages.
    pub fn last(&self) -> String {
        String::from_utf8_lossy(&self.since(0)).trim_end().to_owned()
    }

    /// Handles to the pipes for whoever waits for them, so that nobody who drains waits meanwhile.
    pub fn pipes(&self) -> std::io::Result<Vec<OwnedFd>> {
        let streams = self.lock();
        Ok(vec![
            streams.stdout.pipe.as_fd().try_clone_to_owned()?,
            streams.stderr.pipe.as_fd().try_clone_to_owned()?,
        ])
    }
}

impl<R: Read> Stream<R> {
    fn new(source: Source, pipe: R, kept: bool) -> Stream<R> {
        Stream { source, pipe, line: Vec::new(), open: true, kept }
    }

    /// Appends what there is to `kept` and tells `log` every line it completes.
    fn drain(&mut self, kept: &mut Vec<u8>, log: impl Fn(Source, &[u8])) {
        let mut buffer = [0; 8192];
        while self.open {
            let bytes = match self.pipe.read(&mut buffer) {
                Ok(0) => b"".as_slice(),
                Ok(count) => buffer.get(..count).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => b"",
            };
            if bytes.is_empty() {
                self.open = false;
                if !self.line.is_empty() {
                    log(self.source, &std::mem::take(&mut self.line));
                }
                return;
            }
            if self.kept {
                kept.extend_from_slice(bytes);
            }
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") || self.line.len() >= MAX_LINE {
                    log(self.source, self.line.trim_ascii_end());
                    self.line.clear();
                }
            }
        }
    }
}
