//! A request's head: the request line and the header section, parsed from bytes that may still be
//! arriving. httparse reads the grammar; what it lets pass and RFC 9112 does not is refused here.

use super::framing::{BodyLength, FramingReader};
use super::reject::Reject;
use super::target::{Span, TargetParts, parse_target};
use std::mem::MaybeUninit;

/// Twice what nginx and four times what the platform take: its own headers come on top of the client's 8 KB.
pub(crate) const MAX_HEAD: usize = 32 * 1024;

/// What is tried first: a fraction of the stack, and nearly always enough.
const USUAL_FIELDS: usize = 32;

/// What is tried then, still on the stack. Beyond, the table is as long as the head has lines: the platform limits the
/// bytes of a client's fields and not their number, and so does [`MAX_HEAD`].
const MANY_FIELDS: usize = 100;

/// The longest that is registered has 17. RFC 9112 section 3 asks for 501 beyond.
const MAX_METHOD: usize = 64;

/// RFC 9112 section 2.2 asks for one; some old clients send a few.
const MAX_EMPTY_LINES: usize = 8;

/// How far a head that is not complete was looked at, so that a head that comes byte by byte is
/// not parsed as often.
#[derive(Clone, Copy, Default)]
pub(crate) struct Progress(usize);

/// What `Head::parse` found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The head takes up so many bytes of the input.
    Complete(usize),
    Partial,
    /// At this place is the digit of a minor version later than ours, which is to be read as a 1 (RFC 9110
    /// section 6.2).
    LaterVersion(usize),
    /// There are only empty lines of so many bytes, which mean nothing (RFC 9112 section 2.2).
    Nothing(usize),
}

struct Field {
    name: Span,
    value: Span,
}

/// A parsed head with a copy of its bytes, so that the input can go on to hold the body. Used again
/// for the next request, it allocates nothing.
#[derive(Default)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    method: Span,
    target: Span,
    parts: TargetParts,
    fields: Vec<Field>,
    /// RFC 9112 section 2.3: the minor version; the major one is always 1.
    pub http10: bool,
    pub keep_alive: bool,
    pub expects_continue: bool,
    pub length: BodyLength,
}

impl Head {
    /// Parses the head at the front of `input`. `progress` belongs to this head and starts at its default.
    pub(crate) fn parse(&mut self, input: &[u8], progress: &mut Progress) -> Result<Parsed, Reject> {
        let start = empty_lines(input)?;
        let lines = input.get(start..).unwrap_or_default();
        if lines.is_empty() {
            *progress = Progress::default();
            return Ok(Parsed::Nothing(start));
        }
        if progress.0 > 0 && !find_end(input, start, progress)? {
            return partial(input);
        }
        match self.parse_fields::<USUAL_FIELDS>(lines) {
            Outcome::Failed(httparse::Error::TooManyHeaders) => match self.parse_fields::<MANY_FIELDS>(lines)
            {
                Outcome::Failed(httparse::Error::TooManyHeaders) => self.parse_all_fields(lines),
                outcome => outcome,
            },
            outcome => outcome,
        }
        .into_parsed(input, start, progress)
    }

    #[cold]
    fn parse_all_fields(&mut self, input: &[u8]) -> Outcome {
        let lines = input.iter().take(MAX_HEAD).filter(|&&b| b == b'\n').count();
        self.parse_into(input, &mut vec![MaybeUninit::uninit(); lines])
    }

    fn parse_fields<const COUNT: usize>(&mut self, input: &[u8]) -> Outcome {
        self.parse_into(input, &mut [const { MaybeUninit::uninit() }; COUNT])
    }

    // The length of a table on the stack is known where this is compiled: 1 % of a parse.
    #[inline(always)]
    fn parse_into<'b>(
        &mut self,
        input: &'b [u8],
        table: &mut [MaybeUninit<httparse::Header<'b>>],
    ) -> Outcome {
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(input, table) {
            Ok(httparse::Status::Complete(length)) => {
                match self.take(input.get(..length).unwrap_or(input), &request) {
                    Ok(()) => Outcome::Taken(length),
                    Err(reject) => Outcome::Refused(reject),
                }
            }
            Ok(httparse::Status::Partial) => Outcome::Partial,
            Err(error) => Outcome::Failed(error),
        }
    }

    fn take(&mut self, bytes: &[u8], request: &httparse::Request<'_, '_>) -> Result<(), Reject> {
        let method = request.method.unwrap_or_default();
        let target = request.path.unwrap_or_default();
        if method.len() > MAX_METHOD {
            return Err(Reject::Method);
        }
        self.parts = parse_target(method, target)?;
        if bytes.len() > MAX_HEAD {
            return Err(Reject::HeadTooLarge);
        }
        self.method = span(bytes, method.as_bytes());
        self.target = span(bytes, target.as_bytes());
        // `METHOD SP target SP HTTP/1.x` and then the line's end.
        let line_end = self.target.1 as usize + " HTTP/1.1".len();
        if self.method.0 != 0 || bytes.get(line_end) != Some(&b'\r') || !bytes.ends_with(b"\r\n\r\n") {
            return Err(Reject::BareLineFeed);
        }
        self.fields.clear();
        if self.fields.capacity() > 2 * MANY_FIELDS {
            self.fields = Vec::new(); // a worker keeps its head, and few are so long
        }
        let mut framing = FramingReader::default();
        for field in request.headers.iter() {
            let value = span(bytes, field.value);
            ends_with_carriage_return(bytes, value)?;
            framing.field(field.name.as_bytes(), field.value)?;
            self.fields.push(Field { name: span(bytes, field.name.as_bytes()), value });
        }
        self.http10 = request.version == Some(0);
        let facts = framing.finish(self.http10)?;
        self.length = facts.length;
        self.keep_alive = facts.keep_alive;
        self.expects_continue = facts.expects_continue;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn method(&self) -> &str {
        self.text(self.method)
    }

    #[cfg(any(test, fuzzing, feature = "internals"))]
    pub(crate) fn target(&self) -> &str {
        self.text(self.target)
    }

    pub(crate) fn path(&self) -> &str {
        match self.part(self.parts.path) {
            "" => "/",
            path => path,
        }
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.parts.query.map(|query| self.part(query))
    }

    /// The host and port asked for: of the target when it names one, else of Host.
    pub(crate) fn authority(&self) -> Option<&str> {
        match self.parts.authority {
            Some(authority) => Some(self.part(authority)),
            None => self.field("host").and_then(|host| std::str::from_utf8(host).ok()),
        }
    }

    /// Names and values in the order they came.
    pub(crate) fn fields(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> + ExactSizeIterator {
        self.fields.iter().map(|field| (self.text(field.name), self.slice(field.value)))
    }

    /// The first value of the field called `name`, in whatever case.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|field| self.slice(field.name).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| self.slice(field.value))
    }

    /// How much memory it occupies.
    pub(crate) fn allocated(&self) -> usize {
        self.bytes.capacity() + self.fields.capacity() * size_of::<Field>()
    }

    /// Methods, targets and field names are ASCII once parsed.
    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.slice(span)).unwrap_or_default()
    }

    fn slice(&self, span: Span) -> &[u8] {
        span.of(&self.bytes)
    }

    /// A part of the target.
    fn part(&self, span: Span) -> &str {
        std::str::from_utf8(span.of(self.slice(self.target))).unwrap_or_default()
    }
}

/// What httparse makes of the input.
enum Outcome {
    Taken(usize),
    Partial,
    Refused(Reject),
    Failed(httparse::Error),
}

impl Outcome {
    fn into_parsed(self, input: &[u8], start: usize, progress: &mut Progress) -> Result<Parsed, Reject> {
        match self {
            Outcome::Taken(length) => {
                *progress = Progress::default();
                Ok(Parsed::Complete(start + length))
            }
            Outcome::Partial => {
                find_end(input, start, progress)?;
                partial(input)
            }
            Outcome::Refused(reject) => Err(reject),
            Outcome::Failed(httparse::Error::Version) => unknown_version(input, start, progress),
            Outcome::Failed(error) => Err(reject_of(error)),
        }
    }
}

/// Where `part`, a slice of `whole`, lies in it.
fn span(whole: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    Span::new(start, start + part.len())
}

/// httparse takes a bare line feed for a line's end.
fn ends_with_carriage_return(bytes: &[u8], value: Span) -> Result<(), Reject> {
    let rest = bytes.get(value.1 as usize..).unwrap_or_default();
    match rest.iter().find(|b| !matches!(b, b' ' | b'\t')) {
        Some(b'\r') => Ok(()),
        _ => Err(Reject::BareLineFeed),
    }
}

/// The length of the empty lines before a request line, which are ignored (RFC 9112 section 2.2).
fn empty_lines(input: &[u8]) -> Result<usize, Reject> {
    let count = input.chunks_exact(2).take_while(|pair| *pair == b"\r\n").take(MAX_EMPTY_LINES + 1).count();
    if count > MAX_EMPTY_LINES { Err(Reject::RequestLine) } else { Ok(count * 2) }
}

/// Looks on from where the last look ended: whether the empty line that ends a head is there.
fn find_end(input: &[u8], start: usize, progress: &mut Progress) -> Result<bool, Reject> {
    let mut from = progress.0;
    while let Some(at) = input.get(from..).and_then(|rest| rest.iter().position(|&b| b == b'\n')) {
        let end = from + at;
        let Some([before @ .., b'\r']) = input.get(..end) else { return Err(Reject::BareLineFeed) };
        from = end + 1;
        progress.0 = from;
        // An empty line before the request line ends nothing.
        if end > start + 2 && before.ends_with(b"\n") {
            return Ok(true);
        }
    }
    progress.0 = input.len().max(1);
    Ok(false)
}

/// A head that is not complete, unless it is too large already.
fn partial(input: &[u8]) -> Result<Parsed, Reject> {
    let lines = input.trim_ascii_start();
    if lines.len() > MAX_METHOD && !lines.iter().take(MAX_METHOD + 1).any(|&b| b == b' ') {
        return Err(Reject::Method);
    }
    if input.len() <= MAX_HEAD {
        return Ok(Parsed::Partial);
    }
    Err(if lines.contains(&b'\n') { Reject::HeadTooLarge } else { Reject::TargetTooLong })
}

/// httparse has one error for every version it does not know, as soon as it sees it; which answer
/// that deserves is known when the line is complete.
fn unknown_version(input: &[u8], start: usize, progress: &mut Progress) -> Result<Parsed, Reject> {
    let mut lines = input.get(start..).unwrap_or_default().splitn(2, |&b| b == b'\n');
    let (Some(line), Some(_)) = (lines.next(), lines.next()) else {
        find_end(input, start, progress)?;
        return partial(input);
    };
    let mut words = line.split(|&b| b == b' ').skip(2);
    match (words.next(), words.next()) {
        (Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b'\r']), None)
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if *major != b'1' {
                return Err(Reject::Version);
            }
            *progress = Progress::default();
            Ok(Parsed::LaterVersion(start + line.len() - 2))
        }
        _ => Err(Reject::RequestLine),
    }
}

fn reject_of(error: httparse::Error) -> Reject {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Reject::HeaderField,
        // More than the first `MAX_HEAD` bytes have lines for.
        httparse::Error::TooManyHeaders => Reject::HeadTooLarge,
        _ => Reject::RequestLine,
    }
}

/// `token` of RFC 9110 section 5.6.2: what a field name or a method consists of.
pub(crate) fn is_token(name: &[u8]) -> bool {
    let is_tchar = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(is_tchar)
}

/// `field-value` of RFC 9110 section 5.5, without white space around it.
pub(crate) fn is_field_value(value: &[u8]) -> bool {
    value.trim_ascii().len() == value.len() && value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

#[cfg(test)]
mod tests;
