//! The log's lines, the newest of them, and which of them somebody wants to see. Whose they are is decided elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::level::Level;

/// What is kept, in bytes: the text, and what a line takes beside it.
pub const MAX_BYTES: usize = 50 * 1024 * 1024;

/// What a line takes beside its text.
const OVERHEAD: usize = size_of::<Line>() + 16;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
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
    pub text: Arc<str>,
}

#[derive(Default)]
pub struct Lines {
    lines: VecDeque<Line>,
    bytes: usize,
    /// How many have gone.
    forgotten: u64,
}

impl Lines {
    pub fn push(&mut self, line: Line) {
        self.bytes += line.text.len() + OVERHEAD;
        self.lines.push_back(line);
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.text.len() + OVERHEAD;
            self.forgotten += 1;
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

    /// The newest `count` of those before `seq`, oldest first.
    pub fn before(&self, seq: u64, count: usize) -> Vec<Line> {
        let end = self.lines.partition_point(|line| line.seq < seq);
        self.lines.range(end.saturating_sub(count)..end).cloned().collect()
    }

    /// The newest `count` of those after `seq`, oldest first, and how many more there were.
    pub fn after(&self, seq: u64, count: usize) -> (Vec<Line>, usize) {
        let begin = self.lines.partition_point(|line| line.seq <= seq);
        let all = self.lines.len() - begin;
        let missed = all.saturating_sub(count);
        (self.lines.range(begin + missed..).cloned().collect(), missed)
    }
}

/// Which lines somebody wants: those that fit all that is given.
#[derive(Clone, Debug, Default)]
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

    fn line(seq: u64, text: &str) -> Line {
        Line {
            seq,
            at: 0.0,
            function: Some("shop".into()),
            instance: Some("c-1-2-f381ba1c085c".into()),
            request_id: Some("1-2".into()),
            source: "stdout",
            level: Level::Warn,
            text: text.into(),
        }
    }

    #[test]
    fn the_oldest_lines_go_when_there_is_no_room() {
        let mut lines = Lines::default();
        let long = "x".repeat(1024 * 1024);
        for seq in 1..=60 {
            lines.push(line(seq, &long));
        }
        assert!(lines.bytes() <= MAX_BYTES && lines.len() == 49, "{}", lines.len());
        assert_eq!(lines.forgotten(), 11);
        assert_eq!(lines.before(u64::MAX, 100).first().map(|line| line.seq), Some(12));
        lines.push(line(61, &"x".repeat(MAX_BYTES)));
        assert_eq!((lines.len(), lines.bytes()), (0, 0), "one that is too long for all");
    }

    #[test]
    fn lines_are_found_by_their_numbers() {
        let mut lines = Lines::default();
        [2, 5, 9].iter().for_each(|seq| lines.push(line(*seq, "x")));
        let seqs = |lines: Vec<Line>| lines.iter().map(|line| line.seq).collect::<Vec<_>>();
        assert_eq!(seqs(lines.before(9, 10)), [2, 5]);
        assert_eq!(seqs(lines.before(9, 1)), [5]);
        let (after, missed) = lines.after(2, 1);
        assert_eq!((seqs(after), missed), (vec![9], 1));
        assert_eq!(lines.after(9, 5), (Vec::new(), 0));
    }

    #[test]
    fn a_wanted_line_fits_all_that_is_given() {
        let some = |text: &str| Some(text.to_owned());
        let found = line(1, "A Text");
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
