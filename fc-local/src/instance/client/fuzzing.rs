//! Replies and chunks as functions of bytes, for fuzz targets: the very code that talks to an instance, with a socket
//! that gives one piece at each read. No API, and nothing is decided here.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::connection::Connection;
use super::exchange::exchange;
use super::idle::IdleConnections;
use super::request::{RequestBody, RequestHead};
use super::wait::{Deadline, Patience};
use super::{chunk as codec, error::Error};

/// Longer than anything here lasts: all bytes are there before they are read.
const WATCHDOG: Duration = Duration::from_secs(60);

/// What one read takes at the most, here and in `connection`; so no piece may be longer.
const MAX_PACKET: usize = 16 * 1024;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub status: u16,
    /// Names, in lower case, and values in order.
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// How many bytes are left for the next reply; `None` when the connection ends with this one.
    pub left: Option<usize>,
}

/// The reply to a request with this method that arrives in pieces, and then the connection's end. Its body is read with
/// buffers of `size` bytes.
pub fn reply(method: &str, wire: &[u8], cuts: &[usize], size: usize) -> Result<Received, String> {
    // Packets keep their bounds: one read is one piece.
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (near, far) = pair.map_err(|error| error.to_string())?;
    let (near, far) = (TcpStream::from(near), TcpStream::from(far));
    let mut start = 0;
    for &end in cuts.iter().chain([&wire.len()]) {
        let piece = wire.get(start..end).unwrap_or_default();
        if !piece.is_empty() {
            (&far).write_all(piece).map_err(|error| error.to_string())?;
        }
        start = end;
    }
    far.shutdown(Shutdown::Write).map_err(|error| error.to_string())?;
    let rest = near.try_clone().map_err(|error| error.to_string())?;
    let received = read(method, near, rest, size);
    received.map_err(|error| error.to_string())
}

fn read(method: &str, stream: TcpStream, mut rest: TcpStream, size: usize) -> Result<Received, Error> {
    let connection = Connection::over(stream);
    let bytes = format!("{method} / HTTP/1.1\r\n").into();
    let head = RequestHead { method: method.to_owned(), bytes, expects_continue: false };
    let idle = Arc::new(IdleConnections::default());
    let body = &mut RequestBody::Bytes(b"");
    let mut reply = exchange(connection, &head, body, &Patience::of(Deadline::after(WATCHDOG)), &idle)?;
    let (mut body, mut piece) = (Vec::new(), vec![0; size]);
    loop {
        let count = reply.body.read(&mut piece).map_err(Error::of_body)?;
        if count == 0 {
            break;
        }
        body.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    let fields = reply.headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    let left = match idle.unread() {
        Some(unread) => Some(unread + length(&mut rest).map_err(Error::Dropped)?),
        None => None,
    };
    Ok(Received { status: reply.status, fields, body, left })
}

/// How many bytes are still to come. A packet's end is lost in a buffer that is too small for it.
fn length(rest: &mut TcpStream) -> io::Result<usize> {
    let (mut length, mut packet) = (0, vec![0; MAX_PACKET]);
    loop {
        match rest.read(&mut packet)? {
            0 => return Ok(length),
            count => length += count,
        }
    }
}

/// Appends a piece of a body as it goes to the function; an empty one is its end.
pub fn chunk(out: &mut Vec<u8>, piece: &[u8]) {
    codec::write(out, piece);
}
