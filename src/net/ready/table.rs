//! Who is parked, who is held by a worker, and whose time is up when. Nobody waits in here.

use super::selector::Key;
use crate::clock::Moment;
use crate::net::socket::Socket;
use crate::sync::Arc;
use std::collections::{BTreeSet, VecDeque};
use std::mem;

/// What the set has to know of a connection that it holds.
pub(crate) trait Parked {
    /// The order in which parked connections are closed for their descriptors, the least first.
    type Rank: Ord;

    fn key(&self) -> Key;
    fn socket(&self) -> &Arc<Socket>;
    /// Until when it waits; the same for as long as it is parked.
    fn deadline(&self) -> Option<Moment>;
    /// Memory that it occupies while it waits; the same for as long as it is parked.
    fn held_bytes(&self) -> usize;
    /// Whether closing it loses nothing, for a set that is being emptied.
    fn is_idle(&self) -> bool;
    /// `None` when it is not to be closed for its descriptor.
    fn eviction_rank(&self, now: Moment) -> Option<Self::Rank>;
    /// Something has arrived for it, perhaps the end.
    fn arrived(&mut self, hang_up: bool);
}

pub(super) struct Table<C> {
    slots: Vec<Slot<C>>,
    free: Vec<u32>,
    pub open: usize,
    /// Memory that parked connections occupy.
    pub held_bytes: usize,
    pub deadlines: BTreeSet<(Moment, Key)>,
    /// When accept is to be tried again after it failed.
    pub accept_again: Option<Moment>,
    /// Those that have more to do: each is parked, and waits for nothing but a worker.
    due: VecDeque<Key>,
    /// What the timer is set to.
    pub timer: Option<Moment>,
    pub is_emptying: bool,
    pub is_closed: bool,
}

struct Slot<C> {
    generation: u32,
    taken: Option<(Arc<Socket>, Place<C>)>,
}

pub(super) enum Place<C> {
    Parked(Box<C>),
    /// A worker holds it; what has arrived since it does.
    Held(Option<Arrival>),
}

#[derive(Clone, Copy)]
pub(super) struct Arrival {
    hang_up: bool,
}

impl<C: Parked> Table<C> {
    pub(super) fn new() -> Table<C> {
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            open: 0,
            held_bytes: 0,
            deadlines: BTreeSet::new(),
            accept_again: None,
            due: VecDeque::new(),
            timer: None,
            is_emptying: false,
            is_closed: false,
        }
    }

    /// A place for a new connection, which the caller holds.
    pub(super) fn add(&mut self, socket: Arc<Socket>) -> Key {
        self.open += 1;
        let taken = Some((socket, Place::Held(None)));
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            slot.taken = taken;
            return Key { index, generation: slot.generation };
        }
        self.slots.push(Slot { generation: 0, taken });
        Key { index: self.slots.len() as u32 - 1, generation: 0 }
    }

    /// Empties a place for good: its key names nothing any more.
    pub(super) fn remove(&mut self, key: Key) -> Option<(Place<C>, Arc<Socket>)> {
        let slot = self.slot(key)?;
        slot.generation = slot.generation.wrapping_add(1);
        let (socket, place) = slot.taken.take()?;
        self.free.push(key.index);
        self.open -= 1;
        Some((place, socket))
    }

    pub(super) fn park(&mut self, connection: Box<C>) {
        let (key, bytes, deadline) = (connection.key(), connection.held_bytes(), connection.deadline());
        let Some(place) = self.place(key) else { return };
        *place = Place::Parked(connection);
        self.held_bytes += bytes;
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key));
        }
    }

    /// As [`park`](Self::park), for one that has more to do.
    pub(super) fn park_as_due(&mut self, mut connection: Box<C>) {
        let key = connection.key();
        if let Some(hang_up) = self.take_arrival(key) {
            connection.arrived(hang_up); // it is told once
        }
        self.due.push_back(key);
        self.park(connection);
    }

    /// Whether one of those has not been taken yet.
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The next one of those, unless something has arrived for it before its turn.
    pub(super) fn take_due(&mut self) -> Option<Box<C>> {
        while let Some(key) = self.due.pop_front() {
            let connection = self.take(key);
            if connection.is_some() {
                return connection;
            }
        }
        None
    }

    /// Takes a parked connection out of its place, for a worker to hold.
    pub(super) fn take(&mut self, key: Key) -> Option<Box<C>> {
        let place = self.place(key)?;
        let connection = match mem::replace(place, Place::Held(None)) {
            Place::Parked(connection) => connection,
            held => {
                *place = held;
                return None;
            }
        };
        self.held_bytes -= connection.held_bytes();
        if let Some(deadline) = connection.deadline() {
            self.deadlines.remove(&(deadline, key));
        }
        Some(connection)
    }

    /// Something has arrived: for whoever reports it when the connection is parked, else for the worker that
    /// holds it.
    pub(super) fn claim(&mut self, key: Key, hang_up: bool) -> Option<Box<C>> {
        if let Place::Held(arrival) = self.place(key)? {
            let hung_up = arrival.is_some_and(|arrival| arrival.hang_up);
            *arrival = Some(Arrival { hang_up: hang_up || hung_up });
            return None;
        }
        let mut connection = self.take(key)?;
        connection.arrived(hang_up);
        Some(connection)
    }

    /// What has arrived since a worker holds the connection: whether its peer has hung up.
    pub(super) fn take_arrival(&mut self, key: Key) -> Option<bool> {
        match self.place(key)? {
            Place::Held(arrival) => Some(arrival.take()?.hang_up),
            Place::Parked(_) => None,
        }
    }

    /// The peer's end is reported like any other event.
    pub(super) fn cut(&mut self, key: Key) {
        if let Some((socket, _)) = self.slot(key).and_then(|slot| slot.taken.as_ref()) {
            socket.cut();
        }
    }

    pub(super) fn parked(&self) -> impl Iterator<Item = &C> {
        self.slots.iter().filter_map(|slot| match &slot.taken {
            Some((_, Place::Parked(connection))) => Some(&**connection),
            _ => None,
        })
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = &Arc<Socket>> {
        self.slots.iter().filter_map(|slot| slot.taken.as_ref()).map(|(socket, _)| socket)
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot<C>> {
        self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)
    }

    fn place(&mut self, key: Key) -> Option<&mut Place<C>> {
        self.slot(key)?.taken.as_mut().map(|(_, place)| place)
    }
}
