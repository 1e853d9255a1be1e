//! A connection as the readiness set holds it: a conversation, the socket that it is held over, and perhaps a
//! request that waits for its turn. Nothing in here blocks.

use crate::clock::{Clock, Moment};
use crate::http1::{Conversation, Head, Limits, Overdue};
use crate::net::{Key, Parked, Socket};
use crate::platform::Route;
use crate::sync::Arc;
use crate::threads::Permit;
use std::io;
use std::mem;
use std::time::Duration;

/// A client that has connected so recently is about to send: it is spared when descriptors run out, and a stop
/// waits for it. A few round trips of a gateway in the same region.
pub(super) const NEWCOMER: Duration = Duration::from_millis(100);

/// A peer that is silent for so long in the middle of a request, or while it is to read its last response, goes when
/// descriptors run out and nobody is idle.
const STALLED: Duration = Duration::from_secs(1);

/// In which order connections are closed for their descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Eviction {
    NeverAsked,
    Idle,
    Stalled,
    Newcomer,
}

pub(super) struct Connection {
    key: Key,
    socket: Arc<Socket>,
    pub conversation: Conversation,
    /// The system may have more than was received so far.
    may_have_more: bool,
    /// The peer has ended its sending: what is left has to be read to the end.
    has_hung_up: bool,
    deadline: Option<Moment>,
    turn: Option<Box<Turn>>,
    /// Bytes that were received and not counted yet.
    uncounted: u64,
    /// When the last bytes of the present request's head came, or the one before it was over: in measured time.
    arrived: Moment,
}

/// What came of receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Bytes,
    /// Nothing yet.
    Nothing,
    /// The peer's end, or its reset.
    End,
}

/// A request whose head is there, and whose turn is not.
pub(super) struct PendingCall {
    pub connection: Box<Connection>,
    pub head: Head,
    pub route: Route,
}

/// A request whose turn it is: it travels in its connection to whoever runs it.
pub(super) struct Turn {
    pub head: Head,
    pub route: Route,
    /// `None` where there is no limit.
    pub permit: Option<Permit<PendingCall>>,
}

impl PendingCall {
    /// Memory that it occupies while it is queued.
    pub(super) fn held_bytes(&self) -> usize {
        self.connection.conversation.held_bytes() + self.head.allocated()
    }
}

impl Connection {
    /// One that has just been accepted, and waits for its first request.
    pub(super) fn new(key: Key, socket: Arc<Socket>, now: Moment, limits: &Limits) -> Connection {
        let conversation = Conversation::new(now);
        let deadline = conversation.patience(limits).until;
        Connection {
            key,
            socket,
            conversation,
            may_have_more: false,
            has_hung_up: false,
            deadline,
            turn: None,
            uncounted: 0,
            arrived: Moment::default(),
        }
    }

    pub(super) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Takes in what has arrived; without a system call when nothing can have.
    pub(super) fn receive(&mut self, clock: &Clock) -> Received {
        if !self.may_have_more {
            return Received::Nothing;
        }
        match self.socket.receive(self.conversation.space()) {
            Ok(None) => {
                self.may_have_more = false;
                Received::Nothing
            }
            Ok(Some(0)) | Err(_) => Received::End, // a peer that breaks off is nothing to log
            Ok(Some(count)) => {
                self.uncounted += count as u64;
                let (now, elapsed) = clock.reading();
                self.arrived = elapsed;
                let is_filled = self.conversation.received(count, now);
                // A short read has emptied the socket, unless its end is still to be read.
                self.may_have_more = is_filled || self.has_hung_up;
                Received::Bytes
            }
        }
    }

    /// Takes in what has arrived of the request's body, as [`Socket::receive`]. Nobody reads it now, so that
    /// the buffer does not grow for it.
    pub(super) fn receive_body(&mut self) -> io::Result<Option<usize>> {
        let received = self.socket.receive(self.conversation.space())?;
        if let Some(count) = received {
            self.body_received(count);
        }
        Ok(received)
    }

    /// So many bytes of the body were received into its space. Whether more is there is not worth a system
    /// call now: the next look finds out.
    pub(super) fn body_received(&mut self, count: usize) {
        self.conversation.incoming().received(count);
        self.uncounted += count as u64;
        self.may_have_more = true;
    }

    /// As [`body_received`](Self::body_received), for bytes that `receive` puts right into `buf`; `None` when others
    /// come first.
    pub(super) fn receive_body_directly(
        &mut self,
        buf: &mut [u8],
        receive: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Option<io::Result<usize>> {
        let received = self.conversation.incoming().receive_directly(buf, receive)?;
        self.may_have_more |= received.is_ok();
        self.uncounted += received.as_ref().map_or(0, |count| *count as u64);
        Some(received)
    }

    /// How long the request took that is over at `over`. The next one is there by then at the earliest.
    pub(super) fn took(&mut self, over: Moment) -> Duration {
        over.since(mem::replace(&mut self.arrived, over))
    }

    /// How many bytes were received since this was last asked.
    pub(super) fn take_uncounted(&mut self) -> u64 {
        mem::take(&mut self.uncounted)
    }

    /// Ends the sending. What the peer still sends is looked for, so that the system does not reset the
    /// connection under the last response.
    pub(super) fn end_sending(&mut self) {
        self.socket.end_sending();
        self.may_have_more = true;
    }

    /// Something may have arrived of which nobody was told: the last look before its time is up, or before a
    /// stop.
    pub(super) fn look_again(&mut self) {
        self.may_have_more = true;
    }

    /// It waits for a worker, and for nothing of its peer's. What it is to run first is `turn`, if it has one.
    pub(super) fn wait_for_worker(&mut self, turn: Option<Turn>) {
        self.deadline = None;
        self.turn = turn.map(Box::new);
    }

    pub(super) fn take_turn(&mut self) -> Option<Turn> {
        self.turn.take().map(|turn| *turn)
    }

    /// Sets the deadline of what is waited for; what follows at once when that has passed.
    pub(super) fn begin_waiting(&mut self, limits: &Limits, clock: &Clock) -> Option<Overdue> {
        let patience = self.conversation.patience(limits);
        self.deadline = patience.until;
        patience.until.is_some_and(|until| until <= clock.now()).then_some(patience.then)
    }
}

impl Parked for Connection {
    /// Those that never sent a whole head first, then idle ones, then those that have stopped in the middle of
    /// something, newcomers last; of each the longest silent first.
    type Rank = (Eviction, Moment);

    fn key(&self) -> Key {
        self.key
    }

    fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    fn held_bytes(&self) -> usize {
        self.conversation.held_bytes()
    }

    fn is_idle(&self) -> bool {
        self.conversation.is_idle()
    }

    fn eviction_rank(&self, now: Moment) -> Option<Self::Rank> {
        let Connection { conversation, .. } = self;
        let (has_served, since) = (conversation.has_served(), conversation.since());
        let eviction = if conversation.is_idle() || conversation.has_asked_nothing() {
            match now.since(since) < NEWCOMER {
                _ if has_served => Eviction::Idle,
                true => Eviction::Newcomer,
                false => Eviction::NeverAsked,
            }
        } else if conversation.stalled_since().is_some_and(|since| now.since(since) >= STALLED) {
            Eviction::Stalled
        } else {
            return None;
        };
        Some((eviction, since))
    }

    fn arrived(&mut self, hang_up: bool) {
        self.may_have_more = true;
        self.has_hung_up |= hang_up;
    }
}
