//! How long is a peer waited for? Until it has something to say, the time is up, or the caller has gone away.
//! What is said is not known here.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::error::Error;

/// How often a wait looks whether time still passes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often a wait looks whether whoever waits for the reply is still there.
pub const RECIPIENT_CHECK_EVERY: Duration = Duration::from_millis(50);

/// How long a call runs before anybody looks whether its time passes: most are over by then.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// What is left of a time that nobody counts.
const A_DAY: Duration = Duration::from_secs(86_400);

/// Time that does not count.
pub trait Pauses: Send + Sync {
    /// Looks again if the last look is older than `longest`.
    fn look(&self, now: Instant, longest: Duration) -> Pause;
}

/// Whether time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It does, and has not for so long in all.
    Over(Duration),
    /// It stands still, and has for so long in all.
    Now(Duration),
    /// Nothing has a limit.
    Always,
}

/// When a call is over, whatever its peers do: an absolute time, but for what its [`Pauses`] add to it. Every read, write
/// and wait of this client takes it and looks at it first, so that a peer which is always ready gets no more of it than
/// one that is silent.
#[derive(Clone)]
pub struct Deadline {
    began: Instant,
    time: Duration,
    /// With what they had come to when it began.
    pauses: Option<(Arc<dyn Pauses>, Duration)>,
}

impl Deadline {
    pub fn after(time: Duration) -> Deadline {
        Deadline { began: Instant::now(), time, pauses: None }
    }

    /// After so much time that counts.
    pub fn with_pauses(time: Duration, pauses: Arc<dyn Pauses>) -> Deadline {
        let began = Instant::now();
        let before = match pauses.look(began, Duration::MAX) {
            Pause::Over(total) | Pause::Now(total) => total,
            Pause::Always => Duration::ZERO,
        };
        Deadline { began, time, pauses: Some((pauses, before)) }
    }

    /// The time left; an error of the kind [`ErrorKind::TimedOut`] once there is none.
    pub fn left(&self) -> io::Result<Duration> {
        self.left_at(Instant::now())
    }

    fn left_at(&self, now: Instant) -> io::Result<Duration> {
        let elapsed = now.saturating_duration_since(self.began);
        let left = |paused| (self.time + paused).saturating_sub(elapsed);
        let Some((pauses, before)) = self.pauses.as_ref().filter(|_| elapsed > FIRST_LOOK) else {
            let left = left(Duration::ZERO);
            return if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) };
        };
        let added = |total: Duration| total.saturating_sub(*before);
        let mut pause = pauses.look(now, LOOK_EVERY);
        if matches!(pause, Pause::Over(total) if left(added(total)).is_zero()) {
            // It strikes unless time has come to stand still meanwhile.
            pause = pauses.look(now, Duration::ZERO);
        }
        match pause {
            Pause::Always => Ok(A_DAY),
            Pause::Now(total) => Ok(left(added(total)).max(LOOK_EVERY)),
            Pause::Over(total) if left(added(total)).is_zero() => Err(ErrorKind::TimedOut.into()),
            Pause::Over(total) => Ok(left(added(total))),
        }
    }

    /// The longest wait before somebody has to look at it again.
    fn next_look(&self) -> io::Result<Duration> {
        let longest = if self.pauses.is_some() { LOOK_EVERY } else { Duration::MAX };
        Ok(self.left()?.min(longest))
    }
}

/// Whoever waits for a reply.
pub trait Recipient: Send + Sync {
    /// Whether nobody is there to take it.
    fn has_gone(&self) -> bool;
}

/// One that stays: the platform itself.
pub struct Stays;

impl Recipient for Stays {
    fn has_gone(&self) -> bool {
        false
    }
}

/// How long a reply is waited for, and for whom: from the request's first byte to the last one of the reply.
#[derive(Clone)]
pub struct Patience {
    pub deadline: Deadline,
    pub recipient: Arc<dyn Recipient>,
}

impl Patience {
    /// For requests of the platform's own.
    pub fn of(deadline: Deadline) -> Patience {
        Patience { deadline, recipient: Arc::new(Stays) }
    }

    /// Waits until `wanted` is possible.
    pub fn wait(&self, stream: &TcpStream, wanted: PollFlags) -> Result<PollFlags, Error> {
        loop {
            let ready = ready(stream, wanted, &self.deadline, RECIPIENT_CHECK_EVERY);
            let ready = ready.map_err(Error::of_connection)?;
            if !ready.is_empty() {
                return Ok(ready);
            }
            if self.recipient.has_gone() {
                return Err(Error::CallerGone);
            }
        }
    }
}

/// What is possible of `wanted`, without waiting.
pub fn possible(stream: &TcpStream, wanted: PollFlags) -> io::Result<PollFlags> {
    ready_within(stream, wanted, Duration::ZERO)
}

/// Waits until `wanted` is possible; empty when `longest` passed first, or whoever waits is to look at the time again.
pub fn ready(
    stream: &TcpStream,
    wanted: PollFlags,
    deadline: &Deadline,
    longest: Duration,
) -> io::Result<PollFlags> {
    ready_within(stream, wanted, deadline.next_look()?.min(longest))
}

fn ready_within(stream: &TcpStream, wanted: PollFlags, timeout: Duration) -> io::Result<PollFlags> {
    let mut fds = [PollFd::new(stream, wanted)];
    let is_ready = poll_once(&mut fds, timeout)?;
    let [fd] = &fds;
    Ok(if is_ready { fd.revents() } else { PollFlags::empty() })
}

/// Which of two can be read, as soon as one can; neither when whoever waits is to look at the time again.
pub fn readable(first: BorrowedFd<'_>, second: &TcpStream, deadline: &Deadline) -> io::Result<(bool, bool)> {
    let timeout = deadline.next_look()?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;

    const SECOND: Duration = Duration::from_secs(1);

    /// Says what it is told to, and how old what it says may be.
    struct Told(Mutex<(Pause, Vec<Duration>)>);

    impl Pauses for Told {
        fn look(&self, _: Instant, longest: Duration) -> Pause {
            let mut told = self.0.lock();
            told.1.push(longest);
            told.0
        }
    }

    /// What is left of three seconds after so many milliseconds, when time has stood still for one before they began.
    fn left(pause: Pause, millis: u64) -> (Option<Duration>, Vec<Duration>) {
        let told = Arc::new(Told(Mutex::new((Pause::Over(SECOND), Vec::new()))));
        let deadline = Deadline::with_pauses(3 * SECOND, Arc::clone(&told) as Arc<dyn Pauses>);
        *told.0.lock() = (pause, Vec::new());
        let left = deadline.left_at(deadline.began + Duration::from_millis(millis)).ok();
        (left, std::mem::take(&mut told.0.lock().1))
    }

    #[test]
    fn time_that_stands_still_does_not_count() {
        let over = |seconds| Pause::Over(seconds * SECOND);
        for (pause, millis, wanted) in [
            (over(1), 1000, Some(2 * SECOND)),
            (over(1), 3000, None),
            (over(3), 3000, Some(2 * SECOND)),
            (over(3), 5000, None),
            (Pause::Now(2 * SECOND), 3500, Some(SECOND / 2)),
            (Pause::Now(SECOND), 9000, Some(LOOK_EVERY)),
            (Pause::Always, 9000, Some(A_DAY)),
        ] {
            assert_eq!(left(pause, millis).0, wanted, "{pause:?} after {millis} ms");
        }
    }

    #[test]
    fn nobody_looks_at_a_short_call_and_everybody_before_a_deadline_strikes() {
        let over = Pause::Over(SECOND);
        assert_eq!(left(over, 20), (Some(Duration::from_millis(2980)), vec![]));
        assert_eq!(left(over, 21).1, [LOOK_EVERY]);
        assert_eq!(left(over, 3000), (None, vec![LOOK_EVERY, Duration::ZERO]));
    }

    #[test]
    fn a_deadline_without_pauses_is_an_absolute_time() {
        let deadline = Deadline::after(SECOND);
        assert_eq!(deadline.left_at(deadline.began + SECOND / 4).ok(), Some(SECOND * 3 / 4));
        assert_eq!(
            deadline.left_at(deadline.began + SECOND).map_err(|error| error.kind()),
            Err(ErrorKind::TimedOut)
        );
    }
}
