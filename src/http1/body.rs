//! Where a request's body is in the bytes that arrive, however its length is given, and whether it is too
//! long. One function looks at the bytes and consumes them, so that a decoder and its input cannot part.

use super::buffer::{Buffer, MAX_PASSING};
use super::chunked::{ChunkedDecoder, Front};
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
        let left = match &mut self.framing {
            Framing::Known(0) => return Ok(Taken::End),
            Framing::Known(left) => *left,
            Framing::Chunked(decoder) => match decoder.take_framing(input)? {
                Front::Data(left) if left > self.allowed => return Err(Reject::BodyTooLarge),
                Front::Data(left) => left,
                Front::End => return Ok(Taken::End),
                Front::NeedsMore => return Ok(Taken::NeedsMore),
            },
        };
        let arrived = input.unread();
        let data = usize::try_from(left).ok().and_then(|left| arrived.get(..left)).unwrap_or(arrived);
        if data.is_empty() {
            return Ok(Taken::NeedsMore);
        }
        let taken = take(data).min(data.len());
        input.consume(taken);
        self.took(taken);
        Ok(Taken::Data(taken))
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

    /// Has `receive` put data right where it is wanted, into as much of `buf` as is sure to be data; `None` when
    /// framing, or what lies in `input` already, comes first, or when `buf` is small: then many small reads take their
    /// bytes from what is received at once.
    pub(crate) fn receive_directly<E>(
        &mut self,
        input: &Buffer,
        buf: &mut [u8],
        receive: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Option<Result<usize, E>> {
        let sure = self.sure_data();
        let is_wide = buf.len() as u64 >= sure.min(MAX_PASSING as u64);
        let room = sure.min(buf.len() as u64) as usize;
        let room = buf.get_mut(..room).filter(|room| is_wide && input.is_empty() && !room.is_empty())?;
        Some(receive(room).inspect(|count| self.took(*count)))
    }

    /// How many bytes of data are sure to come next once the input is used up: 0 when framing may come first.
    fn sure_data(&self) -> u64 {
        let left = match &self.framing {
            Framing::Known(left) => *left,
            Framing::Chunked(decoder) => decoder.data_left(),
        };
        left.min(self.allowed)
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
    fn only_data_is_received_directly() {
        let (mut body, mut input) = (BodyDecoder::new(BodyLength::Chunked, 100).unwrap(), Buffer::default());
        let mut buf = [0; 9];
        let all = |room: &mut [u8]| Ok::<_, ()>(room.len());
        assert_eq!(body.receive_directly(&input, &mut buf, all), None, "a size comes first");
        assert_eq!(take(&mut body, &mut input, b"5\r\n", 9), Ok(Taken::NeedsMore));
        assert_eq!(body.receive_directly(&input, &mut buf, |_| Err(())), Some(Err(())));
        assert_eq!(body.receive_directly(&input, &mut buf[..4], all), None, "a small read");
        assert_eq!(body.receive_directly(&input, &mut buf, |room| Ok::<_, ()>(room.len() - 2)), Some(Ok(3)));
        arrive(&mut input, b"d");
        assert_eq!(body.receive_directly(&input, &mut buf, all), None, "something has arrived");
        assert_eq!(take(&mut body, &mut input, b"", 9), Ok(Taken::Data(1)));
        assert_eq!(body.receive_directly(&input, &mut buf, all), Some(Ok(1)));
        assert_eq!(body.receive_directly(&input, &mut buf, all), None, "a line end comes first");
        assert_eq!(take(&mut body, &mut input, b"\r\n0\r\n\r\n", 9), Ok(Taken::End));
    }
}
