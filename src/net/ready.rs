//! The readiness set: every open connection lives in it, and exactly one worker holds a connection
//! at a time. Keeps the deadlines of those that wait. What a connection does is not known here.

#[cfg_attr(any(not(target_os = "linux"), fc_runtime_poll), path = "ready/poll.rs")]
#[cfg_attr(all(target_os = "linux", not(fc_runtime_poll)), path = "ready/epoll.rs")]
mod selector;
mod table;

use crate::clock::{Clock, Moment, STEP};
use crate::net::socket::Link;
use crate::serve::connection::Connection;
use rustix::fd::AsFd;
use selector::Selector;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::{Place, Slot, Table};

/// A client that has connected so recently is about to send.
const NEWCOMER: Duration = Duration::from_millis(100);

/// Names a connection; one that is closed is never mistaken for the next one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    fn token(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    fn of_token(token: u64) -> Key {
        Key { index: token as u32, generation: (token >> 32) as u32 }
    }
}

/// What a selector reports.
enum Signal {
    Connection { key: Key, hang_up: bool },
    Accept,
    Stop,
    Timer,
    Closed,
}

/// What there is to do for whoever waited.
pub(crate) enum Ready {
    /// Bytes, or the end of them, have arrived for this connection.
    Connection(Box<Connection>),
    /// The deadline of this connection has passed.
    Expired(Box<Connection>),
    /// The listener has connections, or may have descriptors again.
    Accept,
    /// The signal to stop has come.
    Stop,
    /// The set is closed: nothing will ever be ready.
    Closed,
}

/// What became of a connection that was put back.
pub(crate) enum PutBack {
    Parked,
    /// Something arrived meanwhile: it is the caller's again.
    Again(Box<Connection>),
    /// It is idle and the server is stopping: it is the caller's, to be closed.
    Stopping(Box<Connection>),
}

/// Those who look for descriptors give up after so many connections that are about to be served.
const MAX_SPARED: usize = 64;

pub(crate) struct ReadySet {
    selector: Selector,
    table: Mutex<Table>,
    emptied: Condvar,
}

impl ReadySet {
    pub fn new() -> io::Result<ReadySet> {
        Ok(ReadySet {
            selector: Selector::new()?,
            table: Mutex::new(Table::default()),
            emptied: Condvar::new(),
        })
    }

    /// Takes a new connection in; it is reported as soon as something has arrived. Returns how
    /// many are open.
    pub fn insert(&self, link: Arc<Link>, connection: impl FnOnce(Key) -> Connection) -> io::Result<usize> {
        let mut table = self.lock();
        let index = match table.free.pop() {
            Some(index) => index,
            None => {
                table.slots.push(Slot { generation: 0, link: None, place: Place::Free });
                table.slots.len() as u32 - 1
            }
        };
        table.open += 1;
        let open = table.open;
        if open > 1
            && let Err(error) = self.selector.make_timer()
        {
            log::warn!("cannot make a timer: {error}");
        }
        let slot = &mut table.slots[index as usize];
        let key = Key { index, generation: slot.generation };
        slot.place = Place::Parked(Box::new(connection(key)));
        slot.link = Some(link.clone());
        drop(table);
        if let Err(error) = self.selector.add_connection(&link, key) {
            drop(self.release(&mut self.lock(), key));
            return Err(error);
        }
        Ok(open)
    }

    /// Blocks until there is something to do.
    pub fn wait(&self, clock: &Clock) -> io::Result<Ready> {
        loop {
            match self.selector.wait()? {
                Signal::Connection { key, hang_up } => {
                    if let Some(connection) = self.claim(key, hang_up) {
                        return Ok(Ready::Connection(connection));
                    }
                }
                Signal::Accept => return Ok(Ready::Accept),
                Signal::Stop => return Ok(Ready::Stop),
                Signal::Closed => return Ok(Ready::Closed),
                Signal::Timer => {
                    if let Some(ready) = self.expire(clock) {
                        return Ok(ready);
                    }
                }
            }
        }
    }

    fn claim(&self, key: Key, hang_up: bool) -> Option<Box<Connection>> {
        let mut table = self.lock();
        match &mut table.slot(key)?.place {
            Place::Parked(_) => {
                let mut connection = table.take(key)?;
                connection.arrived(hang_up);
                Some(connection)
            }
            Place::Held { arrived, hang_up: hung_up } => {
                *arrived = true;
                *hung_up |= hang_up;
                None
            }
            Place::Free => None,
        }
    }

    /// Puts a connection back that waits for its peer, until its deadline if it has one. What the
    /// unfinished requests of all of them hold is limited: beyond it the one that waits longest is cut.
    pub fn put_back(&self, mut connection: Box<Connection>, clock: &Clock, limit: usize) -> PutBack {
        let key = connection.key();
        let mut table = self.lock();
        let stopping = table.stopping;
        let Some(slot) = table.slot(key) else { return PutBack::Stopping(connection) };
        if let Place::Held { arrived: arrived @ true, hang_up } = &mut slot.place {
            *arrived = false;
            connection.arrived(*hang_up);
            return PutBack::Again(connection);
        }
        if stopping && connection.is_idle() {
            return PutBack::Stopping(connection);
        }
        let longest = table.deadlines.first().copied();
        let link = connection.link.clone();
        table.park(connection);
        self.selector.arm_connection(&link, key);
        self.arm(&mut table, clock);
        if table.held_bytes > limit
            && let Some((_, key)) = longest
        {
            log::warn!("unfinished requests hold over {limit} bytes: the oldest one is cut");
            table.cut(key);
        }
        PutBack::Parked
    }

    /// Puts a connection back that has more to do, behind all that are ready.
    pub fn put_last(&self, connection: Box<Connection>) {
        let key = connection.key();
        let mut table = self.lock();
        let link = table.slot(key).and_then(|slot| slot.link.clone());
        table.park(connection);
        drop(table);
        let Some(link) = link else { return };
        if let Err(error) = self.selector.requeue(&link, key) {
            log::error!("cannot queue a connection: {error}");
            link.cut(); // its end is reported, and then it is closed
        }
    }

    /// Forgets a connection and closes its socket. Returns how many are still open.
    pub fn close(&self, connection: Box<Connection>) -> usize {
        let mut table = self.lock();
        let released = self.release(&mut table, connection.key());
        let open = table.open;
        drop(table);
        // The sockets close here, outside of the lock.
        drop((released, connection));
        open
    }

    fn release(&self, table: &mut Table, key: Key) -> Option<(Place, Option<Arc<Link>>)> {
        let slot = table.slot(key)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.selector.forget_connection(key);
        let released = (std::mem::replace(&mut slot.place, Place::Free), slot.link.take());
        table.free.push(key.index);
        table.open -= 1;
        if table.open == 0 {
            self.emptied.notify_all();
        }
        Some(released)
    }

    /// One connection whose deadline has passed, or the next try of accept; arms the timer for the next.
    fn expire(&self, clock: &Clock) -> Option<Ready> {
        let mut table = self.lock();
        if let Some((set_to, set_at)) = table.armed.take() {
            clock.waited(set_at, set_to.since(set_at));
        }
        let now = clock.now();
        let ready = if table.accept_again.is_some_and(|again| again <= now) {
            table.accept_again = None;
            Some(Ready::Accept)
        } else {
            match table.deadlines.first().copied() {
                Some((deadline, key)) if deadline <= now => table.take(key).map(Ready::Expired),
                _ => None,
            }
        };
        self.arm(&mut table, clock);
        ready
    }

    /// Sets the timer to the earliest deadline, or to the next look whether the process was frozen, unless it comes no
    /// later anyway.
    fn arm(&self, table: &mut Table, clock: &Clock) {
        let first = table.deadlines.first().map(|(deadline, _)| *deadline);
        let Some(earliest) = first.into_iter().chain(table.accept_again).min() else { return };
        if table.armed.is_some_and(|(set_to, _)| set_to <= earliest) {
            return;
        }
        let now = clock.now();
        let earliest = earliest.min(now.after(STEP));
        match self.selector.set_timer(earliest.since(now)) {
            Ok(()) => table.armed = Some((earliest, now)),
            Err(error) => log::warn!("cannot set a timer: {error}"),
        }
    }

    pub fn add_listener(&self, listener: impl AsFd) -> io::Result<()> {
        self.selector.add_listener(listener)
    }

    /// Reports the next connection on the listener, once.
    pub fn arm_listener(&self, listener: impl AsFd) -> io::Result<()> {
        self.selector.arm_listener(listener)
    }

    /// The listener is about to be closed.
    pub fn forget_listener(&self) {
        self.selector.forget_listener();
    }

    /// Reports `Accept` after a pause.
    pub fn accept_later(&self, pause: Duration, clock: &Clock) {
        let mut table = self.lock();
        table.accept_again = Some(clock.now().after(pause));
        self.arm(&mut table, clock);
    }

    pub fn add_stop(&self, socket: impl AsFd) -> io::Result<()> {
        self.selector.add_stop(socket)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.lock().open
    }

    /// Frees descriptors: of connections that never sent a whole head, the longest-silent first, then
    /// of those idle for longest, and last of those that have only just come; but none for which
    /// something has arrived. One, or of thousands a few, so that looking for them stays cheap.
    /// Returns how many it closed.
    pub fn evict(&self, now: Moment) -> usize {
        let mut table = self.lock();
        let count = 1 + (table.open / 64).min(15);
        let (mut closed, mut spared) = (Vec::new(), Vec::new());
        while closed.len() < count && spared.len() < MAX_SPARED {
            let idle = table.parked().filter(|it| it.is_idle() || it.has_asked_nothing());
            let order = |connection: &&Connection| {
                let (served, since) = (connection.has_served(), connection.idle_since());
                (!served && now.since(since) < NEWCOMER, served, since)
            };
            let Some(key) = idle.min_by_key(order).map(Connection::key) else { break };
            match table.take(key) {
                Some(connection) if connection.link.has_arrived() => spared.push(connection),
                connection => closed.push((connection, self.release(&mut table, key))),
            }
        }
        for connection in spared {
            let (link, key) = (connection.link.clone(), connection.key());
            table.park(connection);
            self.selector.arm_connection(&link, key);
        }
        drop(table);
        closed.len() // the sockets close here, outside of the lock
    }

    /// From now on no connection is left idle; hands over those that are.
    pub fn stop(&self, mut take_over: impl FnMut(Box<Connection>)) {
        let mut table = self.lock();
        table.stopping = true;
        let idle: Vec<Key> = table.parked().filter(|it| it.is_idle()).map(Connection::key).collect();
        drop(table);
        for key in idle {
            let taken = self.lock().take(key);
            taken.into_iter().for_each(&mut take_over);
        }
    }

    /// Waits until no connection is open, at most `timeout`. Returns how many are.
    pub fn wait_until_empty(&self, timeout: Duration) -> usize {
        let (table, _) = self
            .emptied
            .wait_timeout_while(self.lock(), timeout, |table| table.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        table.open
    }

    /// Ends all connections, also those that are held: whoever waits for their peers gets an error.
    pub fn cut_all(&self) -> usize {
        let table = self.lock();
        table.slots.iter().filter_map(|slot| slot.link.as_ref()).map(|link| link.cut()).count()
    }

    /// Ends all waits.
    pub fn close_set(&self) {
        if let Err(error) = self.selector.close() {
            log::error!("cannot wake the workers: {error}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
