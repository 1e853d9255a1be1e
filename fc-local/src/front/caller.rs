//! Has the caller of a call gone away? One that has only ended its sending has not (RFC 9112 section 9.6), and looks the
//! same from here until something is written to it. What follows is not known here.

use std::net::{IpAddr, TcpStream};

use fc_runtime::Request;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::instance::client::Recipient;
use crate::instance::procfs;

/// A caller's side of its connection.
pub struct Caller(Option<TcpStream>);

impl Caller {
    /// Whoever sent `request`. A handle of its own, so that the request can be read meanwhile, and also behind the
    /// response's head.
    pub fn of(request: &Request<'_>) -> Caller {
        let socket = request.socket().and_then(|socket| socket.try_clone_to_owned().ok());
        Caller(socket.map(TcpStream::from))
    }

    /// Where it calls from, unless it has reset its connection.
    pub fn address(&self) -> Option<IpAddr> {
        let address = self.0.as_ref()?.peer_addr().ok()?;
        Some(address.ip().to_canonical())
    }
}

impl Recipient for Caller {
    fn has_gone(&self) -> bool {
        let Some(stream) = &self.0 else { return false };
        let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let events = poll(&mut polled, Some(&now)).map(|_| polled.first().map(PollFd::revents));
        match events.ok().flatten() {
            Some(events) if events.intersects(PollFlags::HUP | PollFlags::ERR) => true,
            Some(events) if events.contains(PollFlags::RDHUP) => is_left(stream),
            _ => false,
        }
    }
}

/// Whether no process holds the other end any longer. Of another machine's nobody knows before a write fails.
fn is_left(stream: &TcpStream) -> bool {
    match (stream.peer_addr(), stream.local_addr()) {
        (Ok(theirs), Ok(ours)) => {
            !procfs::is_held(theirs, ours).unwrap_or(!theirs.ip().to_canonical().is_loopback())
        }
        _ => true, // it has been reset
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener};
    use std::time::{Duration, Instant};

    use super::*;

    fn pair(host: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((host, 0)).expect("a port");
        let theirs = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        (theirs, listener.accept().expect("a connection").0)
    }

    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_caller_that_ended_its_sending_is_there_until_it_closes() {
        for host in ["127.0.0.1", "::1"] {
            let (mut theirs, mut ours) = pair(host);
            let caller = Caller(Some(ours.try_clone().expect("a handle")));
            assert_eq!(caller.address(), host.parse().ok());
            assert!(!caller.has_gone());
            theirs.shutdown(Shutdown::Write).expect("a peer");
            assert_eq!(ours.read(&mut [0]).expect("its end"), 0);
            assert!(!caller.has_gone(), "{host}: it reads on");
            ours.write_all(b"x").expect("a peer");
            theirs.read_exact(&mut [0]).expect("what was written");
            drop(theirs);
            wait_until("nobody holds it", || caller.has_gone());
        }
    }

    #[test]
    fn a_caller_that_closes_or_resets_has_gone() {
        for resets in [false, true] {
            let (theirs, ours) = pair("127.0.0.1");
            let caller = Caller(Some(ours));
            if resets {
                rustix::net::sockopt::set_socket_linger(&theirs, Some(Duration::ZERO)).expect("an option");
            }
            drop(theirs);
            wait_until("it has gone", || caller.has_gone());
        }
    }
}
