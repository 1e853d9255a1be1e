//! Not API, and free to change: the conversation and what it is made of as plain functions of bytes, for the
//! fuzz targets and the codec's benchmark. What arrives is given whole, with the places where it was cut on
//! its way.

use crate::api::{Body, Response, ServerConfig};
use crate::clock::Moment;
use crate::http1::{
    self, Announcement, BodyDecoder, BodyLength, Buffer, Conversation, FINAL_CHUNK, Head, Limits, Parsed,
    Progress, Reject, ResponseFraming, Step, Taken,
};
use std::convert::Infallible;

/// What one read of a body takes.
const PIECE: usize = 100;

/// The largest body that a [`connection`] takes.
pub const MAX_BODY: u64 = 64 * 1024;

/// What `Request::event` makes of a body.
///
/// # Errors
/// What it says of one that is no `T`.
#[cfg(feature = "events")]
pub fn event<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    crate::events::read(bytes).map_err(|error| error.to_string())
}

/// Parses heads one after the other, as a connection does, with the same memory.
#[derive(Default)]
pub struct HeadParser {
    head: Head,
    progress: Progress,
}

impl HeadParser {
    /// The length of the head at the front of `wire`, `None` while it is incomplete.
    ///
    /// # Errors
    /// The status it is refused with.
    pub fn parse(&mut self, wire: &[u8]) -> Result<Option<usize>, u16> {
        match self.head.parse(wire, &mut self.progress) {
            Ok(Parsed::Complete(length)) => Ok(Some(length)),
            Ok(Parsed::Partial | Parsed::Nothing(_)) => Ok(None),
            Ok(Parsed::LaterVersion(minor)) => {
                let mut wire = wire.to_vec();
                wire[minor] = b'1';
                self.parse(&wire)
            }
            Err(reject) => Err(reject.status()),
        }
    }
}

/// A chunked body at the front of `wire`: its data and its length on the wire.
///
/// # Errors
/// The status it is refused with.
pub fn chunked(wire: &[u8], cuts: &[usize]) -> Result<Option<(Vec<u8>, usize)>, u16> {
    let mut data = Vec::new();
    let length = decode_chunked(wire, cuts, |piece| data.extend_from_slice(piece))?;
    Ok(length.map(|length| (data, length)))
}

/// As [`chunked`], with the data handed to `take` piece by piece.
///
/// # Errors
/// The status it is refused with.
pub fn decode_chunked(
    wire: &[u8],
    cuts: &[usize],
    mut take: impl FnMut(&[u8]),
) -> Result<Option<usize>, u16> {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked, u64::MAX).map_err(Reject::status)?;
    let (mut input, mut arrived) = (Buffer::default(), 0);
    for &end in cuts.iter().chain([&wire.len()]) {
        while arrived < end {
            let count = copy(&wire[arrived..end], input.space());
            input.fill(count);
            arrived += count;
            loop {
                let take = |piece: &[u8]| {
                    take(piece);
                    piece.len()
                };
                match decoder.take(&mut input, take).map_err(Reject::status)? {
                    Taken::Data(_) => {}
                    Taken::End => return Ok(Some(arrived - input.unread().len())),
                    Taken::NeedsMore => break,
                }
            }
        }
    }
    Ok(None)
}

/// Appends the head of a response with a body of 13 bytes and these field lines.
pub fn encode_head(out: &mut Vec<u8>, fields: &[u8]) {
    let (date, framing) = (b"Sun, 06 Nov 1994 08:49:37 GMT", ResponseFraming::Length(13));
    http1::begin_head(out, 200, framing, date, [fields, b""]);
    http1::end_head(out, Announcement::Implied);
}

/// Appends `data` as one chunk.
pub fn encode_chunk(out: &mut Vec<u8>, data: &[u8]) {
    http1::chunk_size_line(out, data.len());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// A response as it is sent to a request with this method and version, its body chunked or in one piece; `None` when
/// its author did something wrong.
pub fn response(response: &Response, method: &str, http10: bool, is_chunked: bool) -> Option<Vec<u8>> {
    let mut request = Head::default();
    let line = format!("{method} / HTTP/1.{}\r\nHost: h\r\n\r\n", u8::from(!http10));
    request.parse(line.as_bytes(), &mut Progress::default()).ok()?;
    let Body::Bytes(body) = &response.body else { return None };
    if response.fault().is_some() {
        return None;
    }
    let length = ResponseFraming::Length(body.len() as u64);
    let framing = if is_chunked { ResponseFraming::Chunked } else { length };
    let framing = framing.for_response(response.status, &request);
    let persists = request.keep_alive && framing != ResponseFraming::UntilClose;
    let (announcement, date) = (Announcement::new(persists, http10), b"Sun, 06 Nov 1994 08:49:37 GMT");
    let mut out = Vec::new();
    http1::begin_head(&mut out, response.status, framing, date, [&response.lines, b""]);
    http1::end_head(&mut out, announcement);
    if !http1::has_body(response.status, &request) {
        return Some(out);
    }
    if framing == ResponseFraming::Chunked {
        body.chunks(7).for_each(|piece| encode_chunk(&mut out, piece));
        out.extend_from_slice(FINAL_CHUNK);
    } else {
        out.extend_from_slice(body);
    }
    Some(out)
}

/// What a server does with the bodies of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// They are read to their ends.
    Read,
    /// As that, and before each read it is asked whether that would wait.
    Polled,
    /// As that, and what is sure to be data is received right where it is wanted.
    Direct,
    /// Nothing of them is read.
    Unread,
    /// What has arrived of them is taken in, as under a response that does not read them.
    Settled,
    /// So many bytes are read if they have arrived, and no more.
    Partly(usize),
}

/// A request as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// Names and values in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body, empty when it was not read.
    pub body: Vec<u8>,
    /// Where on the wire its body was read to the end, or else its head.
    pub end: usize,
}

/// What a connection's bytes come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The requests in order; of those that are read, the complete ones.
    pub requests: Vec<Received>,
    /// The status with which what follows them is refused.
    pub refused: Option<u16>,
    /// The connection ends here, whatever follows.
    pub has_ended: bool,
}

/// All requests on one connection. Wherever nothing more has arrived it is parked, as a worker does with its buffer.
pub fn connection(wire: &[u8], cuts: &[usize], bodies: Bodies) -> Outcome {
    let mut server = Server {
        conversation: Conversation::new(Moment::default()),
        head: Head::default(),
        spare: Some(used_buffer()),
        bodies,
        arrived: 0,
        reading: None,
        outcome: Outcome::default(),
    };
    for &end in cuts.iter().chain([&wire.len()]) {
        while server.arrived < end {
            server.receive(&wire[server.arrived..end]);
        }
    }
    server.outcome
}

/// With another connection's bytes in it.
fn used_buffer() -> Buffer {
    let mut buffer = Buffer::default();
    let count = copy(b"GET /of-another HTTP/1.1\r\nHost: other\r\n\r\n", buffer.space());
    buffer.fill(count);
    buffer.consume(count);
    buffer
}

struct Server {
    conversation: Conversation,
    head: Head,
    /// The worker's, which connections that wait have given up.
    spare: Option<Buffer>,
    bodies: Bodies,
    arrived: usize,
    /// The request whose body is not complete.
    reading: Option<Received>,
    outcome: Outcome,
}

impl Server {
    /// Takes in as much as there is space for, and goes on until it needs more.
    fn receive(&mut self, arriving: &[u8]) {
        if self.reading.is_some() {
            self.arrived += self.receive_body(arriving);
            self.read_body();
        } else {
            self.conversation.take_buffer(&mut self.spare);
            let count = copy(arriving, self.conversation.space());
            self.conversation.received(count, Moment::default());
            self.arrived += count;
        }
        while self.reading.is_none() && self.step() {}
        // A buffer of its first size at least, and of twice what it had to hold at the most.
        assert!(
            self.conversation.held_bytes() <= 8 * 1024 + 4 * self.arrived,
            "memory that no input asks for"
        );
        if self.reading.is_none() {
            self.conversation.patience(&limits());
            self.conversation.return_buffer(&mut self.spare);
        }
    }

    fn receive_body(&mut self, arriving: &[u8]) -> usize {
        if let Some(received) = self.reading.as_mut().filter(|_| self.bodies == Bodies::Direct) {
            let mut piece = [0; PIECE];
            let receive = |buf: &mut [u8]| Ok::<_, Infallible>(copy(arriving, buf));
            if let Some(Ok(count)) = self.conversation.incoming().receive_directly(&mut piece, receive) {
                received.body.extend_from_slice(&piece[..count]);
                return count;
            }
        }
        let count = copy(arriving, self.conversation.body_space());
        self.conversation.incoming().received(count);
        count
    }

    fn step(&mut self) -> bool {
        match self.conversation.step(&limits(), &mut self.head) {
            Step::Request(head) => self.request(&head),
            Step::Refuse(reject) => self.refuse(reject),
            Step::EndSending => self.outcome.has_ended = true,
            Step::Receive | Step::Close(_) => return false,
        }
        true
    }

    fn request(&mut self, head: &Head) {
        let fields = head.fields().map(|(name, value)| (name.to_owned(), value.to_vec()));
        let mut received = Received {
            method: head.method().to_owned(),
            target: head.target().to_owned(),
            fields: fields.collect(),
            body: Vec::new(),
            end: self.arrived - self.conversation.unread(),
        };
        match self.bodies {
            Bodies::Read | Bodies::Polled | Bodies::Direct => {
                self.reading = Some(received);
                return self.read_body();
            }
            Bodies::Unread => {}
            Bodies::Settled => {
                self.conversation.incoming().discard();
            }
            Bodies::Partly(count) => {
                let mut piece = vec![0; count];
                if let Ok(Taken::Data(count)) = self.conversation.incoming().read(&mut piece) {
                    received.body.extend_from_slice(&piece[..count]);
                }
            }
        }
        match self.conversation.incoming().reject() {
            Some(reject) => self.refuse(reject),
            None => {
                self.outcome.requests.push(received);
                self.conclude();
            }
        }
    }

    fn read_body(&mut self) {
        let Some(received) = &mut self.reading else { return };
        let mut piece = [0; PIECE];
        self.conversation.incoming().take_awaits_continue();
        loop {
            let mut incoming = self.conversation.incoming();
            #[cfg(feature = "internals")]
            let would_wait = self.bodies == Bodies::Polled && incoming.has_arrived() == Ok(false);
            #[cfg(not(feature = "internals"))]
            let would_wait = false;
            match incoming.read(&mut piece) {
                Ok(Taken::NeedsMore) => return,
                _ if would_wait => panic!("a read that would wait has something"),
                Ok(Taken::Data(count)) => received.body.extend_from_slice(&piece[..count]),
                Ok(Taken::End) => break,
                Err(reject) => {
                    self.reading = None;
                    return self.refuse(reject);
                }
            }
        }
        received.end = self.arrived - self.conversation.unread();
        self.outcome.requests.extend(self.reading.take());
        self.conclude();
    }

    fn refuse(&mut self, reject: Reject) {
        self.outcome.refused = Some(reject.status());
        self.conversation.refuse(Moment::default());
    }

    /// As after a response to a client that wants the connection to live on.
    fn conclude(&mut self) {
        let facts = self.conversation.facts();
        self.conversation.conclude(facts.conclude(facts.announce()), Moment::default());
    }
}

fn limits() -> Limits {
    ServerConfig::default().max_body(MAX_BODY).limits
}

/// As much as there is space for.
fn copy(from: &[u8], space: &mut [u8]) -> usize {
    let count = from.len().min(space.len());
    space[..count].copy_from_slice(&from[..count]);
    count
}
