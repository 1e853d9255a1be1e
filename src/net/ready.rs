//! The readiness set: every open connection lives in it, and exactly one worker holds a connection at a time.
//! It keeps the deadlines of those that are parked. What a connection is beside a socket that waits, is not
//! known here.

#[cfg(all(target_os = "linux", any(test, not(fc_runtime_poll))))]
mod epoll;
#[cfg(any(test, not(target_os = "linux"), fc_runtime_poll))]
mod poll;
mod selector;
mod table;

use crate::clock::{Clock, Moment, STEP, Tally};
use crate::contain::report;
use crate::net::socket::Socket;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, panicking};
use log::Level;
use rustix::fd::BorrowedFd;
use selector::Signal;
use std::io;
use std::time::Duration;
use table::{Place, Table};

pub(crate) use selector::{Key, Selector};
pub(crate) use table::Parked;

#[cfg(all(target_os = "linux", not(fc_runtime_poll)))]
pub(crate) type SystemSelector = epoll::Epoll;
#[cfg(any(not(target_os = "linux"), fc_runtime_poll))]
pub(crate) type SystemSelector = poll::Poll;

/// Eviction gives up after so many connections that are about to be served: each costs a system call under the
/// lock, and when so many have something to say, descriptors come back soon.
const MAX_SPARED: usize = 64;

/// What there is to do for whoever waited.
pub(crate) enum Ready<C> {
    /// Bytes, or the end of them, have arrived for this connection.
    Connection(Box<C>),
    /// The deadline of this connection has passed.
    Expired(Box<C>),
    /// There was nothing to do for a while.
    Idle,
    /// What there was is somebody else's, or a signal came: for whoever looks at the time, or at what has come.
    Nothing,
    /// The listener has connections, or may have descriptors again.
    Accept,
    /// The signal to stop has come.
    Stop,
    /// The set is closed: nothing will ever be ready.
    Closed,
}

/// What became of a connection that was to be parked.
pub(crate) enum Parking<C> {
    Parked,
    /// Something arrived meanwhile: it is the caller's again.
    Arrived(Box<C>),
    /// It is idle and the set is being emptied: it is the caller's, to be closed.
    Emptying(Box<C>),
}

pub(crate) struct ReadySet<C, S = SystemSelector> {
    clock: Arc<Clock>,
    /// What all parked connections may hold together; beyond it the one that waits longest is cut.
    max_held_bytes: usize,
    selector: S,
    table: Mutex<Table<C>>,
    emptied: Condvar,
    cut: Tally,
    failed_timers: Tally,
}

impl<C: Parked, S: Selector> ReadySet<C, S> {
    pub(crate) fn new(clock: Arc<Clock>, max_held_bytes: usize) -> io::Result<ReadySet<C, S>> {
        Ok(ReadySet {
            clock,
            max_held_bytes,
            selector: S::new()?,
            table: Mutex::new(Table::new()),
            emptied: Condvar::default(),
            cut: Tally::default(),
            failed_timers: Tally::default(),
        })
    }

    /// Takes a new connection in; it is reported as soon as something has arrived. Returns how many are open.
    pub(crate) fn insert(&self, socket: Arc<Socket>, connection: impl FnOnce(Key) -> C) -> io::Result<usize> {
        let mut table = self.table.lock();
        let key = table.add(socket.clone());
        let open = table.open;
        table.park(Box::new(connection(key)));
        // A start has one connection, and no deadline.
        if open > 1 {
            let _ = self.prepare_timer(&table); // tried again when it is needed
        }
        self.set_timer(table);
        if let Err(error) = self.selector.add_connection(&socket, key) {
            self.forget(key);
            return Err(error);
        }
        Ok(open)
    }

    /// Blocks until there is something to do. With `idle_after` it returns after so long at the latest.
    pub(crate) fn wait(&self, idle_after: Option<Duration>) -> io::Result<Ready<C>> {
        loop {
            let signal = self.selector.wait(idle_after)?;
            let ready = match signal {
                Signal::Connection { key, hang_up } => {
                    self.table.lock().claim(key, hang_up).map_or(Ready::Nothing, Ready::Connection)
                }
                Signal::Accept => Ready::Accept,
                Signal::Stop => Ready::Stop,
                Signal::Closed => Ready::Closed,
                Signal::Timer => self.expire().unwrap_or(Ready::Nothing),
                Signal::Idle | Signal::Interrupted if self.table.lock().is_closed => Ready::Closed,
                Signal::Idle if idle_after.is_some() => Ready::Idle,
                Signal::Idle | Signal::Interrupted => Ready::Nothing,
            };
            if !matches!(ready, Ready::Nothing) || idle_after.is_some() {
                return Ok(ready);
            }
        }
    }

    /// Parks a connection that waits for its peer, until its deadline if it has one.
    pub(crate) fn park(&self, mut connection: Box<C>) -> Parking<C> {
        let key = connection.key();
        let mut table = self.table.lock();
        if let Some(hang_up) = table.take_arrival(key) {
            connection.arrived(hang_up);
            return Parking::Arrived(connection);
        }
        if table.is_emptying && connection.is_idle() {
            return Parking::Emptying(connection);
        }
        let longest = table.deadlines.first().copied();
        let (socket, has_deadline) = (connection.socket().clone(), connection.deadline().is_some());
        table.park(connection);
        self.selector.arm_connection(&socket, key);
        let one_too_many = longest.filter(|_| table.held_bytes > self.max_held_bytes);
        if let Some((_, key)) = one_too_many {
            table.cut(key);
        }
        // The first response is out by now: whatever takes the last descriptor later has not taken this one.
        let is_timed = self.prepare_timer(&table).is_ok() & self.set_timer(table);
        if has_deadline && !is_timed {
            socket.cut(); // it would hold its descriptor for as long as its peer likes, and there is none left
        }
        if let Some(count) = one_too_many.and_then(|_| self.cut.add(&self.clock, 1)) {
            report!(Level::Warn, "unfinished requests over {} bytes: {count} cut", self.max_held_bytes);
        }
        Parking::Parked
    }

    /// Parks a connection that has more to do, behind all that are ready. Its peer has no say in when that is: it may
    /// send nothing, and take nothing. Gives it back when there is nothing to bring it back.
    pub(crate) fn requeue(&self, connection: Box<C>) -> Result<(), Box<C>> {
        let key = connection.key();
        let mut table = self.table.lock();
        table.park_as_due(connection);
        if self.set_timer(table) {
            return Ok(());
        }
        // Unless somebody else has it by now.
        self.table.lock().take(key).map_or(Ok(()), Err)
    }

    /// What a worker keeps while it holds a connection: should its thread unwind, the connection is forgotten.
    pub(crate) fn holding(&self, key: Key) -> Holding<'_, C, S> {
        Holding { set: self, key }
    }

    /// Forgets a connection that its holder closes. Returns how many are still open.
    pub(crate) fn close(&self, connection: &C) -> usize {
        self.forget(connection.key())
    }

    /// Returns how many are still open.
    fn forget(&self, key: Key) -> usize {
        let mut table = self.table.lock();
        let removed = self.remove(&mut table, key);
        let open = table.open;
        drop(table);
        drop(removed); // what belongs to a connection ends outside of the lock
        open
    }

    fn remove(&self, table: &mut Table<C>, key: Key) -> Option<(Place<C>, Arc<Socket>)> {
        let removed = table.remove(key)?;
        self.selector.forget_connection(key);
        if table.open == 0 {
            self.emptied.notify_all();
        }
        Some(removed)
    }

    /// What the timer is set for: one connection whose deadline has passed, one that is due, or the next try of
    /// accept. Sets it for the next.
    pub(crate) fn expire(&self) -> Option<Ready<C>> {
        let mut table = self.table.lock();
        table.timer = None;
        let now = self.clock.now();
        let ready = if table.accept_again.is_some_and(|again| again <= now) {
            table.accept_again = None;
            Some(Ready::Accept)
        } else {
            match table.deadlines.first().copied() {
                Some((deadline, key)) if deadline <= now => table.take(key).map(Ready::Expired),
                _ => table.take_due().map(Ready::Connection),
            }
        };
        self.set_timer(table);
        ready
    }

    /// Once the set is closed, those that wait without a timer have to see that by themselves: none is made any more.
    fn prepare_timer(&self, table: &Table<C>) -> io::Result<()> {
        if table.is_closed { Ok(()) } else { self.selector.prepare_timer() }
    }

    /// Sets the timer to the earliest deadline, or to the next look at the time, unless it comes no later anyway.
    /// Whether it will come. A log line may block, so that the lock ends before that.
    fn set_timer(&self, mut table: MutexGuard<'_, Table<C>>) -> bool {
        let first = table.deadlines.first().map(|(deadline, _)| *deadline);
        let at_once = table.has_due().then(Moment::default);
        let all = first.into_iter().chain(table.accept_again).chain(at_once);
        let Some(earliest) = all.min().filter(|_| !table.is_closed) else { return true };
        let now = self.clock.now();
        if table.timer.is_some_and(|set_to| set_to <= earliest.max(now)) {
            return true;
        }
        let earliest = earliest.clamp(now, now.plus(STEP));
        match self.selector.set_timer(earliest.since(now)) {
            Ok(()) => {
                table.timer = Some(earliest);
                true
            }
            Err(error) => {
                drop(table);
                if let Some(count) = self.failed_timers.add(&self.clock, 1) {
                    report!(Level::Warn, "cannot set a timer: {error} ({count}x)");
                }
                false
            }
        }
    }

    pub(crate) fn add_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()> {
        self.selector.add_listener(listener)
    }

    /// Reports the next connection on the listener, once.
    pub(crate) fn arm_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()> {
        self.selector.arm_listener(listener)
    }

    /// The listener is about to be closed.
    pub(crate) fn forget_listener(&self) {
        self.selector.forget_listener();
    }

    /// Reports `Accept` after a pause; false when nothing will.
    pub(crate) fn accept_later(&self, pause: Duration) -> bool {
        let mut table = self.table.lock();
        table.accept_again = Some(self.clock.now().plus(pause));
        self.set_timer(table)
    }

    pub(crate) fn add_stop(&self, pipe: BorrowedFd<'_>) -> io::Result<()> {
        self.selector.add_stop(pipe)
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.table.lock().open
    }

    /// Closes parked connections for their descriptors, in the order of their rank, but none for which
    /// something has arrived. One, or of thousands a few, so that looking for them stays cheap. Returns how
    /// many it closed.
    pub(crate) fn evict(&self) -> usize {
        let now = self.clock.now();
        let mut table = self.table.lock();
        let count = 1 + (table.open / 64).min(15);
        let (mut closed, mut spared) = (Vec::new(), Vec::new());
        while closed.len() < count && spared.len() < MAX_SPARED {
            let ranked = table.parked().filter_map(|it| Some((it.eviction_rank(now)?, it.key())));
            let Some(key) = ranked.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, key)| key) else {
                break;
            };
            match table.take(key) {
                Some(connection) if connection.socket().has_arrived() => spared.push(connection),
                connection => closed.push((connection, self.remove(&mut table, key))),
            }
        }
        for connection in spared {
            let (socket, key) = (connection.socket().clone(), connection.key());
            table.park(connection);
            self.selector.arm_connection(&socket, key);
        }
        drop(table);
        closed.len() // the sockets close here, outside of the lock
    }

    /// From now on no connection stays parked while it is idle; hands over those that are.
    pub(crate) fn begin_emptying(&self, mut take_over: impl FnMut(Box<C>)) {
        let mut table = self.table.lock();
        table.is_emptying = true;
        let idle: Vec<Key> = table.parked().filter(|it| it.is_idle()).map(Parked::key).collect();
        drop(table);
        for key in idle {
            let taken = self.table.lock().take(key);
            taken.into_iter().for_each(&mut take_over);
        }
    }

    /// Waits until no connection is open, at most `timeout`. Returns how many are.
    pub(crate) fn wait_until_empty(&self, timeout: Duration) -> usize {
        self.emptied.wait_timeout_while(self.table.lock(), timeout, |table| table.open > 0).open
    }

    /// Ends all connections, also those that are held: whoever waits for their peers gets an error.
    pub(crate) fn cut_all(&self) {
        self.table.lock().sockets().for_each(|socket| socket.cut());
    }

    /// Ends all waits, now and from now on.
    pub(crate) fn close_set(&self) {
        let mut table = self.table.lock();
        table.is_closed = true;
        self.selector.close();
    }
}

/// A worker's hold on a connection.
pub(crate) struct Holding<'a, C: Parked, S: Selector> {
    set: &'a ReadySet<C, S>,
    key: Key,
}

impl<C: Parked, S: Selector> Drop for Holding<'_, C, S> {
    fn drop(&mut self) {
        if panicking() {
            self.set.forget(self.key);
        }
    }
}

#[cfg(test)]
mod tests;
