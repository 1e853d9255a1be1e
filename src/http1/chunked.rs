//! The chunked transfer coding as it arrives (RFC 9112 section 7.1). A line is looked at when it is there as
//! a whole, so that no state has to be carried from byte to byte. Looking changes nothing: what was found is
//! taken off the input, and the decoder is what it is behind it, in one step.

use super::buffer::Buffer;
use super::head::{is_field_value, is_token};
use super::reject::Reject;

/// A chunk's size and extensions; nobody sends extensions, so this is generous.
const MAX_CHUNK_LINE: usize = 1024;

/// What all extensions of a body may come to, as in hyper.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// hyper's default for the whole trailer section is 16 KiB; no client of this platform sends any.
const MAX_TRAILERS: usize = 8 * 1024;

/// What comes next in the input, behind the framing that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// So many bytes of data.
    Data(u64),
    /// What follows the body.
    End,
    /// More framing, which has to arrive first.
    NeedsMore,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

/// Decodes one chunked body.
#[derive(Clone, Copy, Default)]
pub(super) struct ChunkedDecoder {
    state: State,
    extensions: usize,
}

/// So many bytes of framing, and the decoder behind them.
type Found = (usize, ChunkedDecoder);

impl ChunkedDecoder {
    /// Takes all framing off the front of `input`.
    pub(super) fn take_framing(&mut self, input: &mut Buffer) -> Result<Front, Reject> {
        loop {
            let found = match self.state {
                State::Data(left) => return Ok(Front::Data(left)),
                State::Done => return Ok(Front::End),
                State::Size => self.size(input.unread())?,
                State::DataEnd => self.data_end(input.unread())?,
                State::Trailers => self.trailers(input.unread())?,
            };
            let Some((length, behind)) = found else { return Ok(Front::NeedsMore) };
            input.consume(length);
            *self = behind;
        }
    }

    /// So many bytes of the data were taken.
    pub(super) fn took(&mut self, count: usize) {
        if let State::Data(left) = self.state {
            let left = left.saturating_sub(count as u64);
            self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
        }
    }

    /// How much of the present chunk's data is to come.
    pub(super) fn data_left(&self) -> u64 {
        if let State::Data(left) = self.state { left } else { 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn size(&self, input: &[u8]) -> Result<Option<Found>, Reject> {
        let Some((line, _)) = split_line(input, MAX_CHUNK_LINE, Reject::ChunkSize)? else {
            return Ok(None);
        };
        // RFC 9112 section 7.1.1: their total is to be limited.
        let extensions = self.extensions + line.iter().skip_while(|b| b.is_ascii_hexdigit()).count();
        if extensions > MAX_EXTENSIONS {
            return Err(Reject::ChunkSize);
        }
        let state = match parse_chunk_line(line).ok_or(Reject::ChunkSize)? {
            0 => State::Trailers,
            size => State::Data(size),
        };
        Ok(Some((line.len() + 2, ChunkedDecoder { state, extensions })))
    }

    fn data_end(&self, input: &[u8]) -> Result<Option<Found>, Reject> {
        match input {
            [b'\r', b'\n', ..] => Ok(Some((2, self.in_state(State::Size)))),
            [] | [b'\r'] => Ok(None),
            _ => Err(Reject::ChunkEnd),
        }
    }

    /// Trailers are checked and dropped, which RFC 9110 section 6.5.1 leaves to the recipient.
    fn trailers(&self, mut input: &[u8]) -> Result<Option<Found>, Reject> {
        let mut length = 0;
        while let Some((line, rest)) = split_line(input, MAX_TRAILERS, Reject::Trailers)? {
            length += line.len() + 2;
            input = rest;
            if length > MAX_TRAILERS {
                return Err(Reject::Trailers);
            }
            if line.is_empty() {
                return Ok(Some((length, self.in_state(State::Done))));
            }
            if !is_field_line(line) {
                return Err(Reject::Trailers);
            }
        }
        Ok(None)
    }

    fn in_state(self, state: State) -> ChunkedDecoder {
        ChunkedDecoder { state, ..self }
    }
}

/// A line without its CRLF, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The first line of `input`, `None` while it is incomplete.
fn split_line(input: &[u8], limit: usize, reject: Reject) -> Result<Option<Split<'_>>, Reject> {
    match input.iter().position(|&b| b == b'\n').and_then(|at| input.split_at_checked(at)) {
        Some(([line @ .., b'\r'], [_, rest @ ..])) if line.len() < limit => Ok(Some((line, rest))),
        None if input.len() <= limit => Ok(None),
        _ => Err(reject),
    }
}

fn is_field_line(line: &[u8]) -> bool {
    let mut parts = line.splitn(2, |&b| b == b':');
    parts.next().is_some_and(is_token) && parts.next().is_some_and(|value| is_field_value(trim_blanks(value)))
}

/// `chunk-size [ chunk-ext ]`: hexadecimal digits alone, where `from_str_radix` would take a sign.
fn parse_chunk_line(line: &[u8]) -> Option<u64> {
    let length = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, extensions) = line.split_at_checked(length)?;
    if digits.is_empty() || !is_chunk_extensions(extensions) {
        return None;
    }
    digits
        .iter()
        .try_fold(0u64, |sum, &b| sum.checked_mul(16)?.checked_add(u64::from(char::from(b).to_digit(16)?)))
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`
fn is_chunk_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(after) = skip_blanks(rest).strip_prefix(b";") else { return false };
        let Some(after) = skip_token(skip_blanks(after)) else { return false };
        rest = match skip_blanks(after).strip_prefix(b"=") {
            None => after,
            Some(value) => match skip_value(skip_blanks(value)) {
                Some(after) => after,
                None => return false,
            },
        };
    }
    true
}

/// Optional white space is SP and HTAB alone (RFC 9110 section 5.6.3).
fn trim_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn skip_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn skip_token(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.iter().take_while(|b| is_token(std::slice::from_ref(b))).count() {
        0 => None,
        length => bytes.get(length..),
    }
}

/// A token or a quoted string.
fn skip_value(bytes: &[u8]) -> Option<&[u8]> {
    let Some(mut quoted) = bytes.strip_prefix(b"\"") else { return skip_token(bytes) };
    loop {
        quoted = match quoted {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'\t' | b' '..=b'~' | 0x80.., rest @ ..] => rest,
            [b'\t' | b' '..=b'~' | 0x80.., rest @ ..] => rest,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `wire`, handed over in pieces that end at `cuts`; returns the data and what lies behind the
    /// body.
    fn decode(wire: &[u8], cuts: &[usize]) -> Result<Option<(Vec<u8>, usize)>, Reject> {
        let (mut decoder, mut input) = (ChunkedDecoder::default(), Buffer::default());
        let (mut data, mut arrived) = (Vec::new(), 0);
        for &end in cuts.iter().chain([&wire.len()]) {
            while arrived < end {
                let space = input.space();
                let count = space.len().min(end - arrived);
                space[..count].copy_from_slice(&wire[arrived..arrived + count]);
                input.fill(count);
                arrived += count;
            }
            loop {
                match decoder.take_framing(&mut input)? {
                    Front::Data(left) if !input.is_empty() => {
                        let count = input.unread().len().min(left as usize);
                        data.extend_from_slice(&input.unread()[..count]);
                        input.consume(count);
                        decoder.took(count);
                    }
                    Front::Data(_) | Front::NeedsMore => break,
                    Front::End => return Ok(Some((data, wire.len() - arrived + input.unread().len()))),
                }
            }
        }
        Ok(None)
    }

    const BODIES: [(&[u8], &[u8]); 6] = [
        (b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"00a\r\n0123456789\r\n1\r\nX\r\n000\r\n\r\n", b"0123456789X"),
        (b"3;a;b=c;d=\"e\\\"f\" ; g = h\r\nabc\r\n0;last\r\n\r\n", b"abc"),
        (b"1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", b"\r\n"),
        (b"2\r\nhi\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", b"hi"),
    ];

    #[test]
    fn every_split_decodes_to_the_same_body_and_leaves_what_follows() {
        for (wire, body) in BODIES {
            for trailing in [&b""[..], b"GET / HTTP/1.1\r\n"] {
                let wire = [wire, trailing].concat();
                let expected = Ok(Some((body.to_vec(), trailing.len())));
                assert_eq!(decode(&wire, &[]), expected);
                assert_eq!(decode(&wire, &(1..wire.len()).collect::<Vec<_>>()), expected);
                for cut in 0..wire.len() {
                    assert_eq!(decode(&wire, &[cut]), expected, "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_body_without_its_end_is_never_complete() {
        for (wire, _) in BODIES {
            for end in 0..wire.len() {
                assert_eq!(decode(&wire[..end], &[]), Ok(None), "first {end} bytes");
            }
        }
    }

    #[test]
    fn what_is_refused_or_not_complete_has_moved_neither_the_decoder_nor_its_input() {
        for (state, wire) in [
            (State::Size, "5;a"),
            (State::Size, "x\r\n"),
            (State::DataEnd, "\r"),
            (State::DataEnd, "!"),
            (State::Trailers, "X-T: v\r\n"),
            (State::Trailers, "X-T: v\r\nx\r\n\r\n"),
        ] {
            let (mut decoder, mut input) = (ChunkedDecoder { state, extensions: 7 }, Buffer::default());
            input.space()[..wire.len()].copy_from_slice(wire.as_bytes());
            input.fill(wire.len());
            assert!(!matches!(decoder.take_framing(&mut input), Ok(Front::Data(_) | Front::End)), "{wire:?}");
            assert_eq!((decoder.state, decoder.extensions), (state, 7), "{wire:?}");
            assert_eq!(input.unread(), wire.as_bytes());
        }
    }

    #[test]
    fn a_chunk_size_may_have_leading_zeros() {
        let wire = b"00000000000000000005\r\nhello\r\n00000000000000000000\r\n\r\n";
        assert_eq!(decode(wire, &[]), Ok(Some((b"hello".to_vec(), 0))));
    }

    #[test]
    fn a_malformed_chunk_line_is_refused() {
        for line in [
            "",
            "+5",
            "-5",
            "0x5",
            "g",
            " 5",
            "5 ",
            "5;",
            "5; ",
            "5;=a",
            "5;a=",
            "5;a=\"b",
            "5,a",
            "5;a b",
            "10000000000000000",
            "5;a=\"\u{1}\"",
            "5\n",
            "5;a\nb",
            "5\r",
        ] {
            let wire = format!("{line}\r\nhello\r\n0\r\n\r\n");
            assert_eq!(decode(wire.as_bytes(), &[]), Err(Reject::ChunkSize), "{line:?}");
        }
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(MAX_CHUNK_LINE));
        assert_eq!(decode(long.as_bytes(), &[]), Err(Reject::ChunkSize));
    }

    #[test]
    fn extensions_are_limited_over_the_whole_body() {
        let chunk = format!("1;{}\r\nX\r\n", "a".repeat(999));
        let body = |count| decode(format!("{}0\r\n\r\n", chunk.repeat(count)).as_bytes(), &[]);
        assert!(body(16).is_ok());
        assert_eq!(body(17), Err(Reject::ChunkSize));
    }

    #[test]
    fn a_bare_line_feed_ends_no_line() {
        assert_eq!(decode(b"5\nhello\r\n0\r\n\r\n", &[]), Err(Reject::ChunkSize));
        assert_eq!(decode(b"5\r\nhello\n0\r\n\r\n", &[]), Err(Reject::ChunkEnd));
        assert_eq!(decode(b"5\r\nhello0\r\n\r\n", &[]), Err(Reject::ChunkEnd));
        assert_eq!(decode(b"0\r\n\n", &[]), Err(Reject::Trailers));
        assert_eq!(decode(b"0\r\nA: b\n\r\n", &[]), Err(Reject::Trailers));
    }

    #[test]
    fn a_malformed_trailer_is_refused() {
        for line in ["a", ": b", "a b: c", " a: b", "a : b", "a: b\0", "a: b\rc", "a: b\r", "a: b\x0c"] {
            let wire = format!("0\r\n{line}\r\n\r\n");
            assert_eq!(decode(wire.as_bytes(), &[]), Err(Reject::Trailers), "{line:?}");
        }
        let long = format!("0\r\n{}\r\n", "a: b\r\n".repeat(MAX_TRAILERS / 6 + 1));
        assert_eq!(decode(long.as_bytes(), &[]), Err(Reject::Trailers));
    }
}
