//! One connection to the function: a request out, the head of its response in. Bodies of responses are in `reply.rs`.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::reply::{self, Reply};
use super::{Body, Error, GLANCE, Head, Idle, Patience, Source};

use crate::sync::Mutex;

/// A response head that is longer is not a response: the platform passes on 8 KB of headers.
const MAX_HEAD: usize = 64 * 1024;

/// What one read of a request body takes.
const PIECE: usize = 64 * 1024;

pub struct Connection {
    pub(super) stream: TcpStream,
    /// Bytes that arrived and are not yet used.
    pub(super) received: Vec<u8>,
}

/// The rest of a request body that was still being sent when the response began.
pub struct Upload {
    stream: TcpStream,
    /// Read from the caller, not yet sent.
    pending: Vec<u8>,
    chunked: bool,
}

impl Upload {
    /// Takes the next piece of the body; an empty one is its end.
    pub fn feed(&mut self, piece: &[u8]) {
        frame(&mut self.pending, piece, self.chunked);
    }

    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Sends what the connection takes now; false when it takes nothing.
    pub fn send(&mut self) -> io::Result<bool> {
        match send(&self.stream, &self.pending, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.pending.drain(..count);
                Ok(true)
            }
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(rustix::io::Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The same without what was still to be sent.
    pub fn cancelled(self) -> Upload {
        Upload { pending: Vec::new(), ..self }
    }

    /// Waits until more can be sent or something arrived.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        ready(&self.stream, PollFlags::IN | PollFlags::OUT, timeout).map(drop)
    }
}

impl Connection {
    pub(super) fn open(address: SocketAddr, until: Instant) -> Result<Connection, Error> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::TimedOut);
        }
        let stream = TcpStream::connect_timeout(&address, left).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => Error::TimedOut,
            _ => Error::Dropped(error),
        })?;
        stream.set_nodelay(true).map_err(Error::Dropped)?;
        Ok(Connection { stream, received: Vec::new() })
    }

    /// An idle connection that is silent may be closed a moment later all the same; that race is the caller's.
    pub(super) fn state(&self) -> Idle {
        if !self.received.is_empty() {
            return Idle::Talking;
        }
        let mut byte = [0];
        match recv(&self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Err(rustix::io::Errno::AGAIN) => Idle::Silent,
            Ok((count, _)) if count > 0 => Idle::Talking,
            _ => Idle::Closed,
        }
    }

    /// One request and the head of its final response. `idle` takes the connection back when the body has been read.
    pub(super) fn exchange(
        mut self,
        head: &Head,
        body: &mut Body<'_>,
        patience: &Patience<'_>,
        idle: &Arc<Mutex<Vec<Connection>>>,
    ) -> Result<Reply, Error> {
        let mut out = head.bytes.clone();
        let upload = match body {
            Body::Bytes(bytes) => {
                if !bytes.is_empty() || !matches!(head.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
                {
                    out.extend_from_slice(format!("content-length: {}\r\n", bytes.len()).as_bytes());
                }
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(bytes);
                self.send(&out, patience)?.map(|pending| self.upload(pending, false)).transpose()
            }
            Body::Stream(source, length) => self.send_stream(out, *source, *length, patience),
        }?;
        let (status, headers, keep_alive) = self.head(patience)?;
        let framing = reply::framing(&head.method, status, &headers)?;
        let keep_alive = keep_alive && upload.is_none();
        Ok(Reply::new(
            status,
            headers,
            framing,
            self,
            keep_alive.then(|| Arc::clone(idle)),
            patience.until,
            upload,
        ))
    }

    fn upload(&self, pending: Vec<u8>, chunked: bool) -> Result<Upload, Error> {
        let stream = self.stream.try_clone().map_err(Error::Dropped)?;
        Ok(Upload { stream, pending, chunked })
    }

    /// Sends a body as it is read. A response that begins meanwhile ends this: the rest is the caller's to send.
    fn send_stream(
        &mut self,
        mut out: Vec<u8>,
        source: &mut dyn Source,
        length: Option<u64>,
        patience: &Patience<'_>,
    ) -> Result<Option<Upload>, Error> {
        let chunked = length.is_none();
        match length {
            Some(length) => out.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes()),
            None => out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
        }
        let mut piece = vec![0; PIECE];
        loop {
            // What is here goes out, the head included, before anybody waits for more of the body.
            if (out.len() >= PIECE || source.waits_for().is_some()) && !out.is_empty() {
                if let Some(pending) = self.send(&out, patience)? {
                    return self.upload(pending, chunked).map(Some);
                }
                out.clear();
            }
            if self.answers_before(source, patience)? {
                return self.upload(out, chunked).map(Some);
            }
            let count = retrying(|| source.read(&mut piece)).map_err(Error::Source)?;
            frame(&mut out, piece.get(..count).unwrap_or_default(), chunked);
            if count == 0 {
                let pending = self.send(&out, patience)?;
                return pending.map(|pending| self.upload(pending, chunked)).transpose();
            }
        }
    }

    /// Whether a response begins before there is more of the body.
    fn answers_before(&self, source: &mut dyn Source, patience: &Patience<'_>) -> Result<bool, Error> {
        while let Some(caller) = source.waits_for() {
            let left = patience.until.saturating_duration_since(Instant::now());
            let (caller_ready, answered) = either(caller, &self.stream, left).map_err(Error::Dropped)?;
            if answered && !caller_ready {
                return Ok(true);
            }
            if left.is_zero() {
                return Err(Error::TimedOut);
            }
        }
        Ok(false)
    }

    /// Sends `bytes`, unless a response begins first: then what is left of them is returned.
    fn send(&mut self, bytes: &[u8], patience: &Patience<'_>) -> Result<Option<Vec<u8>>, Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match send(&self.stream, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    let ready = self.wait(PollFlags::IN | PollFlags::OUT, patience)?;
                    if ready.contains(PollFlags::IN) && !ready.contains(PollFlags::OUT) {
                        return Ok(Some(rest.to_vec()));
                    }
                }
                // A function may answer and close without reading a body it does not want; the answer counts.
                Err(error) if self.answered() => {
                    let _ = error;
                    return Ok(Some(Vec::new()));
                }
                Err(error) => return Err(Error::Dropped(error.into())),
            }
        }
        Ok(None)
    }

    fn answered(&self) -> bool {
        let mut byte = [0];
        recv(&self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT).is_ok_and(|(count, _)| count > 0)
    }

    /// The head of the final response; interim ones (1xx) are passed over.
    fn head(&mut self, patience: &Patience<'_>) -> Result<ParsedHead, Error> {
        loop {
            if let Some((length, head)) = parse(&self.received)? {
                self.received.drain(..length);
                if head.0 >= 200 {
                    return Ok(head);
                }
                continue;
            }
            if self.received.len() > MAX_HEAD {
                return Err(Error::BadResponse(format!("a response head over {MAX_HEAD} bytes")));
            }
            self.wait(PollFlags::IN, patience)?;
            if self.receive().map_err(Error::Dropped)? == 0 {
                return Err(Error::Dropped(ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Reads once into `received`; 0 is the end.
    pub(super) fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = retrying(|| (&self.stream).read(&mut buffer))?;
        self.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn wait(&self, wanted: PollFlags, patience: &Patience<'_>) -> Result<PollFlags, Error> {
        loop {
            let left = patience.until.saturating_duration_since(Instant::now());
            let ready = ready(&self.stream, wanted, left.min(GLANCE)).map_err(Error::Dropped)?;
            if !ready.is_empty() {
                return Ok(ready);
            }
            if left.is_zero() {
                return Err(Error::TimedOut);
            }
            if (patience.caller_gone)() {
                return Err(Error::CallerGone);
            }
        }
    }

    pub(super) fn reset(self) {
        let _ = set_socket_linger(&self.stream, Some(Duration::ZERO)); // else it is closed in the usual way
    }

    /// Ends the connection for whoever else holds a handle to it.
    pub(super) fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both); // it may be closed already
    }
}

/// Status, headers, and whether the connection may live on.
type ParsedHead = (u16, Vec<(String, Vec<u8>)>, bool);

/// A whole head at the start of `bytes` with its length, or `None` when more is needed.
fn parse(bytes: &[u8]) -> Result<Option<(usize, ParsedHead)>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(length)) => {
            let headers: Vec<(String, Vec<u8>)> = response
                .headers
                .iter()
                .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
                .collect();
            let says = |option: &str| {
                headers.iter().any(|(name, value)| {
                    name == "connection"
                        && String::from_utf8_lossy(value)
                            .split(',')
                            .any(|token| token.trim().eq_ignore_ascii_case(option))
                })
            };
            let keep_alive = match response.version {
                Some(1) => !says("close"),
                _ => says("keep-alive"),
            };
            Ok(Some((length, (response.code.unwrap_or(0), headers, keep_alive))))
        }
        Err(error) => Err(Error::BadResponse(format!("not an HTTP response: {error}"))),
    }
}

/// Waits until `wanted` is possible; empty when `timeout` passed first.
pub(super) fn ready(stream: &TcpStream, wanted: PollFlags, timeout: Duration) -> io::Result<PollFlags> {
    let mut fds = [PollFd::new(stream, wanted)];
    let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) => Ok(fds.iter().fold(PollFlags::empty(), |all, fd| all | fd.revents())),
        Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
        Err(error) => Err(error.into()),
    }
}

/// Which of two can be read first; neither when `timeout` passed.
pub fn either(first: BorrowedFd<'_>, second: &TcpStream, timeout: Duration) -> io::Result<(bool, bool)> {
    let mut fds = [PollFd::from_borrowed_fd(first, PollFlags::IN), PollFd::new(second, PollFlags::IN)];
    let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok((false, false)),
        Err(error) => return Err(error.into()),
    }
    let [first, second] = fds.map(|fd| !fd.revents().is_empty());
    Ok((first, second))
}

/// `piece` as it goes on the wire; an empty one is the end of the body.
fn frame(out: &mut Vec<u8>, piece: &[u8], chunked: bool) {
    if !chunked {
        out.extend_from_slice(piece);
        return;
    }
    out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

fn retrying(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
