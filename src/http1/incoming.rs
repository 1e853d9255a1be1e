//! The body of the request that is being served, as far as it has arrived: read, received, or taken in
//! unread. Who waits for the rest is decided elsewhere.

use super::body::{BodyDecoder, Taken};
use super::buffer::Buffer;
use super::reject::Reject;

/// What is known of a body while its request is served.
pub(super) struct BodyState {
    pub decoder: BodyDecoder,
    /// The client waits to be asked for it (RFC 9110 section 10.1.1), and has sent nothing of it.
    pub awaits_continue: bool,
    /// What the client did wrong. Nothing more is read then.
    pub reject: Option<Reject>,
    /// The last receive took all the room that it was given: more is there.
    pub fills_its_room: bool,
}

impl BodyState {
    pub(super) fn new(decoder: BodyDecoder, awaits_continue: bool) -> BodyState {
        BodyState { decoder, awaits_continue, reject: None, fills_its_room: false }
    }
}

/// A body with the input that it lies in.
pub(crate) struct Incoming<'a> {
    pub(super) inbox: &'a mut Buffer,
    pub(super) state: &'a mut BodyState,
}

impl Incoming<'_> {
    /// Data that has arrived, into `buf`.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<Taken, Reject> {
        self.take(|data| {
            let count = data.len().min(buf.len());
            if let (Some(buf), Some(data)) = (buf.get_mut(..count), data.get(..count)) {
                buf.copy_from_slice(data);
            }
            count
        })
    }

    /// Whether a read would give something, or the end, without more having to arrive.
    #[cfg(feature = "internals")]
    pub(crate) fn has_arrived(&mut self) -> Result<bool, Reject> {
        self.take(|_| 0).map(|taken| taken != Taken::NeedsMore)
    }

    fn take(&mut self, take: impl FnOnce(&[u8]) -> usize) -> Result<Taken, Reject> {
        match self.state.reject {
            Some(reject) => Err(reject),
            None => self.state.decoder.take(self.inbox, take).map_err(|reject| self.refuse(reject)),
        }
    }

    /// Takes in all that has arrived; whether nothing is left to come. A body that was refused is not looked
    /// at again.
    pub(crate) fn discard(&mut self) -> bool {
        self.state.reject.is_some()
            || self.state.decoder.discard(self.inbox).unwrap_or_else(|reject| {
                self.refuse(reject);
                true
            })
    }

    /// Has `receive` put data right into `buf`; `None` when framing, or what has arrived already, comes first.
    pub(crate) fn receive_directly<E>(
        &mut self,
        buf: &mut [u8],
        receive: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Option<Result<usize, E>> {
        self.state.decoder.receive_directly(self.inbox, buf, receive)
    }

    /// So many bytes were received into [`Conversation::body_space`](super::Conversation::body_space).
    pub(crate) fn received(&mut self, count: usize) {
        self.state.awaits_continue &= count == 0;
        self.state.fills_its_room = self.inbox.fill(count);
    }

    /// Nothing more is read of it.
    pub(crate) fn refuse(&mut self, reject: Reject) -> Reject {
        self.state.reject = Some(reject);
        reject
    }

    pub(crate) fn reject(&self) -> Option<Reject> {
        self.state.reject
    }

    /// Whether the client waits to be asked for it; from now on it does not.
    pub(crate) fn take_awaits_continue(&mut self) -> bool {
        std::mem::take(&mut self.state.awaits_continue)
    }

    #[cfg(feature = "internals")]
    pub(crate) fn awaits_continue(&self) -> bool {
        self.state.awaits_continue
    }
}
