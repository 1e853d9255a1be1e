//! Where are bytes kept of which the oldest go first? In segments that are used again, so that nobody allocates for each piece.
//! What the bytes are is not known here.

use std::collections::VecDeque;

/// One of them, and with it the longest piece that is kept.
pub const SEGMENT: usize = 256 * 1024;

/// Where a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    segment: u64,
    at: usize,
    length: usize,
}

impl Place {
    /// The first so many bytes of it, and the rest.
    pub fn split(self, length: usize) -> (Place, Place) {
        let length = length.min(self.length);
        let rest = Place { at: self.at + length, length: self.length - length, ..self };
        (Place { length, ..self }, rest)
    }
}

pub struct Segments {
    most: usize,
    /// The number of the first.
    first: u64,
    all: VecDeque<Vec<u8>>,
}

impl Segments {
    /// So many segments at the most.
    pub fn new(most: usize) -> Segments {
        Segments { most, first: 0, all: VecDeque::new() }
    }

    /// Keeps these bytes in a row; `None` when they are too long.
    pub fn push(&mut self, parts: &[&[u8]]) -> Option<Place> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > SEGMENT {
            return None;
        }
        if self.all.back().is_none_or(|last| last.len() + length > SEGMENT) {
            let mut next = self.oldest().unwrap_or_else(|| Vec::with_capacity(SEGMENT));
            next.clear();
            self.all.push_back(next);
        }
        let segment = self.first + (self.all.len() as u64).saturating_sub(1);
        let last = self.all.back_mut()?;
        let at = last.len();
        parts.iter().for_each(|part| last.extend_from_slice(part));
        Some(Place { segment, at, length })
    }

    /// What is there; `None` when it has gone.
    pub fn get(&self, place: Place) -> Option<&[u8]> {
        let segment = usize::try_from(place.segment.checked_sub(self.first)?).ok()?;
        self.all.get(segment)?.get(place.at..place.at + place.length)
    }

    /// The one that makes room, if there is no more.
    fn oldest(&mut self) -> Option<Vec<u8>> {
        if self.all.len() < self.most {
            return None;
        }
        self.first += 1;
        self.all.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_segment_makes_room_and_its_pieces_are_gone() {
        let mut segments = Segments::new(2);
        let half = vec![b'x'; SEGMENT / 2];
        let places: Vec<Place> = (0..5).filter_map(|_| segments.push(&[&half[1..], b"y"])).collect();
        let is_there: Vec<bool> = places.iter().map(|place| segments.get(*place).is_some()).collect();
        assert_eq!(is_there, [false, false, true, true, true]);
        assert!(
            segments.get(places[4]).is_some_and(|bytes| bytes.len() == half.len() && bytes.ends_with(b"xy"))
        );
        assert!(segments.push(&[&half, &half, b"z"]).is_none(), "longer than any");
    }

    #[test]
    fn a_piece_can_be_taken_apart() {
        let mut segments = Segments::new(1);
        let place = segments.push(&[b"head", b"body"]).expect("room");
        let (head, body) = place.split(4);
        assert_eq!((segments.get(head), segments.get(body)), (Some(&b"head"[..]), Some(&b"body"[..])));
        let (all, nothing) = place.split(99);
        assert_eq!((all, segments.get(nothing)), (place, Some(&b""[..])));
    }
}
