//! One connection as a conversation: bytes, limits and the time go in, steps come out. No socket, no clock and no
//! worker is known here.
//!
//! - Head → Collect, Exchange, Linger
//! - Collect → Exchange, Linger
//! - Exchange → Head, Discard, Linger, Over
//! - Discard → Head, Linger
//!
//! | state | what happens | step | state |
//! |---|---|---|---|
//! | Head | a part of a head | Receive | Head |
//! | Head | an empty line | Receive | Head |
//! | Head | a head | Request | Exchange |
//! | Head | a head without its small body | Receive | Collect |
//! | Head | nothing for too long | Refuse | Linger |
//! | Head | something malformed | Refuse | Linger |
//! | Collect | a part of the body | Receive | Collect |
//! | Collect | the rest of the body | Request | Exchange |
//! | Collect | nothing for too long | Refuse | Linger |
//! | Exchange | Next::Request | Receive | Head |
//! | Exchange | Next::Discard | Receive | Discard |
//! | Exchange | Next::Linger | EndSending | Linger |
//! | Exchange | Next::Close | Close | Over |
//! | Discard | a part of the body | Receive | Discard |
//! | Discard | the rest of the body | Receive | Head |
//! | Discard | something malformed | EndSending | Linger |
//! | Discard | nothing for too long | Close | Discard |
//! | Linger | a head | Receive | Linger |
//! | Linger | nothing for too long | Close | Linger |

use super::body::BodyDecoder;
use super::buffer::Buffer;
use super::framing::BodyLength;
use super::head::{Head, MAX_HEAD, Parsed, Progress};
use super::incoming::{BodyState, Incoming};
use super::limits::{Limits, Overdue, Patience};
use super::persistence::{CloseReason, Facts, Next, RequestBodyLeft};
use super::reject::Reject;
use crate::clock::Moment;
use std::mem;
use std::time::Duration;

/// A body up to this size is collected before the request is served, so that a slow one holds no worker. Most
/// events are smaller, and ten thousand connections that wait for one hold no more than their limit.
const MAX_COLLECTED: u64 = 16 * 1024;

/// The next bytes of an unread body, or the peer's close, are waited for so long (nginx: 5 s). A gateway has read
/// its response by then, and a stop of the server need not wait for longer.
const LINGER: Duration = Duration::from_secs(2);

/// A peer whose connection is about to be closed may go on sending for so long (nginx: 30 s).
const LINGER_ALL: Duration = Duration::from_secs(30);

const _: () = assert!(MAX_COLLECTED <= MAX_HEAD as u64, "a buffer that holds a head holds a collected body");

pub(crate) struct Conversation {
    inbox: Buffer,
    state: State,
    /// How far a head that is not complete was looked at.
    progress: Progress,
    /// The body of the present request: what is left of it in `Exchange` and `Discard`.
    body: BodyState,
    has_served: bool,
    asks_for_head: bool,
    /// When the connection became idle, or the first byte of the present head came.
    since: Moment,
    /// When it became idle. An empty line is no request, and begins nothing anew.
    idle_since: Moment,
    /// When the last bytes came, or the last response was out.
    last_progress: Moment,
}

enum State {
    /// A request's head, or nothing yet.
    Head,
    /// A small body of known length, whose head is kept here meanwhile.
    Collect {
        head: Box<Head>,
        length: usize,
    },
    /// The request is being served.
    Exchange,
    /// What is left of a body that nobody wants.
    Discard,
    /// Everything, until the peer has closed or the time is up: it is to read the last response first.
    Linger {
        until: Moment,
        sending_ended: bool,
        reason: CloseReason,
    },
    Over(CloseReason),
}

/// What is to be done next.
pub(crate) enum Step {
    /// Serve this request, and then [`conclude`](Conversation::conclude) it.
    Request(Head),
    /// Tell the peer what it did wrong, and then [`refuse`](Conversation::refuse).
    Refuse(Reject),
    /// Receive: what has arrived is used up.
    Receive,
    /// End the sending, so that the peer learns of the close; receiving goes on.
    EndSending,
    /// Close the connection.
    Close(CloseReason),
}

impl Conversation {
    pub(crate) fn new(now: Moment) -> Conversation {
        Conversation {
            inbox: Buffer::default(),
            state: State::Head,
            progress: Progress::default(),
            body: BodyState::new(BodyDecoder::none(), false),
            has_served: false,
            asks_for_head: false,
            since: now,
            idle_since: now,
            last_progress: now,
        }
    }

    /// Goes on with what has arrived. `head` is memory for a request's head, and is used again when it comes
    /// back there.
    pub(crate) fn step(&mut self, limits: &Limits, head: &mut Head) -> Step {
        match &mut self.state {
            State::Head => self.look_for_head(limits, head),
            State::Collect { length, .. } if self.inbox.unread().len() < *length => Step::Receive,
            State::Collect { head, .. } => {
                let head = mem::take(&mut **head);
                self.state = State::Exchange;
                Step::Request(head)
            }
            // Who serves the request concludes it first.
            State::Exchange => Step::Close(CloseReason::NotConcluded),
            State::Discard => match self.body.decoder.discard(&mut self.inbox) {
                Ok(true) => {
                    self.state = State::Head;
                    (self.since, self.idle_since) = (self.last_progress, self.last_progress);
                    self.look_for_head(limits, head)
                }
                Ok(false) => Step::Receive,
                // The response is out: there is nothing left to tell the peer.
                Err(_) => {
                    self.linger(CloseReason::UnreadBodyMalformed, self.last_progress);
                    self.end_sending()
                }
            },
            State::Linger { .. } => self.end_sending(),
            State::Over(reason) => Step::Close(*reason),
        }
    }

    /// What comes after the last response is not read.
    fn end_sending(&mut self) -> Step {
        self.inbox.consume(usize::MAX);
        if let State::Linger { sending_ended, .. } = &mut self.state
            && !mem::replace(sending_ended, true)
        {
            return Step::EndSending;
        }
        Step::Receive
    }

    fn look_for_head(&mut self, limits: &Limits, head: &mut Head) -> Step {
        loop {
            match head.parse(self.inbox.unread(), &mut self.progress) {
                // Old clients send an empty line after a body: the connection stays idle.
                Ok(Parsed::Nothing(length)) => {
                    self.inbox.consume(length);
                    self.since = self.idle_since;
                }
                Ok(Parsed::Partial) => {}
                Ok(Parsed::LaterVersion(minor)) => {
                    self.inbox.set(minor, b'1');
                    continue;
                }
                Ok(Parsed::Complete(length)) => return self.begin_request(limits, head, length),
                Err(reject) => return Step::Refuse(reject),
            }
            return Step::Receive;
        }
    }

    /// Takes a head of `head_length` bytes off the inbox, unless its body is refused.
    fn begin_request(&mut self, limits: &Limits, head: &mut Head, head_length: usize) -> Step {
        let decoder = match BodyDecoder::new(head.length, limits.max_body) {
            Ok(decoder) => decoder,
            Err(reject) => return Step::Refuse(reject),
        };
        self.inbox.consume(head_length);
        self.asks_for_head = head.method() == "HEAD";
        // A client that has begun to send its body does not wait to be asked for it.
        self.body = BodyState::new(decoder, head.expects_continue && self.inbox.is_empty());
        match head.length {
            BodyLength::Known(length)
                if length <= MAX_COLLECTED
                    && !head.expects_continue
                    && self.inbox.unread().len() < length as usize =>
            {
                self.state = State::Collect { head: Box::new(mem::take(head)), length: length as usize };
                Step::Receive
            }
            _ => {
                self.state = State::Exchange;
                Step::Request(mem::take(head))
            }
        }
    }

    /// Where the next bytes are received; there is always room.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.inbox.space()
    }

    /// So many bytes were received into the [`space`](Self::space), at least one. Whether they filled it, so
    /// that more may be waiting.
    pub(crate) fn received(&mut self, count: usize, now: Moment) -> bool {
        if self.is_idle() {
            self.since = now;
        }
        self.last_progress = now;
        self.inbox.fill(count)
    }

    /// How long the bytes that are needed next are waited for; the same until something happens.
    pub(crate) fn patience(&self, limits: &Limits) -> Patience {
        let (since, last) = (self.since, self.last_progress);
        match &self.state {
            State::Head if self.is_idle() => Patience {
                until: limits.idle_timeout.map(|timeout| since.plus(timeout)),
                then: Overdue::Close(CloseReason::IdleTimeout),
            },
            // From its first byte: a peer that sends one now and then does not hold a head up for ever.
            State::Head => Patience {
                until: Some(since.plus(limits.head_timeout)),
                then: Overdue::Refuse(Reject::HeadTimeout),
            },
            State::Collect { .. } => Patience {
                until: Some(last.plus(limits.body_timeout)),
                then: Overdue::Refuse(Reject::BodyTimeout),
            },
            State::Linger { until, reason, .. } => {
                Patience { until: Some(last.plus(LINGER).min(*until)), then: Overdue::Close(*reason) }
            }
            // From the response's last byte, too: a peer that sends one now and then does not hold it up for ever.
            State::Exchange | State::Discard | State::Over(_) => {
                let then = Overdue::Close(CloseReason::UnreadBodyTimeout);
                Patience { until: Some(last.plus(LINGER).min(since.plus(LINGER_ALL))), then }
            }
        }
    }

    /// Whether what is refused is known to be a HEAD: then the answer has no content (RFC 9110 section 9.3.2).
    pub(crate) fn asks_for_head(&self) -> bool {
        match self.state {
            State::Head => self.inbox.unread().trim_ascii_start().starts_with(b"HEAD "),
            _ => self.asks_for_head,
        }
    }

    /// The peer was told why its request is refused.
    pub(crate) fn refuse(&mut self, now: Moment) {
        let facts = Facts { request_refused: true, ..self.facts() };
        self.conclude(facts.conclude(facts.announce()), now);
    }

    /// The request was answered.
    pub(crate) fn conclude(&mut self, next: Next, now: Moment) {
        self.has_served = true;
        self.since = now;
        self.idle_since = now;
        self.last_progress = now;
        self.state = match next {
            Next::Request => State::Head,
            Next::Discard => State::Discard,
            Next::Linger(reason) => return self.linger(reason, now),
            Next::Close(reason) => State::Over(reason),
        };
    }

    fn linger(&mut self, reason: CloseReason, now: Moment) {
        self.state = State::Linger { until: now.plus(LINGER_ALL), sending_ended: false, reason };
    }

    /// Why the connection ends when the peer ends it.
    pub(crate) fn end_reason(&self) -> CloseReason {
        match &self.state {
            State::Linger { reason, .. } | State::Over(reason) => *reason,
            State::Head | State::Collect { .. } | State::Exchange | State::Discard => CloseReason::PeerCloses,
        }
    }

    /// The body of the request that is being served.
    pub(crate) fn incoming(&mut self) -> Incoming<'_> {
        Incoming { inbox: &mut self.inbox, state: &mut self.body }
    }

    /// Where more of that body is received.
    pub(crate) fn body_space(&mut self) -> &mut [u8] {
        if mem::take(&mut self.body.fills_its_room) {
            self.inbox.widen();
        }
        self.inbox.space()
    }

    /// How much of that body is left, when that is known.
    pub(crate) fn known_body_left(&self) -> Option<u64> {
        self.body.decoder.known_left()
    }

    /// Whether nothing of that body is left to come.
    pub(crate) fn is_body_done(&self) -> bool {
        self.body.decoder.is_done()
    }

    /// What it knows itself of whether it may go on after the request that is being served.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            request_refused: self.body.reject.is_some(),
            request_body: self.request_body_left(),
            ..Facts::default()
        }
    }

    fn request_body_left(&self) -> RequestBodyLeft {
        match self.body.decoder.known_left() {
            _ if self.body.decoder.is_done() => RequestBodyLeft::None,
            _ if self.body.awaits_continue => RequestBodyLeft::NotAskedFor,
            Some(left) => RequestBodyLeft::Known(left),
            None => RequestBodyLeft::Unknown,
        }
    }

    /// Whether it is between requests, so that closing it loses nothing.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.inbox.is_empty()
    }

    /// Whether nothing, or only the beginning of a head, has ever come.
    pub(crate) fn has_asked_nothing(&self) -> bool {
        !self.has_served && matches!(self.state, State::Head)
    }

    /// Whether a request was ever answered on it.
    pub(crate) fn has_served(&self) -> bool {
        self.has_served
    }

    /// Since when its peer is silent in the middle of something; `None` while it is idle, and while the peer is not the one
    /// that is waited for.
    pub(crate) fn stalled_since(&self) -> Option<Moment> {
        let is_served = matches!(self.state, State::Exchange);
        (!self.is_idle() && !is_served).then_some(self.last_progress)
    }

    /// When it became idle, or began to ask.
    pub(crate) fn since(&self) -> Moment {
        self.since
    }

    /// How many bytes have arrived and are not used yet.
    #[cfg(any(test, fuzzing, feature = "internals"))]
    pub(crate) fn unread(&self) -> usize {
        self.inbox.unread().len()
    }

    /// Memory that an unfinished request occupies.
    pub(crate) fn held_bytes(&self) -> usize {
        let head = if let State::Collect { head, .. } = &self.state { head.allocated() } else { 0 };
        self.inbox.allocated() + head
    }

    /// Takes a buffer of somebody else's to work with, unless it has one.
    pub(crate) fn take_buffer(&mut self, spare: &mut Option<Buffer>) {
        if !self.inbox.is_allocated()
            && let Some(buffer) = spare.take()
        {
            self.inbox = buffer;
        }
    }

    /// Gives a buffer up that it does not need while it waits.
    pub(crate) fn return_buffer(&mut self, spare: &mut Option<Buffer>) {
        if let Some(buffer) = self.inbox.give_up() {
            spare.get_or_insert(buffer);
        }
    }
}

#[cfg(test)]
mod tests;
