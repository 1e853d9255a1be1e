//! One connection's life: what has arrived on it becomes requests, and what it waits for has a
//! deadline. Nothing in here blocks; the exchange of a request and its response is elsewhere.

use crate::api::config::ServerConfig;
use crate::clock::Moment;
use crate::http1::{
    BodyDecoder, BodyLength, Buffer, Framing, Head, MAX_HEAD, Parsed, Persistence, Piece, Progress, Reject,
    encode_head,
};
use crate::net::ready::{Key, PutBack};
use crate::net::socket::Link;
use crate::serve::admission::admit;
use crate::serve::engine::Shared;
use crate::serve::exchange::After;
use crate::serve::worker::Worker;
use std::io::{self, IoSlice};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// So many requests or receives in a row, then others have their turn.
const TURN: usize = 32;

/// A body up to this size is collected before the request is served, so that a slow one holds no worker.
const COLLECT_LIMIT: u64 = 16 * 1024;

/// Up to so much of an unread body of known length is taken in after the response: less than a new connection costs.
const DISCARD_LIMIT: u64 = 64 * 1024;

/// How long the next bytes of an unread body, or the peer's close, are waited for (nginx: 5 s).
const LINGER: Duration = Duration::from_secs(2);

/// How long a peer whose connection is about to be closed may go on sending (nginx: 30 s).
const LINGER_ALL: Duration = Duration::from_secs(30);

/// What unfinished requests of all waiting connections may hold together.
const HELD_LIMIT: usize = 16 * 1024 * 1024;

pub(crate) struct Connection {
    key: Key,
    pub link: Arc<Link>,
    pub input: Input,
    phase: Phase,
    progress: Progress,
    served: bool,
    /// Idle since, or waiting for the present phase's next step since.
    since: Moment,
    deadline: Option<Moment>,
}

/// What arrives.
#[derive(Default)]
pub(crate) struct Input {
    pub buffer: Buffer,
    /// The system may have more.
    pub more: bool,
    /// The peer has ended its sending: what is left has to be read to the end.
    hang_up: bool,
}

enum Phase {
    /// A request's head, or nothing yet.
    Head,
    /// A small body of known length whose head is kept here meanwhile.
    Collect(Box<Head>, usize),
    /// What is left of a body that nobody wants.
    Discard(BodyDecoder),
    /// Everything, until the peer has closed or the time is up: it is to read the last response first.
    Linger { until: Moment },
    /// Nothing: it is closed as it is.
    Over,
}

/// What a look at a connection came to.
enum Step {
    Request,
    Refuse(Reject),
    Wait,
    /// Others are to have their turn.
    Yield,
    Close,
}

impl Input {
    /// Receives what is there now, as `Link::receive`.
    pub fn receive(&mut self, link: &Link) -> io::Result<Option<usize>> {
        let mut nothing = false;
        let (count, filled) = self.buffer.fill(|space| {
            let received = link.receive(space)?;
            nothing = received.is_none();
            Ok(received.unwrap_or(0))
        })?;
        // A short read has emptied the socket, unless its end is still to be read.
        self.more = filled || (self.hang_up && !nothing);
        Ok((!nothing).then_some(count))
    }
}

/// Serves what has arrived until nothing more is there.
pub(crate) fn serve(worker: &mut Worker<'_>, mut connection: Box<Connection>) {
    connection.borrow_buffer(&mut worker.buffer);
    for _ in 0..TURN {
        connection = match connection.advance(&mut worker.context.head, worker.shared) {
            Step::Request => match admit(worker, connection) {
                Some(connection) => connection,
                None => return, // it waits for its turn to run
            },
            Step::Refuse(reject) => connection.refuse(worker, reject),
            Step::Wait => match put_back(worker, connection) {
                Some(connection) => connection,
                None => return,
            },
            Step::Yield => break,
            Step::Close => return close(worker, connection),
        }
    }
    match connection.expire(&worker.shared.config, worker.shared.clock.now()) {
        None => worker.shared.ready.put_last(connection),
        Some(_) => close(worker, connection), // it has sent without an end for all of its time
    }
}

/// Waits for the peer without holding the worker, unless it has waited long enough.
fn put_back(worker: &mut Worker<'_>, mut connection: Box<Connection>) -> Option<Box<Connection>> {
    let shared = worker.shared;
    match connection.expire(&shared.config, shared.clock.now()) {
        Some(Step::Refuse(reject)) => return Some(connection.refuse(worker, reject)),
        Some(_) => {
            close(worker, connection);
            return None;
        }
        None => {}
    }
    if let Some(buffer) = connection.input.buffer.lend_out() {
        worker.buffer.get_or_insert(buffer);
    }
    match shared.ready.put_back(connection, &shared.clock, HELD_LIMIT) {
        PutBack::Parked => None,
        PutBack::Again(mut connection) => {
            connection.borrow_buffer(&mut worker.buffer);
            Some(connection)
        }
        PutBack::Stopping(mut connection) => {
            // What came just before the stop is still served.
            connection.borrow_buffer(&mut worker.buffer);
            if connection.has_input() {
                return Some(connection);
            }
            close(worker, connection);
            None
        }
    }
}

pub(crate) fn close(worker: &mut Worker<'_>, mut connection: Box<Connection>) {
    if let Some(buffer) = connection.input.buffer.lend_out() {
        worker.buffer.get_or_insert(buffer);
    }
    let open = worker.shared.ready.close(connection);
    worker.connection_closed(open);
}

impl Connection {
    pub fn new(key: Key, link: Arc<Link>, now: Moment) -> Connection {
        Connection {
            key,
            link,
            input: Input::default(),
            phase: Phase::Head,
            progress: Progress::default(),
            served: false,
            since: now,
            deadline: None,
        }
    }

    pub fn key(&self) -> Key {
        self.key
    }

    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// Between requests, so that closing it loses nothing.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head) && self.input.buffer.is_empty()
    }

    /// Nothing, or only the beginning of a head, has ever come.
    pub fn has_asked_nothing(&self) -> bool {
        !self.served && matches!(self.phase, Phase::Head)
    }

    pub fn idle_since(&self) -> Moment {
        self.since
    }

    pub fn has_served(&self) -> bool {
        self.served
    }

    /// What an unfinished request occupies.
    pub fn held_bytes(&self) -> usize {
        let head = if let Phase::Collect(head, _) = &self.phase { head.allocated() } else { 0 };
        self.input.buffer.allocated() + head
    }

    /// Something has arrived, perhaps the end.
    pub fn arrived(&mut self, hang_up: bool) {
        self.input.more = true;
        self.input.hang_up |= hang_up;
    }

    /// Whether something has arrived that is not served yet.
    pub fn has_input(&mut self) -> bool {
        matches!(self.input.receive(&self.link), Ok(Some(count)) if count > 0)
    }

    fn borrow_buffer(&mut self, spare: &mut Option<Buffer>) {
        if !self.input.buffer.is_allocated()
            && let Some(buffer) = spare.take()
        {
            self.input.buffer = buffer;
        }
    }

    /// Goes on with what has arrived. A request's head is left in `head`, its body in the input.
    fn advance(&mut self, head: &mut Head, shared: &Shared) -> Step {
        for _ in 0..TURN {
            if let Some(step) = self.look(head, shared.config.max_body) {
                return step;
            }
            if !self.input.more {
                return Step::Wait;
            }
            let was_idle = self.is_idle();
            match self.input.receive(&self.link) {
                Ok(None) => return Step::Wait,
                Ok(Some(0)) | Err(_) => return Step::Close, // a peer that breaks off is nothing to log
                Ok(Some(_)) => {
                    // A head's time counts from its first byte, a body's from its last progress.
                    if was_idle || !matches!(self.phase, Phase::Head) {
                        self.since = shared.clock.now();
                    }
                }
            }
        }
        Step::Yield
    }

    /// What the buffered bytes come to; `None` when more are needed.
    fn look(&mut self, head: &mut Head, max_body: u64) -> Option<Step> {
        match &mut self.phase {
            Phase::Head => self.look_for_head(head, max_body),
            Phase::Collect(kept, length) => {
                if self.input.buffer.unread().len() < *length {
                    return None;
                }
                mem::swap(head, kept);
                self.phase = Phase::Head;
                Some(Step::Request)
            }
            Phase::Discard(_) => {
                self.discard();
                if matches!(self.phase, Phase::Head) { self.look_for_head(head, max_body) } else { None }
            }
            Phase::Linger { .. } => {
                self.input.buffer.consume(usize::MAX);
                None
            }
            Phase::Over => Some(Step::Close),
        }
    }

    fn discard(&mut self) {
        while let Phase::Discard(decoder) = &mut self.phase {
            let count = match decoder.look(self.input.buffer.unread()) {
                Ok(Piece::More) => return,
                Ok(Piece::Skip(count)) => count,
                Ok(Piece::Data(count)) => {
                    decoder.took(count);
                    count
                }
                Ok(Piece::End(count)) => {
                    self.phase = Phase::Head;
                    count
                }
                // The response is out: there is nothing left to tell the peer.
                Err(_) => return self.linger(),
            };
            self.input.buffer.consume(count);
        }
    }

    fn look_for_head(&mut self, head: &mut Head, max_body: u64) -> Option<Step> {
        if self.input.buffer.is_empty() {
            return None;
        }
        match head.parse(self.input.buffer.unread(), &mut self.progress) {
            // Old clients send an empty line after a body: the connection stays idle.
            Ok(Parsed::Nothing(length)) => {
                self.input.buffer.consume(length);
                None
            }
            Ok(Parsed::Partial) => None,
            Ok(Parsed::Complete(length)) => {
                self.input.buffer.consume(length);
                match head.length {
                    BodyLength::Known(length)
                        if length <= COLLECT_LIMIT.min(max_body)
                            && !head.expects_continue
                            && self.input.buffer.unread().len() < length as usize =>
                    {
                        self.phase = Phase::Collect(Box::new(mem::take(head)), length as usize);
                        None
                    }
                    _ => Some(Step::Request),
                }
            }
            Err(reject) => Some(Step::Refuse(reject)),
        }
    }

    /// Sets the deadline of what is waited for now. One that has passed counts here, after a look
    /// that found nothing.
    fn expire(&mut self, config: &ServerConfig, now: Moment) -> Option<Step> {
        let idle = self.is_idle();
        if idle && self.deadline.is_none() && config.idle_timeout.is_none() {
            self.since = now;
            return None;
        }
        let (timeout, outcome) = match &self.phase {
            Phase::Head if idle => (config.idle_timeout, Step::Close),
            Phase::Head => (Some(config.head_timeout), Step::Refuse(Reject::HeadTimeout)),
            Phase::Collect(..) => (Some(config.body_timeout), Step::Refuse(Reject::BodyTimeout)),
            Phase::Discard(_) | Phase::Linger { .. } | Phase::Over => (Some(LINGER), Step::Close),
        };
        self.deadline = timeout.map(|timeout| self.since.after(timeout));
        if let (Phase::Linger { until }, Some(deadline)) = (&self.phase, &mut self.deadline) {
            *deadline = (*deadline).min(*until);
        }
        self.deadline.is_some_and(|deadline| deadline <= now).then_some(outcome)
    }

    /// What follows a response.
    pub fn follow(&mut self, after: After, now: Moment) {
        self.served = true;
        self.since = now;
        self.phase = match after {
            After::Next => Phase::Head,
            After::Discard(decoder) => Phase::Discard(decoder),
            After::Linger => return self.linger(),
            After::Close => Phase::Over,
        };
    }

    /// Ends the sending, and takes in what still comes so that the system does not reset the
    /// connection under the response.
    fn linger(&mut self) {
        self.link.end_sending();
        self.phase = Phase::Linger { until: self.since.after(LINGER_ALL) };
        self.input.more = true;
    }

    /// Tells the peer what it did wrong, as far as it takes that without delay.
    pub fn refuse(mut self: Box<Self>, worker: &mut Worker<'_>, reject: Reject) -> Box<Connection> {
        let out = &mut worker.out;
        out.clear();
        let body = reject.reason();
        let framing = Framing::Length(body.len() as u64 + 1);
        let fields = b"content-type: text/plain; charset=utf-8\r\n";
        encode_head(out, reject.status(), framing, Persistence::Close, worker.date.now(), [fields, b""]);
        out.extend_from_slice(body.as_bytes());
        out.push(b'\n');
        let _ = self.link.send(&[IoSlice::new(out)]); // a peer that does not take it goes without
        self.follow(After::Linger, worker.shared.clock.now());
        self
    }
}

/// A body worth waiting for after its response has been sent. How long a chunked one is shows too late to announce the
/// close, and one that is not announced fails the client's next request: it is taken in whole.
pub(crate) fn is_worth_discarding(decoder: &BodyDecoder) -> bool {
    decoder.known_left().is_none_or(|left| left <= DISCARD_LIMIT)
}

const _: () = assert!(COLLECT_LIMIT <= MAX_HEAD as u64, "a buffer that holds a head holds a collected body");
