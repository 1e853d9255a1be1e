//! A response on its way to the peer: one write where it fits, pieces where it does not. Nothing is sent
//! after what the framing allows.

use crate::api::PIECE;
use crate::date::Date;
use crate::http1::{
    Announcement, CloseReason, FINAL_CHUNK, ResponseFraming, begin_head, chunk_size_line, end_head,
};
use crate::serve::blocking::BlockingIo;
use std::cell::RefCell;
use std::io::{self, IoSlice, Write};

/// A body up to this size is copied behind its head, which is cheaper than a second vector.
const COPY_LIMIT: usize = 4 * 1024;

pub(super) struct ResponseWriter<'a> {
    io: &'a BlockingIo<'a>,
    framing: ResponseFraming,
    /// What the head says of the connection, as soon as it is out.
    announced: Result<(), CloseReason>,
    http10: bool,
    /// What was announced is not in the head yet.
    head_is_open: bool,
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
    pub(super) fn new(
        io: &'a BlockingIo<'a>,
        head: &'a mut Vec<u8>,
        piece: &'a mut Vec<u8>,
        date: &'a mut Date,
    ) -> ResponseWriter<'a> {
        head.clear();
        piece.clear();
        ResponseWriter {
            io,
            framing: ResponseFraming::Bodiless,
            announced: Ok(()),
            http10: false,
            head_is_open: false,
            head,
            piece,
            date,
            left: 0,
            begun: false,
            failed: false,
        }
    }

    /// Whether anything of the response is out, so that it cannot become another one.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Sets the head, which goes out with the first piece of the body, to a client of HTTP/1.0 or 1.1.
    pub(super) fn set_head(
        &mut self,
        status: u16,
        framing: ResponseFraming,
        announced: Result<(), CloseReason>,
        http10: bool,
        fields: [&[u8]; 2],
    ) {
        self.framing = framing;
        self.announced = announced;
        self.http10 = http10;
        self.head_is_open = true;
        self.left = if let ResponseFraming::Length(length) = framing { length } else { u64::MAX };
        self.head.clear();
        self.piece.clear();
        begin_head(self.head, status, framing, self.date.now(), fields);
    }

    /// The client is asked for its body: that the connection cannot go on without it is no longer to be announced.
    pub(super) fn body_is_asked_for(&mut self) {
        if self.announced == Err(CloseReason::RequestBodyNotAskedFor) {
            self.announced = Ok(());
        }
    }

    /// What the head says of the connection.
    pub(super) fn announced(&self) -> Result<(), CloseReason> {
        self.announced
    }

    /// Sends the head and the whole body.
    pub(super) fn send_whole(&mut self, body: &[u8]) -> io::Result<()> {
        self.take_piece(&[]);
        if body.len() <= COPY_LIMIT {
            self.head.extend_from_slice(body);
            return self.send(&[]);
        }
        self.send(body)
    }

    /// Sends what is collected and what ends the body.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.take_piece(&[]);
        if self.framing == ResponseFraming::Chunked {
            self.piece.extend_from_slice(FINAL_CHUNK);
        }
        self.send(&[])
    }

    /// What was written is not to be held back while the request's body is waited for. The head alone is: a
    /// client that sees it may stop sending.
    pub(super) fn send_before_waiting(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send_piece(&[]) }
    }

    /// Makes sure that what is out does not look whole: where the connection's end is the body's, it ends by
    /// a reset.
    pub(super) fn break_off(&mut self) {
        if self.framing == ResponseFraming::UntilClose {
            self.io.socket().reset_at_close();
            self.failed = true;
        }
    }

    pub(super) fn framing(&self) -> ResponseFraming {
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

    /// Ends the head, and frames what is collected with `data` behind it; returns what has to follow `data`.
    fn take_piece(&mut self, data: &[u8]) -> &'static [u8] {
        if std::mem::take(&mut self.head_is_open) {
            end_head(self.head, Announcement::new(self.announced.is_ok(), self.http10));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::net::Socket;
    use crate::serve::blocking::Waits;
    use crate::sync::{Arc, STACK_SIZE};
    use crate::threads::Pool;
    use std::io::Read;
    use std::net::TcpStream;
    use std::time::Duration;

    /// A response to a peer, which is read when its writer is done.
    fn with_writer<T>(
        write: impl FnOnce(&RefCell<ResponseWriter<'_>>),
        read: impl FnOnce(TcpStream) -> T,
    ) -> T {
        let (socket, peer) = Socket::pair();
        let (clock, socket) = (Arc::new(Clock::for_test()), Arc::new(socket));
        let pool = Arc::new(Pool::new(clock.clone(), 2, STACK_SIZE, |_, _| ()));
        let slot = pool.take_slot().unwrap();
        let waits = Waits::new(clock, pool, Duration::ZERO, Duration::ZERO);
        let io = BlockingIo::new(&waits, &socket, &slot, None);
        let (mut head, mut piece, mut date) = (b"old".to_vec(), b"old".to_vec(), Date::new());
        write(&RefCell::new(ResponseWriter::new(&io, &mut head, &mut piece, &mut date)));
        drop(socket);
        read(peer)
    }

    /// All that a peer is sent while `write` runs.
    fn sent(write: impl FnOnce(&RefCell<ResponseWriter<'_>>)) -> String {
        with_writer(write, |mut peer| {
            let mut received = String::new();
            peer.read_to_string(&mut received).unwrap();
            received
        })
    }

    /// The same of a response with that framing, without the date of its head.
    fn response(framing: ResponseFraming, write: impl FnOnce(&RefCell<ResponseWriter<'_>>)) -> String {
        let sent = sent(|output| {
            output.borrow_mut().set_head(200, framing, Ok(()), false, [b"", b""]);
            write(output);
        });
        let (head, body) = sent.split_once("\r\n\r\n").expect("a head");
        let lines = head.split("\r\n").filter(|line| !line.starts_with("date: "));
        format!("{}|{body}", lines.collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn a_whole_response_is_its_head_and_its_body() {
        for length in [0, 5, COPY_LIMIT, COPY_LIMIT + 1] {
            let body = "x".repeat(length);
            let response = response(ResponseFraming::Length(length as u64), |output| {
                output.borrow_mut().send_whole(body.as_bytes()).unwrap();
                assert!(output.borrow().is_begun());
            });
            assert_eq!(response, format!("HTTP/1.1 200 OK|content-length: {length}|{body}"));
        }
    }

    #[test]
    fn what_is_written_goes_out_as_one_chunk_with_each_flush() {
        let chunks = response(ResponseFraming::Chunked, |output| {
            let mut sink = BodySink(output);
            for text in ["one ", "two"] {
                sink.write_all(text.as_bytes()).unwrap();
            }
            assert!(!output.borrow().is_begun(), "it is collected");
            sink.flush().unwrap();
            sink.flush().unwrap();
            sink.write_all(b"!").unwrap();
            output.borrow_mut().finish().unwrap();
        });
        assert_eq!(chunks, "HTTP/1.1 200 OK|transfer-encoding: chunked|7\r\none two\r\n1\r\n!\r\n0\r\n\r\n");
    }

    #[test]
    fn a_flush_before_the_first_byte_sends_the_head() {
        let head = response(ResponseFraming::Chunked, |output| {
            BodySink(output).flush().unwrap();
            assert!(output.borrow().is_begun());
        });
        assert_eq!(head, "HTTP/1.1 200 OK|transfer-encoding: chunked|");
    }

    #[test]
    fn a_large_piece_is_sent_as_it_is_behind_what_is_collected() {
        let large = "x".repeat(PIECE);
        let chunks = response(ResponseFraming::Chunked, |output| {
            let mut sink = BodySink(output);
            sink.write_all(b"small ").unwrap();
            sink.write_all(large.as_bytes()).unwrap();
            output.borrow_mut().finish().unwrap();
        });
        let (_, chunks) = chunks.split_once("chunked|").unwrap();
        assert_eq!(chunks, format!("{:x}\r\nsmall {large}\r\n0\r\n\r\n", PIECE + 6));
    }

    #[test]
    fn the_last_piece_of_a_known_length_waits_for_the_end() {
        let response = response(ResponseFraming::Length(PIECE as u64 * 2), |output| {
            let mut sink = BodySink(output);
            sink.write_all("x".repeat(PIECE).as_bytes()).unwrap();
            assert!(output.borrow().is_begun());
            sink.write_all("x".repeat(PIECE).as_bytes()).unwrap();
            assert_eq!(output.borrow().piece.len(), PIECE);
            output.borrow_mut().finish().unwrap();
        });
        assert!(response.ends_with(&"x".repeat(PIECE * 2)));
    }

    #[test]
    fn waiting_for_the_request_sends_what_is_collected_and_no_head_alone() {
        let chunks = response(ResponseFraming::Chunked, |output| {
            output.borrow_mut().send_before_waiting().unwrap();
            assert!(!output.borrow().is_begun());
            BodySink(output).write_all(b"so far").unwrap();
            output.borrow_mut().send_before_waiting().unwrap();
            assert!(output.borrow().is_begun());
        });
        assert!(chunks.ends_with("|6\r\nso far\r\n"), "{chunks}");
    }

    #[test]
    fn after_a_failure_nothing_more_is_sent() {
        let nothing = sent(|output| {
            output.borrow().io.socket().cut();
            output.borrow_mut().set_head(
                200,
                ResponseFraming::Length(1),
                Err(CloseReason::ClientCloses),
                false,
                [b"", b""],
            );
            assert!(output.borrow_mut().send_whole(b"x").is_err() && output.borrow().has_failed());
            assert!(BodySink(output).write(b"x").is_err() && output.borrow_mut().finish().is_err());
        });
        assert_eq!(nothing, "");
    }

    #[test]
    fn a_response_that_ends_with_its_connection_is_broken_off_by_a_reset() {
        let write = |output: &RefCell<ResponseWriter<'_>>| {
            let mut writer = output.borrow_mut();
            writer.set_head(
                200,
                ResponseFraming::UntilClose,
                Err(CloseReason::ClientCloses),
                false,
                [b"", b""],
            );
            writer.break_off();
            assert!(writer.has_failed());
        };
        let end = with_writer(write, |mut peer| peer.read(&mut [0]));
        assert!(end.is_err(), "not an end that could be the body's");
    }
}
