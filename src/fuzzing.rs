//! Not API, and free to change: the conversation and what it is made of as plain functions of bytes, for the
//! fuzz targets and the codec's benchmark. What arrives is given whole, with the places where it was cut on
//! its way.

use crate::api::ServerConfig;
use crate::clock::Moment;
use crate::http1::{
    self, Announcement, BodyDecoder, BodyLength, Buffer, Conversation, Head, Limits, Parsed, Progress,
    Reject, ResponseFraming, Step, Taken,
};

/// The largest body that a [`connection`] takes.
pub const MAX_BODY: u64 = 64 * 1024;

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

/// All requests on one connection, as a server takes them that reads every body, or else none.
pub fn connection(wire: &[u8], cuts: &[usize], reads: bool) -> Outcome {
    let mut server = Server {
        conversation: Conversation::new(Moment::default()),
        head: Head::default(),
        reads,
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

struct Server {
    conversation: Conversation,
    head: Head,
    reads: bool,
    arrived: usize,
    /// The request whose body is not complete.
    reading: Option<Received>,
    outcome: Outcome,
}

impl Server {
    /// Takes in as much as there is space for, and goes on until it needs more.
    fn receive(&mut self, arriving: &[u8]) {
        if self.reading.is_some() {
            let count = copy(arriving, self.conversation.body_space());
            self.conversation.incoming().received(count);
            self.arrived += count;
            self.read_body();
        } else {
            let count = copy(arriving, self.conversation.space());
            self.conversation.received(count, Moment::default());
            self.arrived += count;
        }
        while self.reading.is_none() && self.step() {}
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
        let received = Received {
            method: head.method().to_owned(),
            target: head.target().to_owned(),
            fields: fields.collect(),
            body: Vec::new(),
            end: self.arrived - self.conversation.unread(),
        };
        if self.reads {
            self.reading = Some(received);
            self.read_body();
        } else {
            self.outcome.requests.push(received);
            self.conclude();
        }
    }

    fn read_body(&mut self) {
        let Some(received) = &mut self.reading else { return };
        let mut piece = [0; 100];
        self.conversation.incoming().take_awaits_continue();
        loop {
            match self.conversation.incoming().read(&mut piece) {
                Ok(Taken::Data(count)) => received.body.extend_from_slice(&piece[..count]),
                Ok(Taken::NeedsMore) => return,
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
