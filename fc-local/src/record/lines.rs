//! The log's lines, the newest of them, and which of them somebody wants to see. Whose they are is decided elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::level::Level;
use super::segments::{Place, SEGMENT, Segments};

/// What is kept, in bytes: the text, and what a line takes beside it.
pub const MAX_BYTES: usize = 50 * 1024 * 1024;

/// What a line takes beside its text.
const OVERHEAD: usize = size_of::<Line<Place>>();

/// A line, and its text or where that is kept. Before it has its place its number means nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line<T = String> {
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub at: f64,
    pub function: Option<Arc<str>>,
    pub instance: Option<Arc<str>>,
    /// The request that it belongs to, where that is known: it names it, or no other runs there.
    pub request_id: Option<Arc<str>>,
    /// `stdout`, `stderr`, `initializer`, `platform`, `warning`.
    pub source: &'static str,
    pub level: Level,
    pub text: T,
}

pub struct Lines {
    lines: VecDeque<Line<Place>>,
    texts: Segments,
    bytes: usize,
    /// How many have gone.
    forgotten: u64,
}

impl Default for Lines {
    fn default() -> Lines {
        // They are forgotten line by line, so that there are never that many.
        let texts = Segments::new(MAX_BYTES / SEGMENT + 2);
        Lines { lines: VecDeque::new(), texts, bytes: 0, forgotten: 0 }
    }
}

impl Lines {
    pub fn push(&mut self, line: Line<&str>) {
        let Line { seq, at, function, instance, request_id, source, level, text } = line;
        let Some(text) = self.texts.push(&[text.as_bytes()]) else {
            self.forgotten += 1; // nobody writes such a line: the platform cuts it
            return;
        };
        self.bytes += text.len() + OVERHEAD;
        self.lines.push_back(Line { seq, at, function, instance, request_id, source, level, text });
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.text.len() + OVERHEAD;
            self.forgotten += 1;
        }
        if let Some(oldest) = self.lines.front() {
            self.texts.forget_before(oldest.text);
        }
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest `count` of those between two numbers, oldest first.
    pub fn between(&self, after: u64, before: u64, count: usize) -> Vec<Line> {
        let begin = self.lines.partition_point(|line| line.seq <= after);
        let end = self.lines.partition_point(|line| line.seq < before).max(begin);
        self.lines.range(begin.max(end.saturating_sub(count))..end).map(|kept| self.line(kept)).collect()
    }

    /// The newest `count` of those after `seq`, oldest first, and how many more there were.
    pub fn after(&self, seq: u64, count: usize) -> (Vec<Line>, usize) {
        let begin = self.lines.partition_point(|line| line.seq <= seq);
        let all = self.lines.len() - begin;
        let missed = all.saturating_sub(count);
        (self.lines.range(begin + missed..).map(|kept| self.line(kept)).collect(), missed)
    }

    fn line(&self, kept: &Line<Place>) -> Line {
        let text = self.texts.get(kept.text).unwrap_or_default();
        Line {
            seq: kept.seq,
            at: kept.at,
            function: kept.function.clone(),
            instance: kept.instance.clone(),
            request_id: kept.request_id.clone(),
            source: kept.source,
            level: kept.level,
            text: String::from_utf8_lossy(text).into_owned(),
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
        let is = |wanted: &Option<String>, found: &Option<Arc<str>>| {
            wanted.as_deref().is_none_or(|wanted| found.as_deref() == Some(wanted))
        };
        let is_of_instance = self.instance.as_deref().is_none_or(|wanted| {
            line.instance.as_deref().is_some_and(|found| found == wanted || names(found, wanted))
        });
        is(&self.request_id, &line.request_id)
            && is(&self.function, &line.function)
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

    fn line(seq: u64, text: &str) -> Line<&str> {
        let (function, instance) = (Some("shop".into()), Some("c-1-2-f381ba1c085c".into()));
        let (request_id, source, level) = (Some("1-2".into()), "stdout", Level::Warn);
        Line { seq, at: 0.0, function, instance, request_id, source, level, text }
    }

    #[test]
    fn the_oldest_lines_go_when_there_is_no_room() {
        let mut lines = Lines::default();
        let long = "x".repeat(SEGMENT / 4);
        for seq in 1..=900 {
            lines.push(line(seq, &long));
        }
        assert!(lines.bytes() <= MAX_BYTES && lines.bytes() + long.len() + OVERHEAD > MAX_BYTES);
        assert_eq!(lines.forgotten() + lines.len() as u64, 900);
        let all = lines.between(0, u64::MAX, 1000);
        assert_eq!(all.first().map(|line| line.seq), Some(lines.forgotten() + 1));
        assert!(all.iter().all(|line| line.text == long));
        lines.push(line(901, &"x".repeat(SEGMENT + 1)));
        assert_eq!(lines.between(0, u64::MAX, 1)[0].seq, 900, "one that is longer than any");
    }

    #[test]
    fn lines_are_found_by_their_numbers() {
        let mut lines = Lines::default();
        [2, 5, 9].iter().for_each(|seq| lines.push(line(*seq, "x")));
        let seqs = |lines: Vec<Line>| lines.iter().map(|line| line.seq).collect::<Vec<_>>();
        assert_eq!(seqs(lines.between(0, 9, 10)), [2, 5]);
        assert_eq!(seqs(lines.between(0, 9, 1)), [5]);
        assert_eq!(seqs(lines.between(2, u64::MAX, 10)), [5, 9]);
        assert_eq!(seqs(lines.between(7, 3, 10)), [0; 0]);
        let (after, missed) = lines.after(2, 1);
        assert_eq!((seqs(after), missed), (vec![9], 1));
        assert_eq!(lines.after(9, 5), (Vec::new(), 0));
    }

    #[test]
    fn a_wanted_line_fits_all_that_is_given() {
        let some = |text: &str| Some(text.to_owned());
        let mut lines = Lines::default();
        lines.push(line(1, "A Text"));
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
