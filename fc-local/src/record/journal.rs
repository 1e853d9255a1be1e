//! What has changed since somebody looked? Sequence numbers that only grow, and which subject each stands for. What a
//! subject is, is not known here.

use std::collections::VecDeque;

/// Changes that are remembered: more than an on-looker misses between two looks.
const MAX_CHANGES: usize = 32_768;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Invocation(u64),
    Instance(u64),
}

#[derive(Default)]
pub struct Journal {
    /// The number of the last change.
    last: u64,
    changes: VecDeque<(u64, Subject)>,
}

impl Journal {
    /// The number of the last change; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// A number for a change that is remembered elsewhere.
    pub fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub fn note(&mut self, subject: Subject) -> u64 {
        let number = self.next();
        if self.changes.len() == MAX_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((number, subject));
        number
    }

    /// What has changed after `number`, newest first, and whether that is all of it.
    pub fn since(&self, number: u64) -> (impl Iterator<Item = Subject>, bool) {
        let is_whole = self.changes.len() < MAX_CHANGES
            || self.changes.front().is_none_or(|(oldest, _)| *oldest <= number + 1);
        let newer = self.changes.iter().rev().take_while(move |(at, _)| *at > number);
        (newer.map(|(_, subject)| *subject), is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_newest_first_and_what_was_forgotten_is_known() {
        let mut journal = Journal::default();
        assert_eq!(journal.last(), 0);
        assert_eq!(journal.note(Subject::Invocation(7)), 1);
        assert_eq!(journal.next(), 2);
        assert_eq!(journal.note(Subject::Instance(3)), 3);
        let (changes, is_whole) = journal.since(0);
        assert_eq!(changes.collect::<Vec<_>>(), [Subject::Instance(3), Subject::Invocation(7)]);
        assert!(is_whole && journal.since(3).0.next().is_none());
        for _ in 0..MAX_CHANGES {
            journal.note(Subject::Instance(1));
        }
        assert!(!journal.since(0).1 && journal.since(3).1);
        assert_eq!(journal.since(0).0.count(), MAX_CHANGES);
    }
}
