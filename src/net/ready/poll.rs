//! Systems without epoll: poll over everything that is armed, by one waiting worker after the
//! other. The simplest thing that is right; authors develop on such systems, nobody serves on them.

use super::{Key, Signal};
use crate::net::socket::Link;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(super) struct Selector {
    /// Whoever holds it polls; the others wait for it.
    turn: Mutex<PipeReader>,
    /// Wakes whoever polls, so that it polls what has been armed meanwhile.
    wake: PipeWriter,
    armed: Mutex<Armed>,
}

#[derive(Default)]
struct Armed {
    connections: BTreeMap<u64, Arc<Link>>,
    /// Those that are due without anything having arrived.
    due: VecDeque<Key>,
    listener: Option<OwnedFd>,
    listener_is_armed: bool,
    stop: Option<OwnedFd>,
    timer: Option<Instant>,
    /// The connection last reported: the search goes on behind it.
    last: u64,
    closed: bool,
}

impl Selector {
    pub fn new() -> io::Result<Selector> {
        let (reader, wake) = io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&wake, true)?;
        Ok(Selector { turn: Mutex::new(reader), wake, armed: Mutex::default() })
    }

    pub fn add_connection(&self, link: &Arc<Link>, key: Key) -> io::Result<()> {
        self.arm_connection(link, key);
        Ok(())
    }

    /// A connection is reported once; then it has to be armed again.
    pub fn arm_connection(&self, link: &Arc<Link>, key: Key) {
        self.change(|armed| armed.connections.insert(key.token(), link.clone()));
    }

    pub fn forget_connection(&self, key: Key) {
        self.change(|armed| armed.connections.remove(&key.token()));
    }

    pub fn requeue(&self, _: &Arc<Link>, key: Key) -> io::Result<()> {
        self.change(|armed| armed.due.push_back(key));
        Ok(())
    }

    pub fn add_listener(&self, listener: impl AsFd) -> io::Result<()> {
        let listener = listener.as_fd().try_clone_to_owned()?;
        self.change(|armed| {
            armed.listener = Some(listener);
            armed.listener_is_armed = true;
        });
        Ok(())
    }

    pub fn arm_listener(&self, _: impl AsFd) -> io::Result<()> {
        self.change(|armed| armed.listener_is_armed = true);
        Ok(())
    }

    /// Gives the copy of the listener up, so that closing it closes it.
    pub fn forget_listener(&self) {
        self.change(|armed| armed.listener = None);
    }

    pub fn add_stop(&self, pipe: impl AsFd) -> io::Result<()> {
        let pipe = pipe.as_fd().try_clone_to_owned()?;
        self.change(|armed| armed.stop = Some(pipe));
        Ok(())
    }

    /// There is nothing to make: a poll has its own timeout.
    pub fn make_timer(&self) -> io::Result<()> {
        Ok(())
    }

    pub fn set_timer(&self, delay: Duration) -> io::Result<()> {
        self.change(|armed| armed.timer = Instant::now().checked_add(delay));
        Ok(())
    }

    pub fn close(&self) -> io::Result<()> {
        self.change(|armed| armed.closed = true);
        Ok(())
    }

    pub fn wait(&self) -> io::Result<Signal> {
        let mut reader = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Emptied before what is armed is looked at: what is armed later wakes the poll.
            while matches!(reader.read(&mut [0; 64]), Ok(count) if count > 0) {}
            if let Some(signal) = self.poll_once(&reader)? {
                return Ok(signal);
            }
        }
    }

    fn poll_once(&self, reader: &PipeReader) -> io::Result<Option<Signal>> {
        let mut armed = self.lock();
        if armed.closed {
            return Ok(Some(Signal::Closed));
        }
        if armed.timer.is_some_and(|timer| timer <= Instant::now()) {
            armed.timer = None;
            return Ok(Some(Signal::Timer));
        }
        let timeout = match (&armed.due.is_empty(), armed.timer) {
            (false, _) => Some(Duration::ZERO),
            (true, timer) => timer.map(|timer| timer.saturating_duration_since(Instant::now())),
        };
        let links: Vec<_> = armed.connections.iter().map(|(token, link)| (*token, link.clone())).collect();
        let last = armed.last;
        let listener = armed.listener.as_ref().filter(|_| armed.listener_is_armed);
        let others = [listener, armed.stop.as_ref()].map(|fd| fd.map(|fd| fd.as_fd().try_clone_to_owned()));
        drop(armed);
        let [listener, stop] = others.map(Option::transpose);
        let (listener, stop) = (listener?, stop?);
        let ready = poll_all(reader, listener.as_ref(), stop.as_ref(), &links, timeout)?;
        Ok(self.report(&ready, &links, last))
    }

    /// The first thing that is ready, connections in turn.
    fn report(&self, ready: &Polled, links: &[(u64, Arc<Link>)], last: u64) -> Option<Signal> {
        let mut armed = self.lock();
        if ready.stop {
            armed.stop = None;
            return Some(Signal::Stop);
        }
        let next = ready.links.iter().copied().filter(|&at| links[at].0 > last).min();
        if let Some(at) = next.or_else(|| ready.links.iter().copied().min()) {
            let token = links[at].0;
            armed.last = token;
            armed.connections.remove(&token);
            return Some(Signal::Connection { key: Key::of_token(token), hang_up: false });
        }
        armed.last = 0;
        if ready.listener {
            armed.listener_is_armed = false;
            return Some(Signal::Accept);
        }
        let key = armed.due.pop_front()?;
        Some(Signal::Connection { key, hang_up: false })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Armed) -> T) {
        change(&mut self.lock());
        let _ = (&self.wake).write(&[0]); // a full pipe wakes as well
    }

    fn lock(&self) -> MutexGuard<'_, Armed> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a poll found.
struct Polled {
    listener: bool,
    stop: bool,
    links: Vec<usize>,
}

fn poll_all(
    reader: &PipeReader,
    listener: Option<&OwnedFd>,
    stop: Option<&OwnedFd>,
    links: &[(u64, Arc<Link>)],
    timeout: Option<Duration>,
) -> io::Result<Polled> {
    let mut polled = vec![PollFd::new(reader, PollFlags::IN)];
    polled.extend(listener.map(|fd| PollFd::new(fd, PollFlags::IN)));
    polled.extend(stop.map(|fd| PollFd::new(fd, PollFlags::IN)));
    let first = polled.len();
    polled.extend(links.iter().map(|(_, link)| PollFd::new(link.socket(), PollFlags::IN)));
    let timeout =
        timeout.map(|time| Timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos() as _ });
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_ready = |at: usize| !polled[at].revents().is_empty();
    let has_listener = listener.is_some();
    Ok(Polled {
        listener: has_listener && is_ready(1),
        stop: stop.is_some() && is_ready(1 + usize::from(has_listener)),
        links: (0..links.len()).filter(|at| is_ready(first + at)).collect(),
    })
}
