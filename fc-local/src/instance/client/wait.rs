//! How long is a peer waited for? Until it has something to say, the time is up, or the caller has gone away.
//! What is said is not known here.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// When a call is over, whatever its peers do: an absolute time. Every read, write and wait of this client takes it
/// and looks at it first, so that a peer which is always ready gets no more of it than one that is silent.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(time: Duration) -> Deadline {
        Deadline(Instant::now() + time)
    }

    /// The time left; an error of the kind [`ErrorKind::TimedOut`] once there is none.
    pub fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// How long to wait, and for whom.
pub struct Patience<'a> {
    pub deadline: Deadline,
    /// Whether the caller has gone away.
    pub caller_gone: &'a dyn Fn() -> bool,
}

impl Patience<'_> {
    /// For requests of the platform's own.
    pub fn of(deadline: Deadline) -> Patience<'static> {
        Patience { deadline, caller_gone: &|| false }
    }
}

/// What is possible of `wanted`, without waiting.
pub fn possible(stream: &TcpStream, wanted: PollFlags) -> io::Result<PollFlags> {
    ready_within(stream, wanted, Duration::ZERO)
}

/// Waits until `wanted` is possible; empty when `longest` passed first.
pub fn ready(
    stream: &TcpStream,
    wanted: PollFlags,
    deadline: Deadline,
    longest: Duration,
) -> io::Result<PollFlags> {
    ready_within(stream, wanted, deadline.left()?.min(longest))
}

fn ready_within(stream: &TcpStream, wanted: PollFlags, timeout: Duration) -> io::Result<PollFlags> {
    let mut fds = [PollFd::new(stream, wanted)];
    let is_ready = poll_once(&mut fds, timeout)?;
    let [fd] = &fds;
    Ok(if is_ready { fd.revents() } else { PollFlags::empty() })
}

/// Which of two can be read, as soon as one can.
pub fn readable(first: BorrowedFd<'_>, second: &TcpStream, deadline: Deadline) -> io::Result<(bool, bool)> {
    let timeout = deadline.left()?;
    let mut fds = [PollFd::from_borrowed_fd(first, PollFlags::IN), PollFd::new(second, PollFlags::IN)];
    if !poll_once(&mut fds, timeout)? {
        return Ok((false, false));
    }
    let [first, second] = fds.map(|fd| !fd.revents().is_empty());
    Ok((first, second))
}

/// False when a signal interrupted the wait: whoever waits looks at the time again.
fn poll_once(fds: &mut [PollFd<'_>], timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    match poll(fds, Some(&timeout)) {
        Ok(_) => Ok(true),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Repeats a read that a signal interrupted.
pub fn retrying(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
