//! Not API, and free to change: the codec as plain functions of bytes, for the fuzz targets and the
//! codec's benchmark. What arrives is given whole, with the places where it was cut on its way.

use crate::http1::{
    self, BodyDecoder, BodyLength, Buffer, Framing, Head, Parsed, Persistence, Piece, Progress, Reject,
};

/// The largest body a [`connection`] takes.
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
            Err(reject) => Err(reject.status()),
        }
    }
}

/// A chunked body at the front of `wire`: its data and its length on the wire.
///
/// # Errors
/// The status it is refused with.
pub fn chunked(wire: &[u8], cuts: &[usize]) -> Result<Option<(Vec<u8>, usize)>, u16> {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked, u64::MAX).map_err(Reject::status)?;
    let (mut data, mut at) = (Vec::new(), 0);
    for &end in cuts.iter().chain([&wire.len()]) {
        while let Some(arrived) = wire.get(at..end) {
            match decoder.look(arrived).map_err(Reject::status)? {
                Piece::More => break,
                Piece::Skip(count) => at += count,
                Piece::Data(count) => {
                    data.extend_from_slice(&arrived[..count]);
                    decoder.took(count);
                    at += count;
                }
                Piece::End(count) => return Ok(Some((data, at + count))),
            }
        }
    }
    Ok(None)
}

/// The head of a response with a body of `length` bytes.
pub fn encode_head(out: &mut Vec<u8>, length: u64) {
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    let fields = [&b"content-type: text/plain; charset=utf-8\r\n"[..], b"x-fc-status: 200\r\n"];
    http1::encode_head(out, 200, Framing::Length(length), Persistence::Implied, date, fields);
}

/// A request as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// Names and values in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// Where on the wire it ends.
    pub end: usize,
}

/// What a connection's bytes come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// The complete requests in order.
    pub requests: Vec<Received>,
    /// The status with which what follows them is refused.
    pub refused: Option<u16>,
}

/// All requests on one connection, taken in as `connection` and `body` do: through a `Buffer`, a
/// head, its body, and on with what is left.
pub fn connection(wire: &[u8], cuts: &[usize]) -> Conversation {
    let mut reader = Reader::default();
    let mut start = 0;
    for &end in cuts.iter().chain([&wire.len()]) {
        while let Some(arriving) = wire.get(start..end).filter(|arriving| !arriving.is_empty()) {
            let filled = reader.buffer.fill(|space| {
                let count = arriving.len().min(space.len());
                space[..count].copy_from_slice(&arriving[..count]);
                Ok(count)
            });
            start += filled.map_or(0, |(count, _)| count);
            if let Err(reject) = reader.look() {
                reader.conversation.refused = Some(reject.status());
                return reader.conversation;
            }
        }
    }
    reader.conversation
}

#[derive(Default)]
struct Reader {
    buffer: Buffer,
    head: Head,
    progress: Progress,
    body: Option<(BodyDecoder, Vec<u8>)>,
    consumed: usize,
    conversation: Conversation,
}

impl Reader {
    /// Goes on until more bytes are needed.
    fn look(&mut self) -> Result<(), Reject> {
        while match &self.body {
            Some(_) => self.look_for_body()?,
            None => self.look_for_head()?,
        } {}
        Ok(())
    }

    fn look_for_head(&mut self) -> Result<bool, Reject> {
        if self.buffer.is_empty() {
            return Ok(false);
        }
        match self.head.parse(self.buffer.unread(), &mut self.progress)? {
            Parsed::Partial => Ok(false),
            Parsed::Nothing(length) => {
                self.consume(length);
                Ok(false)
            }
            Parsed::Complete(length) => {
                self.consume(length);
                self.body = Some((BodyDecoder::new(self.head.length, MAX_BODY)?, Vec::new()));
                Ok(true)
            }
        }
    }

    fn look_for_body(&mut self) -> Result<bool, Reject> {
        let Some((decoder, data)) = &mut self.body else { return Ok(false) };
        let count = match decoder.look(self.buffer.unread())? {
            Piece::More => return Ok(false),
            Piece::Skip(count) => count,
            Piece::Data(count) => {
                data.extend_from_slice(&self.buffer.unread()[..count]);
                decoder.took(count);
                count
            }
            Piece::End(count) => {
                self.consume(count);
                self.received();
                return Ok(true);
            }
        };
        self.consume(count);
        Ok(true)
    }

    fn received(&mut self) {
        let (_, body) = self.body.take().unzip();
        let fields = self.head.fields().map(|(name, value)| (name.to_owned(), value.to_vec()));
        self.conversation.requests.push(Received {
            method: self.head.method().to_owned(),
            target: self.head.target().to_owned(),
            fields: fields.collect(),
            body: body.unwrap_or_default(),
            end: self.consumed,
        });
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
        self.buffer.consume(count);
    }
}
