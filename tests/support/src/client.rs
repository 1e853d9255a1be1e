//! A client that sends and reads literal bytes; one that fails shows all bytes of both directions.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::wait::WATCHDOG;

/// A response as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then_some(value.strip_prefix(' ').unwrap_or(value))
        })
    }
}

pub struct Client {
    pub stream: TcpStream,
    sent: Vec<u8>,
    received: Vec<u8>,
    read: usize,
    /// The next reply is one to HEAD.
    pub expects_no_body: bool,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, WATCHDOG).expect("connect");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        Client { stream, sent: Vec::new(), received: Vec::new(), read: 0, expects_no_body: false }
    }

    pub fn send(&mut self, wire: impl AsRef<[u8]>) {
        self.sent.extend_from_slice(wire.as_ref());
        if let Err(error) = self.stream.write_all(wire.as_ref()) {
            panic!("cannot send: {error}\n{}", self.scene());
        }
    }

    /// Sends as much as is taken before the server closes.
    pub fn try_send(&mut self, wire: &[u8]) -> std::io::Result<()> {
        self.sent.extend_from_slice(wire);
        self.stream.write_all(wire)
    }

    pub fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Reads one response, whatever its framing.
    pub fn reply(&mut self) -> Reply {
        let mut reply = self.reply_head();
        if (100..200).contains(&reply.status) || matches!(reply.status, 204 | 304) || self.expects_no_body {
            return reply;
        }
        reply.body = if let Some(length) = reply.header("content-length") {
            let length = length.parse().expect("a length");
            self.take(length)
        } else if reply.header("transfer-encoding") == Some("chunked") {
            self.chunked()
        } else {
            self.rest()
        };
        reply
    }

    /// Reads the head of a response, and leaves its body.
    pub fn reply_head(&mut self) -> Reply {
        let head = self.head();
        let status = head[9..12].parse().unwrap_or_else(|_| panic!("status\n{}", self.scene()));
        Reply { status, head, body: Vec::new() }
    }

    pub fn head(&mut self) -> String {
        let end = self.find(b"\r\n\r\n");
        let head = self.take(end);
        self.take(4);
        String::from_utf8(head).expect("an ASCII head")
    }

    /// One chunk's data; empty for the last.
    pub fn chunk(&mut self) -> Vec<u8> {
        let end = self.find(b"\r\n");
        let line = self.take(end);
        self.take(2);
        let digits = std::str::from_utf8(&line).expect("ASCII");
        let size =
            usize::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("chunk size\n{}", self.scene()));
        let data = self.take(size);
        assert_eq!(self.take(2), b"\r\n", "after a chunk\n{}", self.scene());
        data
    }

    fn chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return body;
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Everything until the server closes.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.receive() {}
        let rest = self.received[self.read..].to_vec();
        self.read = self.received.len();
        rest
    }

    /// The server has closed, and nothing comes that has not been read.
    pub fn assert_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more came before the close\n{}", self.scene());
    }

    /// Nothing has arrived yet.
    pub fn assert_silent(&mut self) {
        self.stream.set_nonblocking(true).unwrap();
        let read = self.stream.read(&mut [0; 1]);
        self.stream.set_nonblocking(false).unwrap();
        assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "{}", self.scene());
    }

    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < self.read + count {
            assert!(self.receive(), "the server closed early\n{}", self.scene());
        }
        self.read += count;
        self.received[self.read - count..self.read].to_vec()
    }

    fn find(&mut self, pattern: &[u8]) -> usize {
        loop {
            let unread = &self.received[self.read..];
            if let Some(at) = unread.windows(pattern.len()).position(|window| window == pattern) {
                return at;
            }
            assert!(self.receive(), "the server closed early\n{}", self.scene());
        }
    }

    fn receive(&mut self) -> bool {
        let mut space = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut space) {
                Ok(count) => {
                    self.received.extend_from_slice(&space[..count]);
                    return count > 0;
                }
                // A read with a timeout is not restarted when a child of the tests stops, goes on or ends.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!("cannot receive: {error}\n{}", self.scene()),
            }
        }
    }

    /// Both directions, escaped.
    pub fn scene(&self) -> String {
        let show = |bytes: &[u8]| bytes[..bytes.len().min(4096)].escape_ascii().to_string();
        let (sent, received) = (show(&self.sent), show(&self.received));
        format!("--- sent\n{sent}\n--- received, {} bytes of it read\n{received}", self.read)
    }
}

/// A request with a body of known length.
pub fn post(path: &str, body: &str) -> String {
    let mut wire = String::new();
    write!(wire, "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    wire
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}
