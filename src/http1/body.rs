//! Where a request's body is in the bytes that arrive, however its length is given, and whether it
//! is too long.

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

impl BodyDecoder {
    /// Refuses a body that is announced to be longer than `limit`.
    pub fn new(length: BodyLength, limit: u64) -> Result<BodyDecoder, Reject> {
        let framing = match length {
            BodyLength::Known(length) if length > limit => return Err(Reject::BodyTooLarge),
            BodyLength::None => Framing::Known(0),
            BodyLength::Known(length) => Framing::Known(length),
            BodyLength::Chunked => Framing::Chunked(ChunkedDecoder::default()),
        };
        Ok(BodyDecoder { framing, allowed: limit })
    }

    /// What lies at the front of `input`, as `ChunkedDecoder::look`.
    pub fn look(&mut self, input: &[u8]) -> Result<Piece, Reject> {
        let piece = match &mut self.framing {
            Framing::Known(0) => Piece::End(0),
            Framing::Known(_) if input.is_empty() => Piece::More,
            Framing::Known(left) => Piece::Data((*left).min(input.len() as u64) as usize),
            Framing::Chunked(decoder) => decoder.look(input)?,
        };
        let announced = match &self.framing {
            Framing::Known(_) => 0,
            Framing::Chunked(decoder) => decoder.data_left(),
        };
        if announced > self.allowed { Err(Reject::BodyTooLarge) } else { Ok(piece) }
    }

    /// So many bytes of the data just announced were consumed.
    pub fn took(&mut self, count: usize) {
        self.allowed = self.allowed.saturating_sub(count as u64);
        match &mut self.framing {
            Framing::Known(left) => *left = left.saturating_sub(count as u64),
            Framing::Chunked(decoder) => decoder.took(count),
        }
    }

    /// How many bytes of data are sure to come next, so that they may be received right where they
    /// are wanted: 0 when framing may come first.
    pub fn sure(&self) -> u64 {
        let left = match &self.framing {
            Framing::Known(left) => *left,
            Framing::Chunked(decoder) => decoder.data_left(),
        };
        left.min(self.allowed)
    }

    /// What is left when the length is known.
    pub fn known_left(&self) -> Option<u64> {
        match &self.framing {
            Framing::Known(left) => Some(*left),
            Framing::Chunked(_) => None,
        }
    }

    pub fn is_done(&self) -> bool {
        match &self.framing {
            Framing::Known(left) => *left == 0,
            Framing::Chunked(decoder) => decoder.is_done(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_length_ends_where_it_says() {
        let mut body = BodyDecoder::new(BodyLength::Known(5), 10).unwrap();
        assert_eq!(body.look(b""), Ok(Piece::More));
        assert_eq!(body.look(b"abc"), Ok(Piece::Data(3)));
        body.took(3);
        assert_eq!(body.look(b"deGET /"), Ok(Piece::Data(2)));
        body.took(2);
        assert_eq!(body.look(b"GET /"), Ok(Piece::End(0)));
        assert!(body.is_done());
    }

    #[test]
    fn a_body_over_the_limit_is_refused_as_soon_as_it_is_known() {
        assert_eq!(BodyDecoder::new(BodyLength::Known(11), 10).err(), Some(Reject::BodyTooLarge));
        let mut body = BodyDecoder::new(BodyLength::Chunked, 10).unwrap();
        assert_eq!(body.look(b"b\r\n"), Err(Reject::BodyTooLarge), "before any of it has come");
        let mut body = BodyDecoder::new(BodyLength::Chunked, 10).unwrap();
        assert_eq!(body.look(b"a\r\n0123456789"), Ok(Piece::Skip(3)));
        assert_eq!(body.look(b"0123456789"), Ok(Piece::Data(10)));
        body.took(10);
        assert_eq!(body.look(b"\r\n1\r\n"), Ok(Piece::Skip(2)));
        assert_eq!(body.look(b"1\r\n"), Err(Reject::BodyTooLarge));
    }

    #[test]
    fn only_data_is_received_in_place() {
        let mut body = BodyDecoder::new(BodyLength::Chunked, 100).unwrap();
        assert_eq!(body.sure(), 0);
        assert_eq!(body.look(b"5\r\n"), Ok(Piece::Skip(3)));
        assert_eq!(body.sure(), 5);
        body.took(5);
        assert_eq!(body.sure(), 0);
    }
}
