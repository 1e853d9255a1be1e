//! One peer's socket: what can be done with it at once. Who waits, and for how long, is decided
//! elsewhere.

use crate::clock::Moment;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use rustix::time::Timespec;
use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Every peer is given credit for so many bytes, so that one who has only begun does not look slow.
const CREDIT: u64 = 64 * 1024;

#[cfg(target_os = "linux")]
const HALF_CLOSED: PollFlags = PollFlags::RDHUP;
#[cfg(not(target_os = "linux"))]
const HALF_CLOSED: PollFlags = PollFlags::HUP;

/// A write to a peer that has gone is an error and no signal; where there is no such flag, std has
/// the signal ignored.
#[cfg(target_os = "linux")]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: SendFlags = SendFlags::empty();

pub(crate) struct Link {
    stream: TcpStream,
    /// Bytes moved in either direction since `stalled_since`.
    moved: AtomicU64,
    /// When a worker first waited for this peer in the present request; 0 before that.
    stalled_since: AtomicU64,
}

/// What a peer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Readable,
    Writable,
}

impl Link {
    pub fn new(stream: TcpStream) -> Link {
        Link { stream, moved: AtomicU64::new(0), stalled_since: AtomicU64::new(0) }
    }

    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// What has arrived: `None` for nothing yet, `Some(0)` when the peer has ended its sending.
    pub fn receive(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match recv(&self.stream, &mut *buf, RecvFlags::DONTWAIT) {
                Ok((_, count)) => {
                    self.moved.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(Some(count));
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends as much as the system takes now: `None` when it takes nothing.
    pub fn send(&self, pieces: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let flags = SendFlags::DONTWAIT | NO_SIGNAL;
        loop {
            let sent = match pieces {
                [piece] => send(&self.stream, piece, flags),
                _ => sendmsg(&self.stream, pieces, &mut SendAncillaryBuffer::default(), flags),
            };
            match sent {
                Ok(count) => {
                    self.moved.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(Some(count));
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Blocks until the peer is ready, at most `timeout`; an interruption counts as ready.
    pub fn wait(&self, readiness: Readiness, timeout: Duration) -> io::Result<bool> {
        let flags = match readiness {
            Readiness::Readable => PollFlags::IN | HALF_CLOSED,
            Readiness::Writable => PollFlags::OUT,
        };
        let timeout = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ };
        match poll(&mut [PollFd::new(&self.stream, flags)], Some(&timeout)) {
            Ok(count) => Ok(count > 0),
            Err(Errno::INTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether something, or the end, can be received.
    pub fn has_arrived(&self) -> bool {
        !matches!(recv(&self.stream, &mut [0; 1], RecvFlags::DONTWAIT | RecvFlags::PEEK), Err(Errno::AGAIN))
    }

    /// Whether the peer has closed its side: looks at the socket without taking anything from it.
    pub fn peer_closed(&self) -> bool {
        let mut polled = [PollFd::new(&self.stream, HALF_CLOSED)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut polled, Some(&now)) {
            Ok(_) => polled[0].revents().intersects(HALF_CLOSED | PollFlags::HUP | PollFlags::ERR),
            Err(_) => false, // nothing is known of it; a write will tell
        }
    }

    /// Ends the sending, so that the peer reads what was sent before it learns of the close.
    pub fn end_sending(&self) {
        let _ = self.stream.shutdown(Shutdown::Write); // the peer may be gone already
    }

    /// Has the close reset the connection, for a response whose end would otherwise look like its end.
    pub fn reset_at_close(&self) {
        let _ = set_socket_linger(&self.stream, Some(Duration::ZERO)); // the peer may be gone already
    }

    /// Ends both directions: whoever waits for this peer is woken with an error.
    pub fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both); // the peer may be gone already
    }

    /// A request begins, and nobody has waited for its peer.
    pub fn begin(&self) {
        self.stalled_since.store(0, Ordering::Relaxed);
    }

    /// A worker is about to wait for this peer. What the system took before says nothing of how it goes on.
    pub fn stalls(&self, now: Moment) {
        let first =
            self.stalled_since.compare_exchange(0, now.0.max(1), Ordering::Relaxed, Ordering::Relaxed);
        if first.is_ok() {
            self.moved.store(0, Ordering::Relaxed);
        }
    }

    /// Bytes per second since it was first waited for; the fewer, the sooner it is cut.
    pub fn rate(&self, now: Moment) -> u64 {
        let stalled = now.since(Moment(self.stalled_since.load(Ordering::Relaxed))).as_millis() as u64;
        (self.moved.load(Ordering::Relaxed) + CREDIT).saturating_mul(1000) / (stalled + 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn link() -> Link {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Link::new(listener.accept().unwrap().0)
    }

    #[test]
    fn what_the_system_took_before_a_peer_was_waited_for_does_not_protect_it() {
        let (stuck, newcomer) = (link(), link());
        let at = |milliseconds| Moment::default().after(Duration::from_millis(milliseconds));
        stuck.begin();
        stuck.moved.store(400_000, Ordering::Relaxed);
        stuck.stalls(at(1000));
        newcomer.begin();
        newcomer.stalls(at(1100));
        assert!(stuck.rate(at(1150)) < newcomer.rate(at(1150)), "the older one goes");
        newcomer.moved.store(10_000, Ordering::Relaxed);
        newcomer.stalls(at(2000));
        stuck.stalls(at(2000));
        assert!(stuck.rate(at(9000)) < newcomer.rate(at(9000)), "and who moves nothing");
    }
}
