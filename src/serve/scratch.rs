//! A worker's own memory, used again from request to request: what is here allocates nothing in the next one.

use crate::api::Context;
use crate::date::Date;
use crate::http1::{Buffer, Head};

/// What the head of a usual response takes, and a short body.
const RESPONSE_HEAD: usize = 512;

pub(super) struct Scratch {
    pub context: Context,
    /// Memory for the next request's head.
    pub head: Head,
    /// What the next connection without a buffer is lent.
    pub buffer: Option<Buffer>,
    /// A response's head, and then the lines of its chunks.
    pub out: Vec<u8>,
    /// A piece of a response's body.
    pub piece: Vec<u8>,
    pub date: Date,
}

impl Scratch {
    pub(super) fn new(context: Context) -> Scratch {
        Scratch {
            context,
            head: Head::default(),
            buffer: None,
            out: Vec::new(),
            piece: Vec::new(),
            date: Date::new(),
        }
    }

    /// Allocates what the first request needs, and has the clock's page mapped: while nobody is there yet that costs nobody
    /// anything.
    pub(super) fn prepare(&mut self) {
        let mut buffer = Buffer::default();
        buffer.space();
        self.buffer = Some(buffer);
        self.out.reserve(RESPONSE_HEAD);
        self.date.now();
    }
}
