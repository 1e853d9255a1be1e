//! The body of a request as the author's code reads it, and as what is left of it is taken in.

use crate::api::BodySource;
use crate::http1::{CONTINUE, Facts, Reject, Taken};
use crate::serve::blocking::BlockingIo;
use crate::serve::connection::Connection;
use crate::serve::response_writer::ResponseWriter;
use std::cell::RefCell;
use std::io::{self, IoSlice};
#[cfg(feature = "internals")]
use std::os::fd::{AsFd, BorrowedFd};

/// How much of an unread body is taken in before the response, to see whether the connection can go on: about
/// what the system has buffered anyway.
const SETTLE_LIMIT: usize = 64 * 1024;

/// Reads the body of the request that is being served on a connection.
pub(super) struct WireBody<'a> {
    pub io: &'a BlockingIo<'a>,
    pub connection: &'a mut Connection,
    /// The response, which may begin before the body has come.
    pub output: &'a RefCell<ResponseWriter<'a>>,
}

impl BodySource for WireBody<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.connection.conversation.incoming().read(buf) {
                Ok(Taken::Data(count)) => return Ok(count),
                Ok(Taken::End) => return Ok(0),
                Ok(Taken::NeedsMore) => {}
                Err(reject) => return Err(error_of(reject)),
            }
            match self.receive(buf) {
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(error) => return Err(self.remember(error)),
            }
        }
    }

    fn content_length(&self) -> Option<u64> {
        self.connection.conversation.known_body_left()
    }

    fn peer_closed(&self) -> bool {
        self.io.socket().peer_closed()
    }

    #[cfg(feature = "internals")]
    fn end_waits_in(&self, time: std::time::Duration) {
        self.io.end_waits_in(time);
    }

    #[cfg(feature = "internals")]
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        loop {
            let mut incoming = self.connection.conversation.incoming();
            // A client that waits to be asked for its body is asked by the read, unless it has its answer.
            let is_asked = incoming.awaits_continue() && !self.output.borrow().is_begun();
            if is_asked || !matches!(incoming.has_arrived(), Ok(false)) {
                return None;
            }
            // A chunk's framing alone gives a read nothing: what has arrived is taken in first.
            match self.connection.receive_body() {
                Ok(Some(count)) if count > 0 => {}
                Ok(None) => return Some(self.connection.socket().as_fd()),
                _ => return None,
            }
        }
    }

    #[cfg(feature = "internals")]
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.io.socket().as_fd())
    }
}

impl WireBody<'_> {
    /// Takes in what has arrived of a body that nobody has read, so that a malformed one is refused and a
    /// complete one does not cost the connection. Does not block.
    pub(super) fn settle(&mut self) {
        if self.connection.conversation.is_body_done() {
            return; // most requests have none
        }
        let mut budget = SETTLE_LIMIT;
        while !self.connection.conversation.incoming().discard() && budget > 0 {
            match self.connection.receive_body() {
                Ok(Some(count)) if count > 0 => budget = budget.saturating_sub(count),
                _ => return, // nothing more now, or ever: the connection's end is found later
            }
        }
    }

    /// What the client did wrong.
    pub(super) fn reject(&mut self) -> Option<Reject> {
        self.connection.conversation.incoming().reject()
    }

    /// What the connection knows of whether it may live on.
    pub(super) fn facts(&self) -> Facts {
        self.connection.conversation.facts()
    }

    /// Receives more of it: so many bytes of data right into `buf`, or 0 when they are in the inbox.
    fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.ask_for_body()?;
        let (io, output) = (self.io, self.output);
        let directly = self.connection.receive_body_directly(buf, |room| receive_some(io, output, room));
        if let Some(received) = directly {
            return received;
        }
        let count = receive_some(io, output, self.connection.conversation.body_space())?;
        self.connection.body_received(count);
        Ok(0)
    }

    /// A client that waits for it is asked, unless it has an answer already.
    fn ask_for_body(&mut self) -> io::Result<()> {
        let awaits_continue = self.connection.conversation.incoming().take_awaits_continue();
        if awaits_continue && !self.output.borrow().is_begun() {
            self.io.send_all(&mut [IoSlice::new(CONTINUE)])?;
            self.output.borrow_mut().body_is_asked_for();
        }
        Ok(())
    }

    /// What the client did wrong stays wrong, and is what it is told.
    fn remember(&mut self, error: io::Error) -> io::Error {
        let reject = match error.kind() {
            io::ErrorKind::TimedOut => Reject::BodyTimeout,
            io::ErrorKind::UnexpectedEof => Reject::BodyEnd,
            _ => return error,
        };
        error_of(self.connection.conversation.incoming().refuse(reject))
    }
}

/// At least one byte. What was written of the response goes out before the client is waited for.
fn receive_some(
    io: &BlockingIo<'_>,
    output: &RefCell<ResponseWriter<'_>>,
    buf: &mut [u8],
) -> io::Result<usize> {
    match io.receive(buf, || output.borrow_mut().send_before_waiting())? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

fn error_of(reject: Reject) -> io::Error {
    let kind = match reject {
        Reject::BodyTimeout => io::ErrorKind::TimedOut,
        Reject::BodyEnd => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, reject)
}
