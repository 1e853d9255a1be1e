//! The log's lines, the newest of them, and which of them somebody wants to see. Whose they are is decided elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::level::Level;

/// What is kept, in bytes: the text, and what a line takes beside it.
pub const MAX_BYTES: usize = 50 * 1024 * 1024;

/// What is forgotten at once, and with it the longest line that is kept.
const SEGMENT: usize = 256 * 1024;

/// What a line takes beside its text.
const OVERHEAD: usize = size_of::<Kept>();

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub at: f64,
    pub function: Option<Arc<str>>,
    pub instance: Option<Arc<str>>,
    /// The request that it belongs to, where that is known: it names it, or no other runs there.
    pub request_id: Option<String>,
    /// `stdout`, `stderr`, `initializer`, `platform`, `warning`.
    pub source: &'static str,
    pub level: Level,
    pub text: String,
}

/// A line as it comes.
pub struct NewLine<'a> {
    pub at: f64,
    pub source: &'static str,
    pub text: &'a str,
}

/// What is known of a line beside its text, which says its level to whoever looks.
struct Kept {
    seq: u64,
    at: f64,
    function: Option<Arc<str>>,
    instance: Option<Arc<str>>,
    source: &'static str,
    /// Where its request's id begins, its text does, and that ends. An id that is empty is none.
    places: [u32; 3],
}

/// Lines that go together, so that nobody looks for the oldest one each time: what was written long ago is far away.
#[derive(Default)]
struct Segment {
    lines: Vec<Kept>,
    texts: String,
}

#[derive(Default)]
pub struct Lines {
    segments: VecDeque<Segment>,
    len: usize,
    bytes: usize,
    /// How many have gone.
    forgotten: u64,
}

impl Lines {
    pub fn push(
        &mut self,
        seq: u64,
        of: [Option<Arc<str>>; 2],
        request_id: Option<&str>,
        line: &NewLine<'_>,
    ) {
        let bytes = OVERHEAD + request_id.map_or(0, str::len) + line.text.len();
        if bytes > SEGMENT {
            self.forgotten += 1; // nobody writes such a line: the platform cuts it
            return;
        }
        if self.segments.back().is_none_or(|last| last.bytes() + bytes > SEGMENT) {
            self.begin_segment();
        }
        let Some(last) = self.segments.back_mut() else { return };
        last.push(seq, of, request_id.unwrap_or_default(), line);
        self.len += 1;
        self.bytes += bytes;
    }

    /// The oldest one makes room, and is that room.
    fn begin_segment(&mut self) {
        let mut next = Segment::default();
        if self.segments.len() == MAX_BYTES / SEGMENT
            && let Some(oldest) = self.segments.pop_front()
        {
            self.len -= oldest.lines.len();
            self.bytes -= oldest.bytes();
            self.forgotten += oldest.lines.len() as u64;
            next = oldest;
            next.lines.clear();
            next.texts.clear();
        }
        self.segments.push_back(next);
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest `count` of those between two numbers, oldest first.
    pub fn between(&self, after: u64, before: u64, count: usize) -> Vec<Line> {
        let newest_first =
            self.segments.iter().rev().flat_map(|segment| segment.between(after, before).rev());
        let mut found: Vec<Line> = newest_first.take(count).collect();
        found.reverse();
        found
    }

    /// The newest `count` of those after `seq`, oldest first, and how many more there were.
    pub fn after(&self, seq: u64, count: usize) -> (Vec<Line>, usize) {
        let known: usize =
            self.segments.iter().map(|segment| segment.count_before(seq.saturating_add(1))).sum();
        let all = self.len - known;
        (self.between(seq, u64::MAX, count), all.saturating_sub(count))
    }
}

impl Segment {
    fn bytes(&self) -> usize {
        self.lines.len() * OVERHEAD + self.texts.len()
    }

    fn push(
        &mut self,
        seq: u64,
        [function, instance]: [Option<Arc<str>>; 2],
        request_id: &str,
        line: &NewLine<'_>,
    ) {
        let begin = self.texts.len();
        let (text, end) = (begin + request_id.len(), begin + request_id.len() + line.text.len());
        let places = [begin, text, end].map(|place| place as u32); // a segment is far shorter
        self.texts.push_str(request_id);
        self.texts.push_str(line.text);
        let &NewLine { at, source, .. } = line;
        self.lines.push(Kept { seq, at, function, instance, source, places });
    }

    fn count_before(&self, seq: u64) -> usize {
        self.lines.partition_point(|kept| kept.seq < seq)
    }

    fn between(&self, after: u64, before: u64) -> impl DoubleEndedIterator<Item = Line> {
        let begin = self.count_before(after.saturating_add(1));
        let end = self.count_before(before).max(begin);
        self.lines.get(begin..end).unwrap_or_default().iter().map(|kept| self.line(kept))
    }

    fn line(&self, kept: &Kept) -> Line {
        let [begin, text, end] = kept.places.map(|place| place as usize);
        let request_id = self.texts.get(begin..text).unwrap_or_default();
        let text = self.texts.get(text..end).unwrap_or_default();
        Line {
            seq: kept.seq,
            at: kept.at,
            function: kept.function.clone(),
            instance: kept.instance.clone(),
            request_id: Some(request_id.to_owned()).filter(|id| !id.is_empty()),
            source: kept.source,
            level: Level::of_line(kept.source, text),
            text: text.to_owned(),
        }
    }
}

/// Which lines somebody wants: those that fit all that is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    pub request_id: Option<String>,
    /// Whole, or its end, by which the log names it.
    pub instance: Option<String>,
    pub function: Option<String>,
    /// This one and those above it.
    pub level: Option<Level>,
    /// In lower case.
    pub text: Option<String>,
}

impl Wanted {
    pub fn takes(&self, line: &Line) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let is_of_instance = self.instance.as_deref().is_none_or(|wanted| {
            line.instance.as_deref().is_some_and(|found| found == wanted || names(found, wanted))
        });
        is(&self.request_id, line.request_id.as_deref())
            && is(&self.function, line.function.as_deref())
            && is_of_instance
            && self.level.is_none_or(|level| line.level >= level)
            && self.text.as_deref().is_none_or(|text| line.text.to_lowercase().contains(text))
    }
}

/// Whether `short` is how the log names the instance `id`: by the beginning of its last part.
fn names(id: &str, short: &str) -> bool {
    short.len() >= 4 && id.rsplit('-').next().is_some_and(|last| last.starts_with(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(lines: &mut Lines, seq: u64, source: &'static str, text: &str) {
        let of = [Some("shop".into()), Some("c-1-2-f381ba1c085c".into())];
        lines.push(seq, of, Some("1-2"), &NewLine { at: 0.0, source, text });
    }

    #[test]
    fn the_oldest_lines_go_when_there_is_no_room() {
        let mut lines = Lines::default();
        let long = "x".repeat(SEGMENT / 5);
        for seq in 1..=1200 {
            push(&mut lines, seq, "stdout", &long);
            assert!(lines.bytes() <= MAX_BYTES && lines.forgotten() + lines.len() as u64 == seq);
        }
        assert!(lines.bytes() + 2 * SEGMENT > MAX_BYTES * 4 / 5, "{}", lines.bytes());
        let all = lines.between(0, u64::MAX, 1000);
        assert_eq!(all.len(), lines.len());
        assert_eq!(all.first().map(|line| line.seq), Some(lines.forgotten() + 1));
        assert!(all.iter().all(|line| line.text == long));
        push(&mut lines, 1201, "stdout", &"x".repeat(SEGMENT));
        assert_eq!(lines.between(0, u64::MAX, 1)[0].seq, 1200, "one that is longer than any");
        assert_eq!(lines.forgotten() + lines.len() as u64, 1201);
    }

    #[test]
    fn lines_are_found_by_their_numbers() {
        let mut lines = Lines::default();
        let long = "x".repeat(SEGMENT / 3);
        [2, 5, 9, 10, 14].iter().for_each(|seq| push(&mut lines, *seq, "stdout", &long));
        assert_eq!(lines.segments.len(), 3);
        let seqs = |lines: Vec<Line>| lines.iter().map(|line| line.seq).collect::<Vec<_>>();
        assert_eq!(seqs(lines.between(0, 10, 10)), [2, 5, 9]);
        assert_eq!(seqs(lines.between(0, 10, 2)), [5, 9]);
        assert_eq!(seqs(lines.between(5, 14, 10)), [9, 10]);
        assert_eq!(seqs(lines.between(7, 3, 10)), [0; 0]);
        let (after, missed) = lines.after(2, 2);
        assert_eq!((seqs(after), missed), (vec![10, 14], 2));
        assert_eq!(lines.after(14, 5), (Vec::new(), 0));
    }

    #[test]
    fn a_line_has_the_level_that_it_says_or_that_of_its_source() {
        let mut lines = Lines::default();
        for (source, text) in
            [("stdout", "[WARN] x"), ("stderr", "x"), ("platform", "[ERROR] x"), ("warning", "x")]
        {
            push(&mut lines, 1, source, text);
        }
        let levels: Vec<Level> = lines.between(0, u64::MAX, 9).iter().map(|line| line.level).collect();
        assert_eq!(levels, [Level::Warn, Level::Error, Level::Info, Level::Warn]);
    }

    #[test]
    fn a_wanted_line_fits_all_that_is_given() {
        let some = |text: &str| Some(text.to_owned());
        let mut lines = Lines::default();
        push(&mut lines, 1, "warning", "A Text");
        let found = lines.between(0, 2, 1).remove(0);
        for (wanted, takes) in [
            (Wanted::default(), true),
            (Wanted { request_id: some("1-2"), function: some("shop"), ..Wanted::default() }, true),
            (Wanted { request_id: some("1-3"), ..Wanted::default() }, false),
            (Wanted { instance: some("c-1-2-f381ba1c085c"), ..Wanted::default() }, true),
            (Wanted { instance: some("f381ba"), ..Wanted::default() }, true),
            (Wanted { instance: some("c-1"), ..Wanted::default() }, false),
            (Wanted { level: Some(Level::Warn), text: some("a te"), ..Wanted::default() }, true),
            (Wanted { level: Some(Level::Error), ..Wanted::default() }, false),
            (Wanted { text: some("b"), ..Wanted::default() }, false),
        ] {
            assert_eq!(wanted.takes(&found), takes, "{wanted:?}");
        }
        assert!(
            !Wanted { instance: some("f381"), ..Wanted::default() }.takes(&Line { instance: None, ..found })
        );
    }
}
