//! Systems without epoll: poll over everything that is armed, by one waiting worker after the other. The
//! simplest thing that is right; authors develop on such systems, nobody serves on them.

use super::selector::{Key, Selector, Signal};
use crate::net::socket::Socket;
use crate::sync::{Arc, Mutex, sleep};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::time::Timespec;
use std::collections::BTreeMap;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::time::{Duration, Instant};

/// Until a poll is tried again that the system refuses.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct Poll {
    /// Whoever holds it polls, and hears of what is armed meanwhile; the others wait for it.
    poller: Mutex<PipeReader>,
    /// Wakes whoever polls, so that it polls what has been armed meanwhile.
    wake: PipeWriter,
    armed: Mutex<Armed>,
}

#[derive(Default)]
struct Armed {
    connections: BTreeMap<u64, Arc<Socket>>,
    /// Shared with who polls: a copy would take a descriptor, and there may be none.
    listener: Option<Arc<OwnedFd>>,
    listener_is_armed: bool,
    stop: Option<Arc<OwnedFd>>,
    timer: Option<Instant>,
    /// The connection last reported: the search goes on behind it.
    last: u64,
    closed: bool,
}

impl Selector for Poll {
    fn new() -> io::Result<Poll> {
        let (reader, wake) = io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&wake, true)?;
        Ok(Poll { poller: Mutex::new(reader), wake, armed: Mutex::default() })
    }

    fn add_connection(&self, socket: &Arc<Socket>, key: Key) -> io::Result<()> {
        self.arm_connection(socket, key);
        Ok(())
    }

    /// A connection is reported once; then it has to be armed again.
    fn arm_connection(&self, socket: &Arc<Socket>, key: Key) {
        self.change(|armed| armed.connections.insert(key.token(), socket.clone()));
    }

    fn forget_connection(&self, key: Key) {
        self.change(|armed| armed.connections.remove(&key.token()));
    }

    fn add_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()> {
        let listener = listener.try_clone_to_owned()?;
        self.change(|armed| {
            armed.listener = Some(Arc::new(listener));
            armed.listener_is_armed = true;
        });
        Ok(())
    }

    fn arm_listener(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        self.change(|armed| armed.listener_is_armed = true);
        Ok(())
    }

    /// Gives the copy of the listener up, so that closing it closes it.
    fn forget_listener(&self) {
        self.change(|armed| armed.listener = None);
    }

    fn add_stop(&self, pipe: BorrowedFd<'_>) -> io::Result<()> {
        let pipe = pipe.try_clone_to_owned()?;
        self.change(|armed| armed.stop = Some(Arc::new(pipe)));
        Ok(())
    }

    /// There is nothing to make: a poll has its own timeout.
    fn prepare_timer(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_timer(&self, delay: Duration) -> io::Result<()> {
        self.change(|armed| armed.timer = Instant::now().checked_add(delay));
        Ok(())
    }

    fn close(&self) {
        self.change(|armed| armed.closed = true);
    }

    fn wait(&self, idle_after: Option<Duration>) -> io::Result<Signal> {
        let mut reader = self.poller.lock();
        loop {
            // Emptied before what is armed is looked at: what is armed later wakes the poll.
            while matches!(reader.read(&mut [0; 64]), Ok(count) if count > 0) {}
            match self.poll_once(&reader, idle_after) {
                Ok(Some(signal)) => return Ok(signal),
                // Whoever polls next hears of what was armed meanwhile.
                Ok(None) if idle_after.is_some() => return Ok(Signal::Idle),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Signal::Interrupted),
                // The system has no memory for it, or fewer descriptors than there are (poll(2)): it may again.
                Err(_) => sleep(PAUSE),
            }
        }
    }
}

impl Poll {
    fn poll_once(&self, reader: &PipeReader, limit: Option<Duration>) -> io::Result<Option<Signal>> {
        let armed = self.armed.lock();
        if armed.closed {
            return Ok(Some(Signal::Closed));
        }
        let timer = armed.timer.map(|timer| timer.saturating_duration_since(Instant::now()));
        let timeout = timer.into_iter().chain(limit).min();
        let sockets: Vec<_> =
            armed.connections.iter().map(|(token, socket)| (*token, socket.clone())).collect();
        let last = armed.last;
        let listener = armed.listener.clone().filter(|_| armed.listener_is_armed);
        let stop = armed.stop.clone();
        drop(armed);
        let ready = poll_all(reader, listener.as_deref(), stop.as_deref(), &sockets, timeout)?;
        Ok(self.report(&ready, last))
    }

    /// The first thing that is ready, connections in turn.
    fn report(&self, ready: &Polled, last: u64) -> Option<Signal> {
        let mut armed = self.armed.lock();
        if ready.stop {
            armed.stop = None;
            return Some(Signal::Stop);
        }
        let tokens = || ready.tokens.iter().copied();
        if let Some(token) = tokens().filter(|&token| token > last).min().or_else(|| tokens().min()) {
            armed.last = token;
            armed.connections.remove(&token);
            return Some(Signal::Connection { key: Key::of_token(token), hang_up: false });
        }
        armed.last = 0;
        if ready.listener {
            armed.listener_is_armed = false;
            return Some(Signal::Accept);
        }
        // Behind all that are ready.
        let is_time = armed.timer.is_some_and(|timer| timer <= Instant::now());
        is_time.then(|| {
            armed.timer = None;
            Signal::Timer
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Armed) -> T) {
        change(&mut self.armed.lock());
        let _ = (&self.wake).write(&[0]); // a full pipe wakes as well
    }
}

/// What a poll found.
struct Polled {
    listener: bool,
    stop: bool,
    /// Of the sockets.
    tokens: Vec<u64>,
}

fn poll_all(
    reader: &PipeReader,
    listener: Option<&OwnedFd>,
    stop: Option<&OwnedFd>,
    sockets: &[(u64, Arc<Socket>)],
    timeout: Option<Duration>,
) -> io::Result<Polled> {
    let mut polled = vec![PollFd::new(reader, PollFlags::IN)];
    polled.extend(listener.map(|fd| PollFd::new(fd, PollFlags::IN)));
    polled.extend(stop.map(|fd| PollFd::new(fd, PollFlags::IN)));
    polled.extend(sockets.iter().map(|(_, socket)| PollFd::new(&**socket, PollFlags::IN)));
    let timeout =
        timeout.map(|time| Timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos() as _ });
    poll(&mut polled, timeout.as_ref())?;
    // In the order in which they were put there.
    let mut ready = polled.iter().skip(1).map(|polled| !polled.revents().is_empty());
    Ok(Polled {
        listener: listener.is_some() && ready.next() == Some(true),
        stop: stop.is_some() && ready.next() == Some(true),
        tokens: sockets.iter().zip(ready).filter_map(|((token, _), ready)| ready.then_some(*token)).collect(),
    })
}
