//! A response: its head, and its body read as it arrives. The connection goes back to the pool with the last byte.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::Error;
use super::connection::{Connection, Upload, ready};

use crate::sync::Mutex;

/// A line with a chunk's size: longer ones only carry extensions nobody uses.
const MAX_CHUNK_LINE: usize = 4096;

pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: ReplyBody,
    /// Set when the response began before the request was sent.
    pub upload: Option<Upload>,
}

pub struct ReplyBody {
    /// Taken when the body has ended.
    connection: Option<Connection>,
    idle: Option<Arc<Mutex<Vec<Connection>>>>,
    framing: Framing,
    until: Instant,
}

/// How much is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    /// Bytes left of the current chunk; `None` before its size line, `started` once its data must end with CRLF.
    Chunked {
        left: Option<u64>,
        started: bool,
    },
    UntilClose,
}

/// RFC 9112 section 6.3, as a client reads it.
pub(super) fn framing(method: &str, status: u16, headers: &[(String, Vec<u8>)]) -> Result<Framing, Error> {
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(Framing::Length(0));
    }
    let values = |wanted: &str| {
        headers
            .iter()
            .filter(move |(name, _)| name == wanted)
            .map(|(_, value)| value.as_slice())
            .collect::<Vec<_>>()
    };
    let codings = values("transfer-encoding");
    match codings.as_slice() {
        [] => {}
        [coding] if coding.eq_ignore_ascii_case(b"chunked") => {
            return Ok(Framing::Chunked { left: None, started: false });
        }
        _ => {
            return Err(Error::BadResponse("a transfer coding other than chunked".to_owned()));
        }
    }
    match values("content-length").as_slice() {
        [] => Ok(Framing::UntilClose),
        [first, rest @ ..] if rest.iter().all(|value| value == first) => {
            let digits =
                std::str::from_utf8(first).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            let length = digits.and_then(|text| text.parse().ok());
            length
                .map(Framing::Length)
                .ok_or_else(|| Error::BadResponse("a malformed Content-Length".to_owned()))
        }
        _ => Err(Error::BadResponse("several Content-Lengths".to_owned())),
    }
}

impl Reply {
    pub(super) fn new(
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        framing: Framing,
        connection: Connection,
        idle: Option<Arc<Mutex<Vec<Connection>>>>,
        until: Instant,
        upload: Option<Upload>,
    ) -> Reply {
        let mut body = ReplyBody { connection: Some(connection), idle, framing, until };
        if framing == Framing::Length(0) {
            body.end();
        }
        Reply { status, headers, body, upload }
    }

    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl ReplyBody {
    /// How long the body is, when its head said so.
    pub fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        }
    }

    pub fn is_complete(&self) -> bool {
        self.connection.is_none()
    }

    /// Whether a read would have to wait for the function.
    pub fn would_wait(&mut self) -> bool {
        loop {
            match self.advance() {
                Ok(None) => {}
                // Bytes, the end, or an error: a read has them at once.
                _ => return false,
            }
            let Some(connection) = &mut self.connection else { return false };
            if ready(&connection.stream, PollFlags::IN, Duration::ZERO).is_ok_and(|ready| ready.is_empty()) {
                return true;
            }
            if !matches!(connection.receive(), Ok(1..)) {
                return false;
            }
        }
    }

    /// An error once the time is up, for whoever waits for something else.
    pub fn in_time(&self) -> io::Result<()> {
        if Instant::now() < self.until { Ok(()) } else { Err(ErrorKind::TimedOut.into()) }
    }

    /// The connection, to wait on beside another.
    pub fn stream(&self) -> Option<&TcpStream> {
        self.connection.as_ref().map(|connection| &connection.stream)
    }

    /// The whole body, at most `limit` bytes.
    pub fn read_all(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.take(limit as u64 + 1).read_to_end(&mut all)?;
        if all.len() > limit {
            return Err(io::Error::new(
                ErrorKind::FileTooLarge,
                format!("a response body over {limit} bytes"),
            ));
        }
        Ok(all)
    }

    fn end(&mut self) {
        if let (Some(connection), Some(idle)) = (self.connection.take(), self.idle.take()) {
            idle.lock().push(connection);
        }
    }

    /// How many bytes of the body are here, without waiting: 0 at its end, `None` when more must arrive first.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(Some(0)) };
            let here = connection.received.len() as u64;
            match &mut self.framing {
                Framing::Length(left) => return Ok(Some(here.min(*left)).filter(|count| *count > 0)),
                Framing::UntilClose => return Ok(Some(here).filter(|count| *count > 0)),
                Framing::Chunked { left: Some(left), .. } if *left > 0 => {
                    return Ok(Some(here.min(*left)).filter(|count| *count > 0));
                }
                Framing::Chunked { left, started } => match next_chunk(&mut connection.received, *started)? {
                    Some(0) => self.end(),
                    Some(size) => (*left, *started) = (Some(size), true),
                    None => return Ok(None),
                },
            }
        }
    }

    /// The same after waiting for some.
    fn available(&mut self) -> io::Result<u64> {
        loop {
            if let Some(count) = self.advance()? {
                return Ok(count);
            }
            let Some(connection) = &mut self.connection else { return Ok(0) };
            // A function that writes head and body apart may be held up by Nagle's algorithm until the head is acknowledged.
            let _ = rustix::net::sockopt::set_tcp_quickack(&connection.stream, true); // only speed depends on it
            let left = self.until.saturating_duration_since(Instant::now());
            if ready(&connection.stream, PollFlags::IN, left)?.is_empty() {
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                continue;
            }
            if connection.receive()? == 0 {
                if self.framing == Framing::UntilClose {
                    self.idle = None;
                    self.end();
                    return Ok(0);
                }
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl Read for ReplyBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let available = self.available()?;
        let Some(connection) = &mut self.connection else {
            return Ok(0);
        };
        let count = usize::try_from(available).unwrap_or(usize::MAX).min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(connection.received.drain(..count)) {
            *to = from;
        }
        match &mut self.framing {
            Framing::Length(left) => *left -= count as u64,
            Framing::Chunked { left: Some(left), .. } => *left -= count as u64,
            Framing::Chunked { .. } | Framing::UntilClose => {}
        }
        if self.framing == Framing::Length(0) {
            self.end();
        }
        Ok(count)
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            // Somebody may still be sending on it.
            connection.cut();
        }
    }
}

/// The size of the next chunk, its line (and the CRLF of the one before) removed from `received`; `None` when more is
/// needed. 0 is the end, with its trailers removed.
fn next_chunk(received: &mut Vec<u8>, after_data: bool) -> io::Result<Option<u64>> {
    let malformed = || io::Error::new(ErrorKind::InvalidData, "a malformed chunk");
    let start = if after_data { 2 } else { 0 };
    if received.len() < start {
        return Ok(None);
    }
    if !received.starts_with(b"\r\n") && after_data {
        return Err(malformed());
    }
    let Some(line) = line_at(received, start) else {
        return if received.len() > MAX_CHUNK_LINE { Err(malformed()) } else { Ok(None) };
    };
    let text = std::str::from_utf8(line).map_err(|_| malformed())?;
    let digits = text.split(';').next().unwrap_or_default().trim_end();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    let size = u64::from_str_radix(digits, 16).map_err(|_| malformed())?;
    let mut end = start + line.len() + 2;
    if size == 0 {
        loop {
            let Some(trailer) = line_at(received, end) else {
                return if received.len() > 16 * MAX_CHUNK_LINE { Err(malformed()) } else { Ok(None) };
            };
            let empty = trailer.is_empty();
            end += trailer.len() + 2;
            if empty {
                break;
            }
        }
    }
    received.drain(..end);
    Ok(Some(size))
}

/// The line that begins at `start`, without its CRLF.
fn line_at(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    rest.get(..end)
}
