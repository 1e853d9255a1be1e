//! Bytes that have arrived and are not used yet. It grows to what one head or trailer section may need, or to
//! what passes through of a body at once, and no further.

/// Large enough for every head the platform sends (its limit is 8 KB), small enough to be touched at a start.
const FIRST_CAPACITY: usize = 4 * 1024 - 32;

/// Room for body bytes that pass through: what a socket has at once when its peer sends as fast as it can.
pub(crate) const MAX_PASSING: usize = 64 * 1024;

/// A byte queue: filled at the end, consumed from the front.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What has arrived and is not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Has the byte at this place of the [`unread`](Self::unread) ones be another one.
    pub(crate) fn set(&mut self, at: usize, byte: u8) {
        if let Some(unread) = self.bytes.get_mut(self.start + at..self.end).and_then(<[u8]>::first_mut) {
            *unread = byte;
        }
    }

    /// Takes `count` bytes off the front, at most all of them.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }

    /// The free space behind what has arrived. A full buffer doubles; where there is no memory for that there is no space,
    /// and what is received into that looks like the peer's end.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.make_room();
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// So many bytes, at most all of it, were written to the front of the [`space`](Self::space). Whether
    /// that filled it, so that more may be waiting.
    pub(crate) fn fill(&mut self, count: usize) -> bool {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
        self.end == self.bytes.len()
    }

    /// Doubles the room of an empty buffer, up to `MAX_PASSING`: for when the last bytes that passed through
    /// filled it.
    pub(crate) fn widen(&mut self) {
        if self.is_empty() && self.bytes.len() < MAX_PASSING {
            self.grow((self.bytes.len() * 2).clamp(FIRST_CAPACITY, MAX_PASSING));
        }
    }

    /// For a connection that is going to wait: gives the allocation up and keeps no more than it needs for
    /// what is in it.
    pub(crate) fn give_up(&mut self) -> Option<Buffer> {
        if self.bytes.is_empty() || self.unread().len() * 2 > self.bytes.len() {
            return None;
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(self.unread().len()).ok()?;
        bytes.extend_from_slice(self.unread());
        let kept = Buffer { start: 0, end: bytes.len(), bytes };
        let lent = std::mem::replace(self, kept);
        Some(Buffer { start: 0, end: 0, ..lent })
    }

    /// How much memory it occupies.
    pub(crate) fn allocated(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is an allocation to work with.
    pub(crate) fn is_allocated(&self) -> bool {
        !self.bytes.is_empty()
    }

    fn make_room(&mut self) {
        if self.bytes.is_empty() {
            self.grow(FIRST_CAPACITY);
        } else if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.grow((self.bytes.len() * 2).max(FIRST_CAPACITY));
            }
        }
    }

    /// A peer has a say in how large it becomes, so that memory which is not there is its loss alone.
    fn grow(&mut self, size: usize) {
        if self.bytes.try_reserve_exact(size.saturating_sub(self.bytes.len())).is_ok() {
            self.bytes.resize(size, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends as much as there is space for; how much that was, and whether it filled the space.
    fn push(buffer: &mut Buffer, bytes: &[u8]) -> (usize, bool) {
        let space = buffer.space();
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        (count, buffer.fill(count))
    }

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut buffer = Buffer::default();
        push(&mut buffer, b"hello ");
        push(&mut buffer, b"world");
        assert_eq!(buffer.unread(), b"hello world");
        buffer.consume(6);
        assert_eq!(buffer.unread(), b"world");
        buffer.consume(100);
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_full_buffer_grows_and_keeps_what_it_holds() {
        let mut buffer = Buffer::default();
        let (count, full) = push(&mut buffer, &[b'a'; FIRST_CAPACITY]);
        assert_eq!((count, full), (FIRST_CAPACITY, true));
        let (count, full) = push(&mut buffer, b"b");
        assert_eq!((count, full), (1, false));
        assert_eq!(buffer.unread().len(), FIRST_CAPACITY + 1);
        assert_eq!(buffer.unread().last(), Some(&b'b'));
    }

    #[test]
    fn consumed_room_is_used_again_before_the_buffer_grows() {
        let mut buffer = Buffer::default();
        push(&mut buffer, &[b'a'; FIRST_CAPACITY]);
        buffer.consume(FIRST_CAPACITY - 1);
        push(&mut buffer, b"b");
        assert_eq!(buffer.unread(), b"ab");
        assert_eq!(buffer.bytes.len(), FIRST_CAPACITY);
    }

    #[test]
    fn an_empty_buffer_widens_up_to_a_limit_and_one_in_use_does_not() {
        let mut buffer = Buffer::default();
        push(&mut buffer, b"a");
        buffer.widen();
        assert_eq!((buffer.unread(), buffer.allocated()), (&b"a"[..], FIRST_CAPACITY));
        buffer.consume(1);
        buffer.widen();
        assert_eq!(buffer.allocated(), FIRST_CAPACITY * 2);
        (0..10).for_each(|_| buffer.widen());
        assert_eq!(buffer.allocated(), MAX_PASSING);
    }

    #[test]
    fn what_is_lent_out_is_empty_and_what_is_kept_is_no_larger_than_needed() {
        let mut buffer = Buffer::default();
        assert!(buffer.give_up().is_none());
        push(&mut buffer, b"abc");
        buffer.consume(1);
        let lent = buffer.give_up().unwrap();
        assert!(lent.is_empty() && lent.allocated() == FIRST_CAPACITY);
        assert_eq!((buffer.unread(), buffer.allocated()), (&b"bc"[..], 2));
        push(&mut buffer, b"d");
        assert_eq!(buffer.unread(), b"bcd");
    }
}
