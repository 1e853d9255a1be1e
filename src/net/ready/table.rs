//! Who is in the set, who is held by a worker, and whose time is up when.

use super::Key;
use crate::clock::Moment;
use crate::net::socket::Link;
use crate::serve::connection::Connection;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Table {
    pub slots: Vec<Slot>,
    pub free: Vec<u32>,
    pub open: usize,
    /// Bytes that parked connections hold of requests which are not complete.
    pub held_bytes: usize,
    pub deadlines: BTreeSet<(Moment, Key)>,
    /// When accept is to be tried again after it failed.
    pub accept_again: Option<Moment>,
    /// What the timer is set to, and when it was set.
    pub armed: Option<(Moment, Moment)>,
    pub stopping: bool,
}

pub(super) struct Slot {
    pub generation: u32,
    pub link: Option<Arc<Link>>,
    pub place: Place,
}

pub(super) enum Place {
    Free,
    Parked(Box<Connection>),
    /// A worker holds it; whether something arrived since, and whether the peer has hung up.
    Held {
        arrived: bool,
        hang_up: bool,
    },
}

impl Table {
    pub fn slot(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)
    }

    pub fn park(&mut self, connection: Box<Connection>) {
        let key = connection.key();
        self.held_bytes += connection.held_bytes();
        if let Some(deadline) = connection.deadline() {
            self.deadlines.insert((deadline, key));
        }
        if let Some(slot) = self.slot(key) {
            slot.place = Place::Parked(connection);
        }
    }

    pub fn take(&mut self, key: Key) -> Option<Box<Connection>> {
        let place = &mut self.slot(key)?.place;
        if !matches!(place, Place::Parked(_)) {
            return None;
        }
        let held = Place::Held { arrived: false, hang_up: false };
        let Place::Parked(connection) = std::mem::replace(place, held) else { return None };
        self.held_bytes -= connection.held_bytes();
        if let Some(deadline) = connection.deadline() {
            self.deadlines.remove(&(deadline, key));
        }
        Some(connection)
    }

    /// The peer's end is reported like any other event.
    pub fn cut(&mut self, key: Key) {
        if let Some(link) = self.slot(key).and_then(|slot| slot.link.as_ref()) {
            link.cut();
        }
    }

    pub fn parked(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().filter_map(|slot| match &slot.place {
            Place::Parked(connection) => Some(&**connection),
            Place::Free | Place::Held { .. } => None,
        })
    }
}
