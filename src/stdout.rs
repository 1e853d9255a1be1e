//! Lines on standard output, each written at once and without a lock. A reader that stands still costs its lines, and
//! not the function: whoever writes waits for a while once, and from then on not at all until the reader goes on.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio::stdout;
use rustix::time::Timespec;
use std::sync::atomic::{AtomicBool, Ordering};

/// A collector that is behind for longer than this has stopped.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
const NOT_AT_ALL: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Of the one standard output that a process has.
static STANDS_STILL: AtomicBool = AtomicBool::new(false);

/// One line, as a whole where the system takes it so. A closed or full standard output loses it.
pub(crate) fn write_line(mut line: &[u8]) {
    while !line.is_empty() {
        match write_some(line) {
            Ok(count) => line = line.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => return, // nobody reads: the function's work matters more than the line
        }
    }
}

#[cfg(target_os = "linux")]
fn write_some(line: &[u8]) -> Result<usize, Errno> {
    use rustix::io::{ReadWriteFlags, pwritev2};
    // From the present position, as `write`.
    match pwritev2(stdout(), &[std::io::IoSlice::new(line)], u64::MAX, ReadWriteFlags::NOWAIT) {
        // A terminal, or a kernel, that does not know of not waiting.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::SPIPE) => write_when_taken(line),
        Err(Errno::AGAIN) => write_when_taken(line),
        outcome => outcome,
    }
}

#[cfg(not(target_os = "linux"))]
fn write_some(line: &[u8]) -> Result<usize, Errno> {
    write_when_taken(line)
}

fn write_when_taken(line: &[u8]) -> Result<usize, Errno> {
    let patience = if STANDS_STILL.load(Ordering::Relaxed) { NOT_AT_ALL } else { PATIENCE };
    let ready = poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], Some(&patience))?;
    STANDS_STILL.store(ready == 0, Ordering::Relaxed);
    if ready == 0 { Err(Errno::AGAIN) } else { rustix::io::write(stdout(), line) }
}
