//! One connection to the function: bytes out, bytes and heads of replies in. Whose request they belong to is
//! not known here, nor where a body ends.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_linger, set_tcp_quickack};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::error::Error;
use super::reply_head::ReplyHead;
use super::wait::{Deadline, Patience, RECIPIENT_CHECK_EVERY, possible, ready, retrying};

/// The longest head of a reply: the platform passes on 8 KB of headers.
const MAX_HEAD: usize = 64 * 1024;

/// What one read takes.
const READ_SIZE: usize = 16 * 1024;

pub struct Connection {
    stream: TcpStream,
    /// Bytes that arrived and are not yet used.
    pub received: Vec<u8>,
}

/// The state of a connection between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleState {
    Silent,
    Closed,
    /// Bytes arrived that belong to no request.
    Talking,
}

impl Connection {
    pub fn open(address: SocketAddr, deadline: &Deadline) -> Result<Connection, Error> {
        let opened = deadline.left().and_then(|left| TcpStream::connect_timeout(&address, left));
        let stream = opened.map_err(Error::of_connection)?;
        stream.set_nodelay(true).map_err(Error::Dropped)?;
        Ok(Connection::over(stream))
    }

    pub fn over(stream: TcpStream) -> Connection {
        Connection { stream, received: Vec::new() }
    }

    /// A connection that is silent may be closed a moment later all the same; that race is the caller's.
    pub fn idle_state(&self) -> IdleState {
        if !self.received.is_empty() {
            return IdleState::Talking;
        }
        match self.peek() {
            Err(Errno::AGAIN) => IdleState::Silent,
            Ok(1..) => IdleState::Talking,
            _ => IdleState::Closed,
        }
    }

    /// Sends `bytes`, unless a reply begins first: then what is left of them is returned.
    pub fn send(&self, bytes: &[u8], patience: &Patience) -> Result<Option<Vec<u8>>, Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            patience.deadline.left().map_err(Error::of_connection)?;
            match send(&self.stream, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let ready = patience.wait(&self.stream, PollFlags::IN | PollFlags::OUT)?;
                    if ready.contains(PollFlags::IN) && !ready.contains(PollFlags::OUT) {
                        return Ok(Some(rest.to_vec()));
                    }
                }
                // A function may answer and close without reading a body that it does not want; the answer
                // counts.
                Err(_) if self.peek().is_ok_and(|count| count > 0) => return Ok(Some(Vec::new())),
                Err(error) => return Err(Error::Dropped(error.into())),
            }
        }
        Ok(None)
    }

    /// The head of the final reply; interim ones (1xx) are passed over.
    pub fn read_head(&mut self, patience: &Patience) -> Result<ReplyHead, Error> {
        let mut has_begun = false;
        let dropped = |error, has_begun| match Error::of_connection(error) {
            Error::Dropped(error) if has_begun => Error::BrokenOff(error),
            error => error,
        };
        loop {
            patience.deadline.left().map_err(Error::of_connection)?;
            if let Some((length, head)) = ReplyHead::parse(&self.received)? {
                self.received.drain(..length);
                if head.status >= 200 {
                    return Ok(head);
                }
                continue;
            }
            if self.received.len() > MAX_HEAD {
                return Err(Error::BadReply(format!("a response head over {MAX_HEAD} bytes")));
            }
            patience.wait(&self.stream, PollFlags::IN)?;
            if self.receive(&patience.deadline).map_err(|error| dropped(error, has_begun))? == 0 {
                return Err(dropped(ErrorKind::UnexpectedEof.into(), has_begun));
            }
            has_begun = true;
        }
    }

    /// Waits until the function asks for the body or has said nothing for `longest`; false when its final reply comes
    /// first, which is left to be read.
    pub fn is_asked_to_continue(&mut self, longest: Duration, patience: &Patience) -> Result<bool, Error> {
        let began = Instant::now();
        loop {
            match ReplyHead::parse(&self.received)? {
                Some((_, head)) if head.status >= 200 => return Ok(false),
                Some((length, head)) => {
                    self.received.drain(..length);
                    if head.status == 100 {
                        return Ok(true);
                    }
                }
                None if self.received.len() > MAX_HEAD || began.elapsed() > longest => return Ok(true),
                None => {
                    let events =
                        ready(&self.stream, PollFlags::IN, &patience.deadline, RECIPIENT_CHECK_EVERY)
                            .map_err(Error::of_connection)?;
                    if events.is_empty() && patience.recipient.has_gone() {
                        return Err(Error::CallerGone);
                    }
                    // The end of the connection is found by whoever reads next.
                    if !events.is_empty()
                        && self.receive(&patience.deadline).map_err(Error::of_connection)? == 0
                    {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Reads once into `received`; 0 is the end.
    pub fn receive(&mut self, deadline: &Deadline) -> io::Result<usize> {
        deadline.left()?;
        let mut buffer = [0; READ_SIZE];
        // Whoever has not waited for it must not wait in here, where the deadline is not.
        let count = retrying(|| Ok(recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT)?.0))?;
        self.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Whether there are bytes to [`receive`](Self::receive), or the end of them.
    pub fn has_bytes(&self) -> io::Result<bool> {
        Ok(!possible(&self.stream, PollFlags::IN)?.is_empty())
    }

    /// Waits for bytes to [`receive`](Self::receive).
    pub fn wait_for_bytes(&self, patience: &Patience) -> Result<(), Error> {
        // A function that writes head and body apart may be held up by Nagle's algorithm until the head is
        // acknowledged.
        let _ = set_tcp_quickack(&self.stream, true); // only speed depends on it
        patience.wait(&self.stream, PollFlags::IN).map(drop)
    }

    /// To wait on beside another.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Closes the connection with a reset instead of the usual exchange.
    pub fn reset(self) {
        let _ = set_socket_linger(&self.stream, Some(Duration::ZERO)); // else it is closed in the usual way
    }

    /// Ends the connection for whoever else holds a handle to it.
    pub fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both); // it may be closed already
    }

    /// How many bytes have arrived, up to one; 0 is the end.
    fn peek(&self) -> Result<usize, Errno> {
        let mut byte = [0];
        recv(&self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT).map(|(count, _)| count)
    }
}
