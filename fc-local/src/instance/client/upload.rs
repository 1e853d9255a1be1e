//! The rest of a request body that was still being sent when the reply began. Where it comes from is not
//! known here.

use std::io;
use std::net::TcpStream;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::chunk;
use super::connection::Connection;
use super::error::Error;
use super::wait::{Deadline, Patience};

pub struct Upload {
    /// A second handle: the reply's body owns the connection.
    stream: TcpStream,
    /// Read from the caller, not yet sent.
    pending: Vec<u8>,
    is_chunked: bool,
    /// The end of the body was fed.
    has_ended: bool,
}

impl Upload {
    pub fn new(connection: &Connection, pending: Vec<u8>, is_chunked: bool) -> Result<Upload, Error> {
        let stream = connection.stream().try_clone().map_err(Error::Dropped)?;
        Ok(Upload { stream, pending, is_chunked, has_ended: false })
    }

    /// The end of the body is among what is pending.
    pub fn ended(self) -> Upload {
        Upload { has_ended: true, ..self }
    }

    /// Takes the next piece of the body; an empty one is its end, which comes once: what follows it on the wire is
    /// another request.
    pub fn feed(&mut self, piece: &[u8]) {
        if !self.has_ended {
            self.has_ended = piece.is_empty();
            append(&mut self.pending, piece, self.is_chunked);
        }
    }

    /// Whether all that was fed has been sent.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Sends what the connection takes now; false when it takes nothing.
    pub fn send(&mut self, deadline: &Deadline) -> io::Result<bool> {
        deadline.left()?;
        match send(&self.stream, &self.pending, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.pending.drain(..count);
                Ok(true)
            }
            Err(Errno::INTR) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until more can be sent or something arrived.
    pub fn wait(&self, patience: &Patience) -> Result<(), Error> {
        patience.wait(&self.stream, PollFlags::IN | PollFlags::OUT).map(drop)
    }

    /// Forgets what is still to be sent.
    pub fn cancel(&mut self) {
        self.pending.clear();
    }
}

/// Appends `piece` as it goes on the wire; an empty one is the end of the body.
pub fn append(out: &mut Vec<u8>, piece: &[u8], is_chunked: bool) {
    if is_chunked { chunk::write(out, piece) } else { out.extend_from_slice(piece) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_end_of_a_body_goes_out_once() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let upload = |pending: &[u8]| Upload {
            stream: TcpStream::connect(listener.local_addr().expect("bound")).expect("connected"),
            pending: pending.to_vec(),
            is_chunked: true,
            has_ended: false,
        };
        let mut fed = upload(b"");
        fed.feed(b"ab");
        fed.feed(b"");
        fed.feed(b"");
        assert_eq!(fed.pending, b"2\r\nab\r\n0\r\n\r\n");
        let mut sent_whole = upload(b"\r\n0\r\n\r\n").ended();
        sent_whole.feed(b"");
        assert_eq!(sent_whole.pending, b"\r\n0\r\n\r\n");
    }
}
