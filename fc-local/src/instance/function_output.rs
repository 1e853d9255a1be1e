//! What has a process of the function printed? Read as it comes, logged line by line, the last of it kept for
//! `Logs:` and the log tail. How a line looks in the log is not known here.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ChildStderr, ChildStdout};
use std::sync::Arc;

use crate::log::{Log, Origin};
use crate::sync::Mutex;

/// The platform's limit for a line.
const MAX_LINE: usize = 32 * 1024;

/// How much of the end of a log the platform shows.
const TAIL: usize = 4096;

/// The most that the kernel keeps of a pipe (`/proc/sys/fs/pipe-max-size`), so the most that can be there at once. A
/// process that prints faster than it is read must not hold up for ever who only wants to know what is there.
const MAX_PIPE: usize = 1024 * 1024;

/// Whose output it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Function,
    /// An Initializer command: shown apart, and only its stderr is kept.
    Initializer,
}

/// What one process printed so far.
pub struct FunctionOutput {
    log: Arc<Log>,
    instance_id: String,
    streams: Mutex<Streams>,
}

struct Streams {
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    tail: Tail,
}

impl FunctionOutput {
    pub fn new(
        log: Arc<Log>,
        instance_id: &str,
        role: Role,
        stdout: ChildStdout,
        stderr: ChildStderr,
    ) -> std::io::Result<FunctionOutput> {
        // Whoever needs what has been printed so far reads it without waiting for more.
        rustix::io::ioctl_fionbio(&stdout, true)?;
        rustix::io::ioctl_fionbio(&stderr, true)?;
        let (out, err) = match role {
            Role::Function => (Origin::Stdout, Origin::Stderr),
            Role::Initializer => (Origin::Initializer, Origin::Initializer),
        };
        let streams = Streams {
            stdout: Stream::new(out, stdout, role == Role::Function),
            stderr: Stream::new(err, stderr, true),
            tail: Tail::default(),
        };
        Ok(FunctionOutput { log, instance_id: instance_id.to_owned(), streams: Mutex::new(streams) })
    }

    /// Reads all that there is now, and not what comes meanwhile. A function has printed what belongs to a reply before its last byte, so
    /// that this makes the log complete up to that reply.
    pub fn drain(&self) {
        self.read(false);
    }

    /// The same, and logs also a line whose end has not come: what is said next stands behind it.
    pub fn show(&self) {
        self.read(true);
    }

    fn read(&self, breaks_lines: bool) {
        let mut streams = self.streams.lock();
        let Streams { stdout, stderr, tail } = &mut *streams;
        let log = |origin, line: &[u8]| {
            self.log.output(origin, &self.instance_id, &String::from_utf8_lossy(line));
        };
        let mut printed = Vec::new();
        stdout.drain(&mut printed, log);
        stderr.drain(&mut printed, log);
        if breaks_lines {
            stdout.break_line(log);
            stderr.break_line(log);
        }
        tail.append(&mut printed);
    }

    /// The position in the output now; what was printed before is not part of [`since`](Self::since) it.
    pub fn position(&self) -> u64 {
        self.drain();
        self.streams.lock().tail.total
    }

    /// What was printed since `position`, the last 4 KB of it.
    pub fn since(&self, position: u64) -> Vec<u8> {
        self.drain();
        self.streams.lock().tail.since(position).to_vec()
    }

    /// The last lines of a process that failed, as in the platform's messages.
    pub fn last_lines(&self) -> String {
        String::from_utf8_lossy(&self.since(0)).trim_end().to_owned()
    }

    /// Whether anything has come on standard output so far.
    pub fn has_stdout(&self) -> bool {
        self.drain();
        self.streams.lock().stdout.has_begun
    }

    /// Handles to the pipes for whoever waits for them, so that nobody who drains waits meanwhile.
    pub fn pipes(&self) -> std::io::Result<Vec<OwnedFd>> {
        let streams = self.streams.lock();
        Ok(vec![
            streams.stdout.pipe.as_fd().try_clone_to_owned()?,
            streams.stderr.pipe.as_fd().try_clone_to_owned()?,
        ])
    }
}

/// The end of what was printed.
#[derive(Default)]
struct Tail {
    /// At least the last [`TAIL`] bytes, when there are as many.
    bytes: Vec<u8>,
    /// Bytes printed in all, so that a position in the output is a number.
    total: u64,
}

impl Tail {
    fn append(&mut self, printed: &mut Vec<u8>) {
        self.total += printed.len() as u64;
        self.bytes.append(printed);
        // Seldom, since it moves all that stays.
        if self.bytes.len() > 4 * TAIL {
            self.bytes.drain(..self.bytes.len() - TAIL);
        }
    }

    fn since(&self, position: u64) -> &[u8] {
        let printed = usize::try_from(self.total.saturating_sub(position)).unwrap_or(TAIL);
        let wanted = printed.min(TAIL).min(self.bytes.len());
        self.bytes.get(self.bytes.len() - wanted..).unwrap_or_default()
    }
}

/// One pipe.
struct Stream<R> {
    origin: Origin,
    pipe: R,
    /// What has not been logged of a line whose end has not been read.
    line: Vec<u8>,
    /// Whether its beginning has been.
    is_broken: bool,
    has_begun: bool,
    is_open: bool,
    is_kept: bool,
}

impl<R: Read> Stream<R> {
    fn new(origin: Origin, pipe: R, is_kept: bool) -> Stream<R> {
        Stream { origin, pipe, line: Vec::new(), is_broken: false, has_begun: false, is_open: true, is_kept }
    }

    /// Appends what there is to `printed`, when it is kept, and tells `log` every line that it completes.
    fn drain(&mut self, printed: &mut Vec<u8>, log: impl Fn(Origin, &[u8])) {
        let mut buffer = [0; 8192];
        let mut taken = 0;
        while self.is_open && taken < MAX_PIPE {
            let bytes = match self.pipe.read(&mut buffer) {
                Ok(0) => b"".as_slice(),
                Ok(count) => buffer.get(..count).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => b"",
            };
            if bytes.is_empty() {
                self.is_open = false;
                self.break_line(log);
                return;
            }
            self.has_begun = true;
            taken += bytes.len();
            if self.is_kept {
                printed.extend_from_slice(bytes);
            }
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    self.end_line(&log);
                } else if self.line.len() >= MAX_LINE {
                    self.break_line(&log);
                }
            }
        }
    }

    fn end_line(&mut self, log: impl Fn(Origin, &[u8])) {
        let line = self.line.trim_ascii_end();
        // The end alone of one that has been logged is none.
        if !line.is_empty() || !self.is_broken {
            log(self.origin, line);
        }
        self.line.clear();
        self.is_broken = false;
    }

    /// Logs what there is of a line; what comes of it later stands on one of its own.
    fn break_line(&mut self, log: impl Fn(Origin, &[u8])) {
        let line = self.line.trim_ascii_end();
        if !line.is_empty() {
            log(self.origin, line);
            self.line.clear();
            self.is_broken = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe in which these pieces arrive, an error of this kind after them.
    struct Pieces(Vec<&'static [u8]>, ErrorKind);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(self.1.into());
            }
            self.0.remove(0).read(buffer)
        }
    }

    /// The lines that are logged, and what is kept.
    fn drained(stream: &mut Stream<Pieces>) -> (Vec<String>, String) {
        let (lines, mut printed) = (std::cell::RefCell::new(Vec::new()), Vec::new());
        let log = |_, line: &[u8]| lines.borrow_mut().push(String::from_utf8_lossy(line).into_owned());
        stream.drain(&mut printed, log);
        (lines.into_inner(), String::from_utf8_lossy(&printed).into_owned())
    }

    fn stream(pieces: &[&'static str], end: ErrorKind, is_kept: bool) -> Stream<Pieces> {
        let pieces = pieces.iter().map(|piece| piece.as_bytes()).collect();
        Stream::new(Origin::Stdout, Pieces(pieces, end), is_kept)
    }

    #[test]
    fn a_line_is_logged_when_its_end_arrives() {
        let mut stream = stream(&["one\ntw"], ErrorKind::WouldBlock, true);
        assert_eq!(drained(&mut stream), (vec!["one".to_owned()], "one\ntw".to_owned()));
        stream.pipe.0.push(b"o\r\nthree\n");
        let (lines, printed) = drained(&mut stream);
        assert_eq!((lines, printed.as_str()), (vec!["two".to_owned(), "three".to_owned()], "o\r\nthree\n"));
    }

    #[test]
    fn the_end_of_the_pipe_is_the_end_of_the_last_line() {
        let mut stream = stream(&["unfinished"], ErrorKind::BrokenPipe, true);
        assert_eq!(drained(&mut stream).0, ["unfinished"]);
        assert_eq!(drained(&mut stream).0, [""; 0], "once");
    }

    #[test]
    fn a_line_over_the_platforms_limit_is_broken() {
        let mut pipe = stream(&[], ErrorKind::WouldBlock, false);
        let piece: &'static [u8] = &[b'x'; 8192];
        pipe.pipe.0 = vec![piece; 5];
        let (lines, _) = drained(&mut pipe);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE]);
        assert_eq!(pipe.line.len(), 8192);
    }

    #[test]
    fn a_process_that_prints_without_end_holds_up_nobody() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                buffer.fill(b'y');
                Ok(buffer.len())
            }
        }
        let mut printed = Vec::new();
        Stream::new(Origin::Stdout, Endless, true).drain(&mut printed, |_, _| {});
        assert_eq!(printed.len(), MAX_PIPE);
    }

    #[test]
    fn a_line_that_was_broken_goes_on_in_one_of_its_own_and_its_end_alone_is_none() {
        let mut stream = stream(&["one"], ErrorKind::WouldBlock, false);
        let broken = |stream: &mut Stream<Pieces>| {
            let lines = std::cell::RefCell::new(drained(stream).0);
            stream.break_line(|_, line| lines.borrow_mut().push(String::from_utf8_lossy(line).into_owned()));
            lines.into_inner()
        };
        assert_eq!(broken(&mut stream), ["one"]);
        assert_eq!(broken(&mut stream), [""; 0], "once");
        for (pieces, wanted) in [
            (&b"\ntwo"[..], &["two"][..]),
            (b" and", &[" and"]),
            (b" more\n\nfour\n", &[" more", "", "four"]),
            (b" ", &[]),
            (b"five", &[" five"]),
        ] {
            stream.pipe.0.push(pieces);
            assert_eq!(broken(&mut stream), wanted);
        }
    }

    #[test]
    fn what_is_not_kept_is_logged_all_the_same() {
        let mut stream = stream(&["shown\n"], ErrorKind::WouldBlock, false);
        assert_eq!(drained(&mut stream), (vec!["shown".to_owned()], String::new()));
    }

    #[test]
    fn the_tail_is_what_was_printed_since_a_position_and_at_most_4_kb() {
        let mut tail = Tail::default();
        tail.append(&mut b"before".to_vec());
        let position = tail.total;
        tail.append(&mut b"mine".to_vec());
        assert_eq!((tail.since(position), tail.since(tail.total)), (&b"mine"[..], &b""[..]));
        tail.append(&mut vec![b'y'; 6000]);
        assert_eq!(tail.since(position).len(), TAIL);
        for _ in 0..4 {
            tail.append(&mut vec![b'z'; 6000]);
        }
        assert!(tail.bytes.len() <= 4 * TAIL, "what nobody can ask for is forgotten");
        assert_eq!((tail.since(position), tail.total), (&[b'z'; TAIL][..], 10 + 5 * 6000));
    }
}
