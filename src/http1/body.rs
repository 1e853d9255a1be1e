//! Where a request's body is in the bytes that arrive, however its length is given, and whether it is too
//! long. One function looks at the bytes and consumes them, so that a decoder and its input cannot part.

use super::buffer::Buffer;
use super::chunked::{ChunkedDecoder, Piece};
use super::framing::BodyLength;
use super::reject::Reject;

/// Follows one body through the input.
pub(crate) struct BodyDecoder {
    framing: Framing,
    /// How many more bytes of data the limit allows.
    allowed: u64,
}

enum Framing {
    Known(u64),
    Chunked(ChunkedDecoder),
}

/// What was taken off the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes of data, after all framing before them. 0 when none of those that are there were wanted.
    Data(usize),
    /// The body has ended, and what ended it is taken.
    End,
    /// All that could be used; more has to arrive.
    NeedsMore,
}

impl BodyDecoder {
    /// Refuses a body that is announced to be longer than `limit`.
    pub(crate) fn new(length: BodyLength, limit: u64) -> Result<BodyDecoder, Reject> {
        let framing = match length {
            BodyLength::Known(length) if length > limit => return Err(Reject::BodyTooLarge),
            BodyLength::None => Framing::Known(0),
            BodyLength::Known(length) => Framing::Known(length),
            BodyLength::Chunked => Framing::Chunked(ChunkedDecoder::default()),
        };
        Ok(BodyDecoder { framing, allowed: limit })
    }

    /// Of a request without a body.
    pub(crate) fn none() -> BodyDecoder {
        BodyDecoder { framing: Framing::Known(0), allowed: 0 }
    }

    /// Takes what lies at the front of `input`: framing, and then data, of which `take` says how many bytes
    /// it has taken.
    pub(crate) fn take(
        &mut self,
        input: &mut Buffer,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Result<Taken, Reject> {
        loop {
            match self.look(input.unread())? {
                Piece::Skip(count) => input.consume(count),
                Piece::Data(data) => {
                    let taken = take(data).min(data.len());
                    input.consume(taken);
                    self.took(taken);
                    return Ok(Taken::Data(taken));
                }
                Piece::End(count) => {
                    input.consume(count);
                    return Ok(Taken::End);
                }
                Piece::More => return Ok(Taken::NeedsMore),
            }
        }
    }

    /// Takes all that has arrived of it; whether that was the end.
    pub(crate) fn discard(&mut self, input: &mut Buffer) -> Result<bool, Reject> {
        loop {
            match self.take(input, <[u8]>::len)? {
                Taken::Data(_) => {}
                Taken::End => return Ok(true),
                Taken::NeedsMore => return Ok(false),
            }
        }
    }

    /// How many bytes of data are sure to come next once the input is used up, so that they may be received
    /// right where they are wanted: 0 when framing may come first.
    pub(crate) fn sure_data(&self) -> u64 {
        let left = match &self.framing {
            Framing::Known(left) => *left,
            Framing::Chunked(decoder) => decoder.data_left(),
        };
        left.min(self.allowed)
    }

    /// So many bytes of the [`sure_data`](Self::sure_data) were received elsewhere.
    pub(crate) fn bypassed(&mut self, count: usize) {
        self.took(count);
    }

    /// What is left when the length is known.
    pub(crate) fn known_left(&self) -> Option<u64> {
        match &self.framing {
            Framing::Known(left) => Some(*left),
            Framing::Chunked(_) => None,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        match &self.framing {
            Framing::Known(left) => *left == 0,
            Framing::Chunked(decoder) => decoder.is_done(),
        }
    }

    fn look<'a>(&mut self, input: &'a [u8]) -> Result<Piece<'a>, Reject> {
        let piece = match &mut self.framing {
            Framing::Known(0) => Piece::End(0),
            Framing::Known(_) if input.is_empty() => Piece::More,
            Framing::Known(left) => Piece::data(input, *left),
            Framing::Chunked(decoder) => decoder.look(input)?,
        };
        let announced = match &self.framing {
            Framing::Known(_) => 0,
            Framing::Chunked(decoder) => decoder.data_left(),
        };
        if announced > self.allowed { Err(Reject::BodyTooLarge) } else { Ok(piece) }
    }

    fn took(&mut self, count: usize) {
        self.allowed = self.allowed.saturating_sub(count as u64);
        match &mut self.framing {
            Framing::Known(left) => *left = left.saturating_sub(count as u64),
            Framing::Chunked(decoder) => decoder.took(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds to what has arrived.
    fn arrive(input: &mut Buffer, bytes: &[u8]) {
        input.space()[..bytes.len()].copy_from_slice(bytes);
        input.fill(bytes.len());
    }

    /// What is taken when this has arrived too and at most `wanted` bytes of data are wanted.
    fn take(
        body: &mut BodyDecoder,
        input: &mut Buffer,
        bytes: &[u8],
        wanted: usize,
    ) -> Result<Taken, Reject> {
        arrive(input, bytes);
        body.take(input, |data| data.len().min(wanted))
    }

    #[test]
    fn a_known_length_ends_where_it_says() {
        let (mut body, mut input) = (BodyDecoder::new(BodyLength::Known(5), 10).unwrap(), Buffer::default());
        assert_eq!(take(&mut body, &mut input, b"", 9), Ok(Taken::NeedsMore));
        assert_eq!(take(&mut body, &mut input, b"abc", 2), Ok(Taken::Data(2)));
        assert_eq!(take(&mut body, &mut input, b"deGET /", 9), Ok(Taken::Data(3)));
        assert_eq!(take(&mut body, &mut input, b"", 9), Ok(Taken::End));
        assert!(body.is_done());
        assert_eq!(input.unread(), b"GET /");
    }

    #[test]
    fn the_end_of_a_chunked_body_is_taken_whatever_was_wanted() {
        let (mut body, mut input) = (BodyDecoder::new(BodyLength::Chunked, 10).unwrap(), Buffer::default());
        let wire = b"3\r\nabc\r\n0\r\nX-T: v\r\n\r\nGET /";
        assert_eq!(take(&mut body, &mut input, wire, 0), Ok(Taken::Data(0)));
        assert_eq!(take(&mut body, &mut input, b"", 9), Ok(Taken::Data(3)));
        for _ in 0..2 {
            assert_eq!(take(&mut body, &mut input, b"", 0), Ok(Taken::End));
            assert_eq!(input.unread(), b"GET /", "trailers are not left for the next request");
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused_as_soon_as_it_is_known() {
        assert_eq!(BodyDecoder::new(BodyLength::Known(11), 10).err(), Some(Reject::BodyTooLarge));
        let chunked = || (BodyDecoder::new(BodyLength::Chunked, 10).unwrap(), Buffer::default());
        let (mut body, mut input) = chunked();
        assert_eq!(take(&mut body, &mut input, b"b\r\n", 9), Err(Reject::BodyTooLarge), "before any of it");
        let (mut body, mut input) = chunked();
        assert_eq!(take(&mut body, &mut input, b"a\r\n0123456789\r\n", 10), Ok(Taken::Data(10)));
        assert_eq!(take(&mut body, &mut input, b"1\r\n", 9), Err(Reject::BodyTooLarge));
    }

    #[test]
    fn a_discarded_body_leaves_what_follows_it() {
        let (mut body, mut input) = (BodyDecoder::new(BodyLength::Chunked, 10).unwrap(), Buffer::default());
        arrive(&mut input, b"3\r\nab");
        assert_eq!(body.discard(&mut input), Ok(false));
        arrive(&mut input, b"c\r\n2\r\nde\r\n0\r\n\r\nGET /");
        assert_eq!(body.discard(&mut input), Ok(true));
        assert_eq!(input.unread(), b"GET /");
    }

    #[test]
    fn only_data_is_received_elsewhere() {
        let (mut body, mut input) = (BodyDecoder::new(BodyLength::Chunked, 100).unwrap(), Buffer::default());
        assert_eq!(body.sure_data(), 0);
        assert_eq!(take(&mut body, &mut input, b"5\r\n", 9), Ok(Taken::NeedsMore));
        assert_eq!(body.sure_data(), 5);
        body.bypassed(5);
        assert_eq!(body.sure_data(), 0);
        assert_eq!(take(&mut body, &mut input, b"\r\n0\r\n\r\n", 9), Ok(Taken::End));
    }
}
