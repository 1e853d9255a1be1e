//! What has to hold for any bytes: shared by the fuzz targets and the seeded loop of the tests.
//! Where the codec accepts, a naive reading of the same bytes, made from the whole and without any
//! of its code, has to agree.

use fc_runtime::fuzzing::{self, Bodies, HeadParser, MAX_BODY, Outcome, Received};

/// A head is understood alike however it is cut, and what is accepted is what RFC 9112 calls a head.
pub(crate) fn head(input: &[u8]) {
    let (wire, cuts) = cut(input);
    let wire = &with_end(wire);
    if has_many_empty_lines(wire) {
        return;
    }
    let whole = HeadParser::default().parse(wire);
    let mut parser = HeadParser::default();
    let pieces = cuts.iter().chain([&wire.len()]).find_map(|&end| parser.parse(&wire[..end]).transpose());
    assert_eq!(pieces.transpose().map_err(drop), whole.map_err(drop), "cut at {cuts:?}");
    if let Ok(Some(length)) = whole {
        assert_is_head(&wire[..length]);
        assert_eq!(HeadParser::default().parse(&wire[..length]), whole, "what follows a head changes it");
        assert_eq!(HeadParser::default().parse(&wire[..length - 1]), Ok(None), "complete before its end");
    }
}

/// A chunked body decodes alike however it is cut, and to what its chunks say.
pub(crate) fn chunked(input: &[u8]) {
    let (wire, cuts) = cut(input);
    let whole = fuzzing::chunked(wire, &[]);
    assert_eq!(fuzzing::chunked(wire, &cuts).map_err(drop), whole.clone().map_err(drop), "cut at {cuts:?}");
    if let Ok(Some((data, length))) = whole {
        assert_eq!(naive_chunks(&wire[..length]), data);
        assert_eq!(fuzzing::chunked(&wire[..length - 1], &[]), Ok(None), "complete before its end");
    }
}

/// A connection's requests do not depend on cuts, on parks, nor on how their bodies are read; they follow each other
/// without gap or overlap, and end for good with the first that is refused.
pub(crate) fn conversation(input: &[u8]) {
    let (wire, cuts) = cut(input);
    let wire = &with_end(wire);
    if has_many_empty_lines(wire) {
        return;
    }
    let whole = fuzzing::connection(wire, &[], Bodies::Read);
    for bodies in [Bodies::Read, Bodies::Polled, Bodies::Direct] {
        let pieces = fuzzing::connection(wire, &cuts, bodies);
        assert_eq!(pieces.requests, whole.requests, "{bodies:?}, cut at {cuts:?}");
        assert_eq!(pieces.refused.is_some(), whole.refused.is_some(), "{bodies:?}, cut at {cuts:?}");
    }
    let mut start = 0;
    for request in &whole.requests {
        let alone = fuzzing::connection(&wire[start..request.end], &[], Bodies::Read);
        let expected = Received { end: request.end - start, ..request.clone() };
        assert_eq!(alone, Outcome { requests: vec![expected], ..Outcome::default() });
        assert!(request.body.len() as u64 <= MAX_BODY);
        start = request.end;
    }
    if whole.refused.is_some() {
        let more = [&wire[..], b"\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
        let after = fuzzing::connection(&more, &[], Bodies::Read);
        assert_eq!(after, whole, "something behind a refused request was read");
    }
    for bodies in [Bodies::Unread, Bodies::Settled, Bodies::Partly(3)] {
        assert_unread_bodies_hide_nothing(wire, &cuts, bodies, &whole);
    }
}

/// Whether bodies are read or taken in unread, the same requests lie behind them: until one is not complete, is refused,
/// or was to be asked for.
fn assert_unread_bodies_hide_nothing(wire: &[u8], cuts: &[usize], bodies: Bodies, whole: &Outcome) {
    let unread = fuzzing::connection(wire, cuts, bodies);
    let head = |request: &Received| Received { body: Vec::new(), end: 0, ..request.clone() };
    for (read, unread) in whole.requests.iter().zip(&unread.requests) {
        assert_eq!(head(unread), head(read), "another request behind a body that is {bodies:?}");
        assert!(read.body.starts_with(&unread.body), "another body where it is {bodies:?}");
    }
    assert!(
        unread.requests.len() <= whole.requests.len() + 1,
        "{bodies:?}: a request that reading does not find"
    );
    if !unread.has_ended {
        assert!(unread.requests.len() >= whole.requests.len(), "{bodies:?}: a request that reading finds");
    }
}

/// Empty lines before a request are forgotten as they come, so how many are too many at once depends on the cuts.
fn has_many_empty_lines(wire: &[u8]) -> bool {
    wire.windows(16).any(|window| window == b"\r\n".repeat(8))
}

/// A head that came in pieces may be wrong for a while: it is refused at its end at the latest.
fn with_end(wire: &[u8]) -> Vec<u8> {
    [wire, b"\r\n\r\n"].concat()
}

/// The first two bytes of an input decide where the rest of it is cut.
pub(crate) fn cut(input: &[u8]) -> (&[u8], Vec<usize>) {
    let Some((seed, wire)) = input.split_first_chunk::<2>() else { return (b"", Vec::new()) };
    let mut state = u32::from(u16::from_le_bytes(*seed)) | 1 << 16;
    let (mut cuts, mut at) = (Vec::new(), 0);
    loop {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Mostly short pieces, now and then a long one.
        at += 1 + (state >> 8) as usize % if state >> 30 == 0 { 200 } else { 12 };
        if at >= wire.len() {
            return (wire, cuts);
        }
        cuts.push(at);
    }
}

/// Lines end with CRLF and hold no other control character than a tab; each is a name and a value;
/// the fields that frame the message leave one reading.
fn assert_is_head(head: &[u8]) {
    let text: String = head.iter().map(|&b| b as char).collect();
    let lines = text.trim_start_matches("\r\n").strip_suffix("\r\n\r\n").expect("an empty line at the end");
    let mut lines = lines.split("\r\n");
    let request_line: Vec<_> = lines.next().expect("a request line").split(' ').collect();
    let [method, target, version] = request_line[..] else { panic!("{request_line:?}") };
    assert!(is_token(method) && method != "CONNECT", "{method:?}");
    assert!(!target.is_empty() && target.bytes().all(|b| b.is_ascii_graphic()), "{target:?}");
    let minor = version.strip_prefix("HTTP/1.").expect("HTTP/1");
    assert!(matches!(minor.as_bytes(), [b'0'..=b'9']), "{version:?}");
    let fields: Vec<_> = lines.map(|line| line.split_once(':').expect("a colon")).collect();
    for (name, value) in &fields {
        assert!(is_token(name), "{name:?}");
        assert!(value.chars().all(|c| c == '\t' || (c >= ' ' && c != '\u{7f}')), "{name}: {value:?}");
    }
    let all = |wanted: &str| {
        let found = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim_matches([' ', '\t'])).collect::<Vec<_>>()
    };
    assert!(all("host").len() <= 1 && (version == "HTTP/1.0" || all("host").len() == 1), "{fields:?}");
    let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
    assert!(lengths.len() + codings.len() <= 1, "{fields:?}");
    assert!(lengths.iter().all(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit())), "{lengths:?}");
    assert!(codings.iter().all(|it| it.eq_ignore_ascii_case("chunked")), "{codings:?}");
    assert!(version != "HTTP/1.0" || codings.is_empty(), "{codings:?}");
}

/// The data of a complete chunked body.
fn naive_chunks(mut wire: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let end = wire.windows(2).position(|pair| pair == b"\r\n").expect("a line end");
        let line = std::str::from_utf8(&wire[..end]).unwrap_or_else(|_| {
            let digits = wire.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            std::str::from_utf8(&wire[..digits]).expect("ASCII")
        });
        let digits = line.split([';', ' ', '\t']).next().expect("split gives one at least");
        assert!(digits.bytes().all(|b| b.is_ascii_hexdigit()), "{line:?}");
        let size = usize::from_str_radix(digits, 16).expect("a chunk size");
        wire = &wire[end + 2..];
        if size == 0 {
            break;
        }
        data.extend_from_slice(&wire[..size]);
        assert_eq!(&wire[size..size + 2], b"\r\n");
        wire = &wire[size + 2..];
    }
    for line in wire.strip_suffix(b"\r\n").expect("an empty line").split_inclusive(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("CRLF");
        let text: String = line.iter().map(|&b| b as char).collect();
        let (name, value) = text.split_once(':').expect("a colon");
        assert!(is_token(name), "{name:?}");
        assert!(value.chars().all(|c| c == '\t' || (c >= ' ' && c != '\u{7f}')), "{name}: {value:?}");
    }
    data
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
