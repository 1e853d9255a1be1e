//! One peer's socket: what can be done with it at once. Who waits, and for how long, is decided elsewhere.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use rustix::time::Timespec;
use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

#[cfg(target_os = "linux")]
const HALF_CLOSED: PollFlags = PollFlags::RDHUP;
#[cfg(not(target_os = "linux"))]
const HALF_CLOSED: PollFlags = PollFlags::HUP;

/// A write to a peer that has gone is an error and no signal; where there is no such flag, std has the signal
/// ignored.
#[cfg(target_os = "linux")]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// Every call says itself that it does not want to block: accepted sockets are blocking on Linux, and inherit
/// the listener's mode elsewhere.
pub(crate) struct Socket(TcpStream);

/// What a peer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Readable,
    Writable,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Socket {
        Socket(stream)
    }

    /// What has arrived: `None` for nothing yet, `Some(0)` when the peer has ended its sending.
    pub(crate) fn receive(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match recv(&self.0, &mut *buf, RecvFlags::DONTWAIT) {
                Ok((_, count)) => return Ok(Some(count)),
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends as much as the system takes now: `None` when it takes nothing.
    pub(crate) fn send(&self, pieces: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let flags = SendFlags::DONTWAIT | NO_SIGNAL;
        loop {
            let sent = match pieces {
                [piece] => send(&self.0, piece, flags),
                _ => sendmsg(&self.0, pieces, &mut SendAncillaryBuffer::default(), flags),
            };
            match sent {
                Ok(count) => return Ok(Some(count)),
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Blocks until the peer is ready, at most `timeout`; an interruption counts as ready.
    pub(crate) fn wait(&self, readiness: Readiness, timeout: Duration) -> io::Result<bool> {
        let flags = match readiness {
            Readiness::Readable => PollFlags::IN | HALF_CLOSED,
            Readiness::Writable => PollFlags::OUT,
        };
        let timeout = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ };
        match poll(&mut [PollFd::new(&self.0, flags)], Some(&timeout)) {
            Ok(count) => Ok(count > 0),
            Err(Errno::INTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether something, or the end, can be received.
    pub(crate) fn has_arrived(&self) -> bool {
        !matches!(recv(&self.0, &mut [0; 1], RecvFlags::DONTWAIT | RecvFlags::PEEK), Err(Errno::AGAIN))
    }

    /// Whether the peer has closed its side: looks at the socket without taking anything from it.
    pub(crate) fn peer_closed(&self) -> bool {
        let mut polled = [PollFd::new(&self.0, HALF_CLOSED)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut polled, Some(&now)) {
            Ok(_) => polled[0].revents().intersects(HALF_CLOSED | PollFlags::HUP | PollFlags::ERR),
            Err(_) => false, // nothing is known of it; a write will tell
        }
    }

    /// Ends the sending, so that the peer reads what was sent before it learns of the close.
    pub(crate) fn end_sending(&self) {
        let _ = self.0.shutdown(Shutdown::Write); // the peer may be gone already
    }

    /// Has the close reset the connection, for a response whose end would otherwise look like its end.
    pub(crate) fn reset_at_close(&self) {
        let _ = set_socket_linger(&self.0, Some(Duration::ZERO)); // the peer may be gone already
    }

    /// Ends both directions: whoever waits for this peer is woken with an error.
    pub(crate) fn cut(&self) {
        let _ = self.0.shutdown(Shutdown::Both); // the peer may be gone already
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
impl Socket {
    /// A socket and its peer.
    pub(crate) fn pair() -> (Socket, TcpStream) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Socket::new(listener.accept().unwrap().0), peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    const WATCHDOG: Duration = Duration::from_secs(30);

    #[test]
    fn nothing_bytes_and_the_end_are_told_apart() {
        let (socket, mut peer) = Socket::pair();
        let mut buf = [0; 8];
        assert_eq!(socket.receive(&mut buf).unwrap(), None);
        peer.write_all(b"abc").unwrap();
        assert!(socket.wait(Readiness::Readable, WATCHDOG).unwrap() && socket.has_arrived());
        assert_eq!(socket.receive(&mut buf).unwrap(), Some(3));
        assert!(!socket.peer_closed());
        peer.shutdown(Shutdown::Write).unwrap();
        assert!(socket.wait(Readiness::Readable, WATCHDOG).unwrap() && socket.peer_closed());
        assert_eq!(socket.receive(&mut buf).unwrap(), Some(0));
    }

    #[test]
    fn a_peer_that_takes_nothing_is_seen() {
        let (socket, _peer) = Socket::pair();
        let piece = [b'x'; 65_536];
        while socket.send(&[IoSlice::new(&piece)]).unwrap().is_some() {}
        assert!(!socket.wait(Readiness::Writable, Duration::ZERO).unwrap());
    }

    #[test]
    fn pieces_arrive_in_order() {
        let (socket, mut peer) = Socket::pair();
        let sent = socket.send(&[IoSlice::new(b"one "), IoSlice::new(b"two")]).unwrap();
        assert_eq!(sent, Some(7));
        let mut received = [0; 7];
        peer.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"one two");
    }

    #[test]
    fn a_cut_wakes_who_waits() {
        let (socket, _peer) = Socket::pair();
        socket.cut();
        assert!(socket.wait(Readiness::Readable, WATCHDOG).unwrap());
        assert_eq!(socket.receive(&mut [0; 8]).unwrap(), Some(0));
    }
}
