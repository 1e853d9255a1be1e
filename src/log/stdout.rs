//! Standard output, and the last line on standard error: nothing else writes to them. A line is one write. A reader that stands still costs its
//! lines, and not the function: a writer waits for a while once, and from then on not at all until the reader
//! goes on.

use crate::sync::{AtomicBool, Ordering, RwLock};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdout};
use rustix::time::Timespec;
use std::io::IsTerminal;

/// A collector that is behind for longer than this has stopped: a writer waits for it so long, once.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// What the next ones wait until it goes on.
const NOT_AT_ALL: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// How often a line whose room another has taken waits once more, and how long: for a second in all.
#[cfg(target_os = "linux")]
const MORE_WAITS: (usize, Timespec) = (1_000, Timespec { tv_sec: 0, tv_nsec: 1_000_000 });

/// What the system writes to a pipe as a whole (pipe(7)).
pub(super) const PIPE_BUF: usize = 4096;

/// Whether the last wait for the reader was in vain. Of the one standard output that a process has.
static STANDS_STILL: AtomicBool = AtomicBool::new(false);

/// A line was cut short, and its end is owed before the next one begins.
static IS_CUT: AtomicBool = AtomicBool::new(false);

/// What standard output goes to does not know of writes that do not wait.
#[cfg(target_os = "linux")]
static KNOWS_NO_NOWAIT: AtomicBool = AtomicBool::new(false);

/// Shared by those who write what the system takes as a whole. Who writes more holds it alone: a pipe that is nearly full takes
/// such a line in pieces, and another one is not to come in between.
static PIECES: RwLock<()> = RwLock::new(());

/// One line, and no other within it. A closed or full standard output loses it, or what is left of it.
pub(crate) fn write_line(#[allow(unused_mut, reason = "tests divert it")] mut line: &[u8]) {
    #[cfg(test)]
    divert(&mut line);
    if line.len() > PIPE_BUF {
        let _alone = PIECES.write(); // nothing is guarded that a panic could break
        write(line);
    } else {
        let _shared = PIECES.read();
        write(line);
    }
}

fn write(line: &[u8]) {
    if IS_CUT.load(Ordering::Relaxed) && write_all(b"\n") == 0 {
        IS_CUT.store(false, Ordering::Relaxed);
    }
    let lost = write_all(line);
    if lost > 0 && lost < line.len() {
        IS_CUT.store(true, Ordering::Relaxed);
    }
}

/// How many bytes are lost.
fn write_all(mut bytes: &[u8]) -> usize {
    while !bytes.is_empty() {
        match write_some(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => break, // nobody reads: the function's work matters more than the line
        }
    }
    bytes.len()
}

/// One line for who has started the program by hand; nothing where standard output is no terminal, as on the
/// platform.
pub(crate) fn terminal_line(line: impl FnOnce() -> String) {
    if stdout().is_terminal() {
        write_line(line().as_bytes());
    }
}

/// The line on standard error that says why a process ends. A reader that stands still does not keep it, and a line is
/// cut to what the system writes as a whole.
pub(crate) fn error_line(mut line: String) {
    let fitting = (0..PIPE_BUF).rev().find(|&length| line.is_char_boundary(length));
    line.truncate(fitting.unwrap_or_default());
    line.push('\n');
    let ready = poll(&mut [PollFd::new(&stderr(), PollFlags::OUT)], Some(&PATIENCE));
    if ready.is_ok_and(|ready| ready > 0) {
        let _ = rustix::io::write(stderr(), line.as_bytes()); // it may be closed
    }
}

#[cfg(target_os = "linux")]
fn write_some(line: &[u8]) -> Result<usize, Errno> {
    if !KNOWS_NO_NOWAIT.load(Ordering::Relaxed) {
        match write_at_once(line) {
            // A terminal, a file system, or a kernel, that does not know of not waiting.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::SPIPE) => {}
            // Some file systems would have to wait with every line that makes a file longer.
            Err(Errno::AGAIN) if is_file() => {}
            Err(Errno::AGAIN) => return write_when_there_is_room(line),
            outcome => return outcome,
        }
        KNOWS_NO_NOWAIT.store(true, Ordering::Relaxed);
    }
    wait_for_room()?;
    rustix::io::write(stdout(), piece(line))
}

/// The room that one has waited for may be another's by then. Who has waited long enough loses the line: a slow reader
/// keeps no function for longer than one that stands still.
#[cfg(target_os = "linux")]
fn write_when_there_is_room(line: &[u8]) -> Result<usize, Errno> {
    wait_for_room()?;
    let (count, moment) = MORE_WAITS;
    for _ in 0..count {
        match write_at_once(piece(line)) {
            Err(Errno::AGAIN) => has_room(&moment)?,
            outcome => return outcome,
        };
    }
    Err(Errno::AGAIN)
}

/// Whose writes wait for no reader.
#[cfg(target_os = "linux")]
fn is_file() -> bool {
    use rustix::fs::{FileType, fstat};
    fstat(stdout()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

#[cfg(target_os = "linux")]
fn write_at_once(line: &[u8]) -> Result<usize, Errno> {
    use rustix::io::{ReadWriteFlags, pwritev2};
    // From the present position, as `write`.
    let count = pwritev2(stdout(), &[std::io::IoSlice::new(line)], u64::MAX, ReadWriteFlags::NOWAIT)?;
    // A short line may have found the rest of a page that a longer one did not: that the reader goes on shows in more room.
    if STANDS_STILL.load(Ordering::Relaxed) && has_room(&NOT_AT_ALL).unwrap_or(false) {
        STANDS_STILL.store(false, Ordering::Relaxed);
    }
    Ok(count)
}

#[cfg(not(target_os = "linux"))]
fn write_some(line: &[u8]) -> Result<usize, Errno> {
    wait_for_room()?;
    rustix::io::write(stdout(), piece(line))
}

/// What a pipe that is ready is sure to take.
fn piece(line: &[u8]) -> &[u8] {
    line.get(..PIPE_BUF).unwrap_or(line)
}

fn wait_for_room() -> Result<(), Errno> {
    let patience = if STANDS_STILL.load(Ordering::Relaxed) { NOT_AT_ALL } else { PATIENCE };
    let has_room = has_room(&patience)?;
    STANDS_STILL.store(!has_room, Ordering::Relaxed);
    if has_room { Ok(()) } else { Err(Errno::AGAIN) }
}

/// Whether there is room, or an end, within that time.
fn has_room(patience: &Timespec) -> Result<bool, Errno> {
    poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], Some(patience)).map(|ready| ready > 0)
}

#[cfg(test)]
thread_local! {
    static DIVERTED: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// In the tests of this crate a line is kept for the thread that wrote it.
#[cfg(test)]
fn divert(line: &mut &[u8]) {
    DIVERTED.with_borrow_mut(|lines| lines.extend_from_slice(std::mem::take(line)));
}

/// What this thread has written since it was last asked.
#[cfg(test)]
pub(crate) fn written() -> String {
    DIVERTED.with_borrow_mut(|lines| String::from_utf8(std::mem::take(lines)).unwrap())
}
