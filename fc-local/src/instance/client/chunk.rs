//! Chunks, as they are read and written: RFC 9112 section 7.1. Bytes come in, no socket is known here.

use std::io::{self, ErrorKind};

/// The longest line with a chunk's size: longer ones only carry extensions that nobody uses.
const MAX_LINE: usize = 4096;

/// The longest trailer section.
const MAX_TRAILERS: usize = 16 * MAX_LINE;

/// Appends `piece` as it goes on the wire; an empty one is the end of the body.
pub fn write(out: &mut Vec<u8>, piece: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

/// The size of the next chunk, its line (and `after_data` the CRLF before it) removed from `received`; `None`
/// when more is needed. 0 is the end, with its trailers removed.
pub fn next(received: &mut Vec<u8>, after_data: bool) -> io::Result<Option<u64>> {
    let start = if after_data { 2 } else { 0 };
    if received.len() < start {
        return Ok(None);
    }
    if after_data && !received.starts_with(b"\r\n") {
        return Err(malformed());
    }
    let line = line_at(received, start);
    // Whether it came in one piece or in several.
    if line.map_or(received.len(), <[u8]>::len) > MAX_LINE {
        return Err(malformed());
    }
    let Some(line) = line else { return Ok(None) };
    let size = size_in(line)?;
    let line_end = start + line.len() + 2;
    let end = if size > 0 {
        line_end
    } else {
        let end = trailers_end(received, line_end);
        if end.unwrap_or(received.len()) - line_end.min(received.len()) > MAX_TRAILERS {
            return Err(malformed());
        }
        let Some(end) = end else { return Ok(None) };
        end
    };
    received.drain(..end);
    Ok(Some(size))
}

/// The size in a chunk's line: hexadecimal digits alone, since `from_str_radix` would take a leading plus
/// sign too. A CR or LF in an extension ends the line for others.
fn size_in(line: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(line).map_err(|_| malformed())?;
    if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(malformed());
    }
    let digits = text.split(';').next().unwrap_or_default().trim_end_matches([' ', '\t']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    u64::from_str_radix(digits, 16).map_err(|_| malformed())
}

/// Where the trailer section that begins at `start` ends, its empty line included.
fn trailers_end(received: &[u8], start: usize) -> Option<usize> {
    let mut end = start;
    loop {
        let trailer = line_at(received, end)?;
        end += trailer.len() + 2;
        if trailer.is_empty() {
            return Some(end);
        }
    }
}

/// The line that begins at `start`, without its CRLF.
fn line_at(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    rest.get(..end)
}

fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a malformed chunk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_line_is_taken_when_it_is_whole() {
        let text = b"1a;x=y\r\n";
        for end in 0..text.len() {
            let mut received = text[..end].to_vec();
            assert_eq!(next(&mut received, false).expect("a beginning"), None, "{end} bytes");
            assert_eq!(received.len(), end, "nothing is taken before");
        }
        let mut received = [text, &b"data"[..]].concat();
        assert_eq!(next(&mut received, false).expect("a size"), Some(26));
        assert_eq!(received, b"data");
    }

    #[test]
    fn the_data_of_the_chunk_before_ends_with_a_line_end() {
        let mut received = b"\r\n3\r\nabc".to_vec();
        assert_eq!(next(&mut received, true).expect("a size"), Some(3));
        assert_eq!(received, b"abc");
        assert!(next(&mut b"X\r\n3\r\n".to_vec(), true).is_err());
        assert_eq!(next(&mut b"\r".to_vec(), true).expect("a beginning"), None);
    }

    #[test]
    fn the_last_chunk_takes_its_trailers_along() {
        let mut received = b"0\r\na: b\r\nc: d\r\n\r\nHTTP/1.1".to_vec();
        assert_eq!(next(&mut received, false).expect("the end"), Some(0));
        assert_eq!(received, b"HTTP/1.1");
        assert_eq!(next(&mut b"0\r\na: b\r\n".to_vec(), false).expect("a beginning"), None);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for line in [
            "",
            ";x",
            "x",
            "+3",
            "-1",
            "0x3",
            " 3",
            "3 3",
            "ffffffffffffffff0",
            "3\n",
            "3\r",
            "3\u{a0}",
            "3;\n",
            "3;a\nb",
            "3;a\r",
        ] {
            assert!(next(&mut format!("{line}\r\n").into_bytes(), false).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_line_or_trailers_over_their_limits_are_refused_however_they_come() {
        let line = format!("3;{}\r\nabc", "x".repeat(MAX_LINE)).into_bytes();
        assert!(next(&mut line[..=MAX_LINE].to_vec(), false).is_err(), "a part of it");
        assert!(next(&mut line.clone(), false).is_err(), "the whole");
        let trailers = [b"0\r\n", &b"a: b\r\n".repeat(MAX_TRAILERS / 6 + 1)[..], b"\r\n"].concat();
        assert!(next(&mut trailers[..trailers.len() - 2].to_vec(), false).is_err(), "a part of them");
        assert!(next(&mut trailers.clone(), false).is_err(), "the whole");
    }

    #[test]
    fn lines_and_trailers_without_end_are_refused() {
        assert!(next(&mut vec![b'1'; MAX_LINE + 1], false).is_err());
        let mut trailers = b"0\r\n".to_vec();
        trailers.extend(b"a: b\r\n".repeat(MAX_TRAILERS / 6 + 1));
        assert!(next(&mut trailers, false).is_err());
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut wire = Vec::new();
        write(&mut wire, b"0123456789");
        write(&mut wire, b"");
        assert_eq!(wire, b"a\r\n0123456789\r\n0\r\n\r\n");
        assert_eq!(next(&mut wire, false).expect("a size"), Some(10));
        wire.drain(..10);
        assert_eq!((next(&mut wire, true).expect("the end"), wire.len()), (Some(0), 0));
    }
}
