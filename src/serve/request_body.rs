//! A request's body as it arrives on a connection.

use crate::api::request::Source;
use crate::http1::{BodyDecoder, CONTINUE, MAX_PASSING, Piece, Reject};
use crate::net::socket::Link;
use crate::serve::blocking::Peer;
use crate::serve::connection::Input;
use crate::serve::response_writer::Output;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

/// How much of an unread body is taken in before the response, to see whether the connection can
/// go on: about what the system has buffered anyway.
const SETTLE_LIMIT: usize = 64 * 1024;

/// What is known of a body while its request is served.
pub(crate) struct BodyState {
    pub decoder: BodyDecoder,
    /// The client waits to be asked for it.
    pub expects_continue: bool,
    /// What the client did wrong.
    pub reject: Option<Reject>,
    /// The last receive took all the room it was given: more is there.
    pub streams: bool,
}

pub(crate) struct WireBody<'a, 'b> {
    pub peer: &'a Peer<'a>,
    pub input: &'a mut Input,
    pub state: &'a mut BodyState,
    pub output: &'a RefCell<Output<'b>>,
}

impl Source for WireBody<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(reject) = self.state.reject {
            return Err(error_of(reject));
        }
        match self.read_some(buf) {
            Err(error) => Err(match error.kind() {
                io::ErrorKind::TimedOut => self.refuse(Reject::BodyTimeout),
                io::ErrorKind::UnexpectedEof => self.refuse(Reject::BodyEnd),
                _ => error,
            }),
            outcome => outcome,
        }
    }

    fn content_length(&self) -> Option<u64> {
        self.state.decoder.known_left()
    }

    fn peer_closed(&self) -> bool {
        self.peer.link.peer_closed()
    }

    fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        // A client that waits to be asked for its body is asked by the read.
        if self.state.reject.is_some() || self.state.expects_continue {
            return None;
        }
        loop {
            match self.state.decoder.look(self.input.buffer.unread()) {
                Ok(Piece::Skip(count)) => self.input.buffer.consume(count),
                // A chunk's framing alone gives a read nothing: what has arrived is taken in first.
                Ok(Piece::More) => match self.input.receive(self.peer.link) {
                    Ok(None) => return Some(self.peer.link.socket().as_fd()),
                    Ok(Some(count)) if count > 0 => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }
}

impl WireBody<'_, '_> {
    fn read_some(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let unread = self.input.buffer.unread();
            match self.state.decoder.look(unread) {
                Ok(Piece::End(count)) => {
                    self.input.buffer.consume(count);
                    return Ok(0);
                }
                Ok(Piece::Skip(count)) => self.input.buffer.consume(count),
                Ok(Piece::Data(count)) => {
                    let count = count.min(buf.len());
                    buf[..count].copy_from_slice(&unread[..count]);
                    self.input.buffer.consume(count);
                    self.state.decoder.took(count);
                    return Ok(count);
                }
                Ok(Piece::More) => {
                    let sure = self.state.decoder.sure();
                    // A small read takes its bytes from what many of them are received into at once.
                    let is_wide = buf.len() as u64 >= sure.min(MAX_PASSING as u64);
                    if sure > 0 && is_wide && self.input.buffer.is_empty() {
                        let wanted = sure.min(buf.len() as u64) as usize;
                        let count = self.receive(Some(&mut buf[..wanted]))?;
                        self.state.decoder.took(count);
                        return Ok(count);
                    }
                    self.receive(None)?;
                }
                Err(reject) => return Err(self.refuse(reject)),
            }
        }
    }

    /// Receives into `buf`, or else into the buffer, and blocks for it. Before it does, the client
    /// is asked for the body if it waits for that, and given what was answered so far.
    fn receive(&mut self, buf: Option<&mut [u8]>) -> io::Result<usize> {
        let (peer, output) = (self.peer, self.output);
        if mem::take(&mut self.state.expects_continue) && !output.borrow().is_begun() {
            peer.send_all(&mut [IoSlice::new(CONTINUE)])?;
        }
        let receive = |space: &mut [u8]| peer.receive(space, || output.borrow_mut().send_before_waiting());
        let count = match buf {
            Some(buf) => receive(buf)?,
            None => {
                if mem::take(&mut self.state.streams) {
                    self.input.buffer.widen();
                }
                let (count, filled) = self.input.buffer.fill(receive)?;
                self.state.streams = filled;
                count
            }
        };
        // Whether more is there is not worth a system call now: the next look finds out.
        self.input.more = true;
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(count) }
    }

    fn refuse(&mut self, reject: Reject) -> io::Error {
        self.state.reject = Some(reject);
        error_of(reject)
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

impl BodyState {
    /// Takes in what has arrived of a body that nobody has read, so that a malformed one is
    /// refused and a complete one does not cost the connection. Does not block.
    pub fn settle(&mut self, input: &mut Input, link: &Link) {
        let mut budget = SETTLE_LIMIT;
        while self.reject.is_none() && !self.decoder.is_done() {
            let count = match self.decoder.look(input.buffer.unread()) {
                Err(reject) => {
                    self.reject = Some(reject);
                    return;
                }
                Ok(Piece::End(count) | Piece::Skip(count)) => count,
                Ok(Piece::Data(count)) => {
                    self.decoder.took(count);
                    count
                }
                Ok(Piece::More) => match input.receive(link) {
                    Ok(Some(count)) if count > 0 && budget > 0 => {
                        budget = budget.saturating_sub(count);
                        continue;
                    }
                    _ => return, // nothing more now, or ever: the connection's end is found later
                },
            };
            input.buffer.consume(count);
        }
    }
}
