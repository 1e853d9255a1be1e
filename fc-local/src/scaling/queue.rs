//! Who is next when many wait for the only instance that there can be? In the order in which they came, and not without
//! an end. What they wait for is not known here.

use std::collections::VecDeque;

/// How many may wait: each holds a thread and a connection, and more are a client that does not wait for answers.
pub const MAX_WAITING: usize = 100;

#[derive(Default)]
pub struct Queue {
    numbers: VecDeque<u64>,
    next: u64,
}

impl Queue {
    /// The number of one who waits from now on; `None` when there are too many.
    pub fn join(&mut self) -> Option<u64> {
        if self.numbers.len() >= MAX_WAITING {
            return None;
        }
        self.next += 1;
        self.numbers.push_back(self.next);
        Some(self.next)
    }

    /// Whether it is the turn of whoever has this number; without one, whether nobody waits.
    pub fn is_turn(&self, number: Option<u64>) -> bool {
        self.numbers.front().is_none_or(|front| Some(*front) == number)
    }

    pub fn leave(&mut self, number: u64) {
        self.numbers.retain(|other| *other != number);
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_first_is_next_and_who_leaves_makes_room() {
        let mut queue = Queue::default();
        assert!(queue.is_turn(None), "nobody waits");
        let numbers: Vec<u64> = (0..3).filter_map(|_| queue.join()).collect();
        let turns =
            |queue: &Queue| numbers.iter().map(|number| queue.is_turn(Some(*number))).collect::<Vec<_>>();
        assert_eq!((turns(&queue), queue.is_turn(None)), (vec![true, false, false], false));
        queue.leave(numbers[1]);
        queue.leave(numbers[0]);
        assert_eq!(turns(&queue), [false, false, true]);
        queue.leave(numbers[2]);
        assert!(queue.is_empty());
    }

    #[test]
    fn no_more_than_so_many_wait() {
        let mut queue = Queue::default();
        let numbers: Vec<u64> = (0..MAX_WAITING).filter_map(|_| queue.join()).collect();
        assert_eq!((numbers.len(), queue.join()), (MAX_WAITING, None));
        queue.leave(numbers[0]);
        assert!(queue.join().is_some());
    }
}
