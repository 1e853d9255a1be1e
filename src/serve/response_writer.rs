//! A response on its way to the peer: one write where it fits, pieces where it does not. Nothing is sent
//! after what the framing allows.

use crate::date::Date;
use crate::http1::{Announcement, FINAL_CHUNK, ResponseFraming, chunk_size_line, encode_head};
use crate::serve::blocking::BlockingIo;
use anyhow::anyhow;
use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};

/// Pieces of a streamed body are collected up to this size; larger ones are sent as they are.
const PIECE: usize = 32 * 1024;

/// A body up to this size is copied behind its head, which is cheaper than a second vector.
const COPY_LIMIT: usize = 4 * 1024;

pub(super) struct ResponseWriter<'a> {
    io: &'a BlockingIo<'a>,
    framing: ResponseFraming,
    /// The head until it is sent, and then the lines of chunks.
    head: &'a mut Vec<u8>,
    /// What is collected of the body.
    piece: &'a mut Vec<u8>,
    date: &'a mut Date,
    /// What a known length still asks for.
    left: u64,
    begun: bool,
    /// Sending failed: the peer is gone, and nothing more is sent.
    failed: bool,
}

impl<'a> ResponseWriter<'a> {
    /// For a response whose head is not known yet.
    pub fn new(
        io: &'a BlockingIo<'a>,
        head: &'a mut Vec<u8>,
        piece: &'a mut Vec<u8>,
        date: &'a mut Date,
    ) -> ResponseWriter<'a> {
        head.clear();
        piece.clear();
        let framing = ResponseFraming::Bodiless;
        ResponseWriter { io, framing, head, piece, date, left: 0, begun: false, failed: false }
    }

    /// Whether anything of the response is out, so that it cannot become another one.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Sets the head, which goes out with the first piece of the body.
    pub fn set_head(
        &mut self,
        status: u16,
        framing: ResponseFraming,
        announcement: Announcement,
        fields: [&[u8]; 2],
    ) {
        self.framing = framing;
        self.left = if let ResponseFraming::Length(length) = framing { length } else { u64::MAX };
        self.head.clear();
        self.piece.clear();
        encode_head(self.head, status, framing, announcement, self.date.now(), fields);
    }

    /// Sends the head and the whole body.
    pub fn send_whole(&mut self, body: &[u8]) -> io::Result<()> {
        if body.len() <= COPY_LIMIT {
            self.head.extend_from_slice(body);
            return self.send(&[]);
        }
        self.send(body)
    }

    /// Sends what is collected and what ends the body.
    pub fn finish(&mut self) -> io::Result<()> {
        self.take_piece(&[]);
        if self.framing == ResponseFraming::Chunked {
            self.piece.extend_from_slice(FINAL_CHUNK);
        }
        self.send(&[])
    }

    /// What was written is not to be held back while the request's body is waited for. The head alone is: a
    /// client that sees it may stop sending.
    pub fn send_before_waiting(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send_piece(&[]) }
    }

    /// Makes sure that what is out does not look whole: where the connection's end is the body's, it ends by
    /// a reset.
    pub fn break_off(&mut self) {
        if self.framing == ResponseFraming::UntilClose {
            self.io.socket().reset_at_close();
            self.failed = true;
        }
    }

    pub fn framing(&self) -> ResponseFraming {
        self.framing
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // The last piece of a known length waits for `finish`, like a final chunk.
        self.left = self.left.saturating_sub(data.len() as u64);
        if self.left == 0 || self.piece.len() + data.len() < PIECE {
            self.piece.extend_from_slice(data);
        } else {
            self.send_piece(data)?;
        }
        Ok(data.len())
    }

    /// Sends the head if it is not out, and what is collected with `data` behind it as one chunk.
    fn send_piece(&mut self, data: &[u8]) -> io::Result<()> {
        let chunk_end = self.take_piece(data);
        self.send_with_end(data, chunk_end)
    }

    /// Frames what is collected with `data` behind it; returns what has to follow `data`.
    fn take_piece(&mut self, data: &[u8]) -> &'static [u8] {
        let size = self.piece.len() + data.len();
        if self.framing != ResponseFraming::Chunked || size == 0 {
            return b"";
        }
        chunk_size_line(self.head, size);
        if !data.is_empty() {
            return b"\r\n";
        }
        self.piece.extend_from_slice(b"\r\n");
        b""
    }

    fn send(&mut self, data: &[u8]) -> io::Result<()> {
        self.send_with_end(data, b"")
    }

    fn send_with_end(&mut self, data: &[u8], end: &[u8]) -> io::Result<()> {
        if self.failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.begun = true;
        let sent = if self.piece.is_empty() && data.is_empty() {
            self.io.send_all(&mut [IoSlice::new(self.head)])
        } else {
            let pieces = [&self.head[..], self.piece, data, end];
            self.io.send_all(&mut pieces.map(IoSlice::new))
        };
        self.head.clear();
        self.piece.clear();
        self.failed = sent.is_err();
        sent
    }
}

/// What the author's code writes a body to. Shared with the request's body, which sends what is collected
/// before it waits.
pub(super) struct BodySink<'a, 'b>(pub &'a RefCell<ResponseWriter<'b>>);

impl Write for BodySink<'_, '_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut output = self.0.borrow_mut();
        if output.begun && output.piece.is_empty() {
            return Ok(());
        }
        output.send_piece(&[])
    }
}

/// Writes exactly `length` bytes of `reader`, or all there are.
pub(super) fn copy(reader: &mut dyn Read, length: Option<u64>, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(length) = length else {
        io::copy(reader, out)?;
        return Ok(());
    };
    let copied = io::copy(&mut reader.take(length), out)?;
    if copied < length {
        return Err(anyhow!("the body's reader ended after {copied} of {length} bytes"));
    }
    Ok(())
}
