//! A reply: its head, and its body read as it arrives. The connection is idle again with the last byte. What
//! the reply means is not known here.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;

use super::chunk;
use super::connection::Connection;
use super::idle::IdleConnections;
use super::reply_head::{Framing, Headers};
use super::upload::Upload;
use super::wait::{Deadline, Patience};

pub struct Reply {
    pub status: u16,
    pub headers: Headers,
    pub body: ReplyBody,
    /// Set when the reply began before the request was sent.
    pub upload: Option<Upload>,
}

pub struct ReplyBody {
    /// Taken when the body has ended.
    connection: Option<Connection>,
    /// Where the connection goes then, unless it ends with the body.
    idle: Option<Arc<IdleConnections>>,
    framing: Framing,
    patience: Patience,
    /// What a look ahead found, for the next read: the system tells of a reset once.
    broken_off: Option<io::Error>,
}

impl ReplyBody {
    pub fn new(
        connection: Connection,
        framing: Framing,
        idle: Option<Arc<IdleConnections>>,
        patience: Patience,
    ) -> ReplyBody {
        let mut body = ReplyBody { connection: Some(connection), idle, framing, patience, broken_off: None };
        if framing == Framing::Length(0) {
            body.end();
        }
        body
    }

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
            if connection.has_bytes().is_ok_and(|has_bytes| !has_bytes) {
                return true;
            }
            match connection.receive(&self.patience.deadline) {
                Ok(1..) => {}
                Ok(0) => return false,
                Err(error) => {
                    self.broken_off = Some(error);
                    return false;
                }
            }
        }
    }

    /// How long, and for whom, to wait for something else beside it.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// When the call is over, for whoever waits for something else.
    pub fn deadline(&self) -> Deadline {
        self.patience.deadline.clone()
    }

    /// The connection, to wait on beside another.
    pub fn stream(&self) -> Option<&TcpStream> {
        self.connection.as_ref().map(Connection::stream)
    }

    /// The whole body, at most `limit` bytes.
    pub fn read_all(&mut self, limit: u64) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        self.take(limit + 1).read_to_end(&mut all)?;
        if all.len() as u64 > limit {
            let text = format!("a response body over {limit} bytes");
            return Err(io::Error::new(ErrorKind::FileTooLarge, text));
        }
        Ok(all)
    }

    fn end(&mut self) {
        if let (Some(connection), Some(idle)) = (self.connection.take(), self.idle.take()) {
            idle.put(connection);
        }
    }

    /// How many bytes of the body are here, without waiting: 0 at its end, `None` when more must arrive
    /// first.
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
                Framing::Chunked { left, has_begun } => {
                    match chunk::next(&mut connection.received, *has_begun)? {
                        Some(0) => self.end(),
                        Some(size) => (*left, *has_begun) = (Some(size), true),
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    /// The same after waiting for some.
    fn available(&mut self) -> io::Result<u64> {
        loop {
            self.patience.deadline.left()?;
            if let Some(count) = self.advance()? {
                return Ok(count);
            }
            if let Some(error) = self.broken_off.take() {
                return Err(error);
            }
            let Some(connection) = &mut self.connection else { return Ok(0) };
            connection.wait_for_bytes(&self.patience)?;
            if connection.receive(&self.patience.deadline)? == 0 {
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
        if buffer.is_empty() || self.is_complete() {
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
