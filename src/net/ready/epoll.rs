//! Linux: one epoll. Connections are edge-triggered, so that nothing has to be armed again between
//! requests; whoever holds a connection is told of an edge that came meanwhile. The deadline is a
//! timer descriptor in the same set, so that no wait needs a timeout of its own.

use super::selector::{Key, Selector, Signal};
use crate::net::socket::Socket;
use crate::sync::{Arc, OnceLock};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::time::Duration;

// Tokens that no key has: a set would need four thousand million connections for the last of them.
const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
const TIMER: u64 = u64::MAX - 2;
const CLOSE: u64 = u64::MAX - 3;

/// So often those who wait look whether the set is closed while there is no timer that would tell them: until the first
/// connection is parked, and for as long as there is no descriptor for one.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) struct Epoll {
    epoll: OwnedFd,
    /// Made when the first connection is parked or the second one comes: a start does without, and when descriptors
    /// run out it is too late. It also reports the end.
    timer: OnceLock<OwnedFd>,
}

impl Selector for Epoll {
    fn new() -> io::Result<Epoll> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Epoll { epoll, timer: OnceLock::new() })
    }

    fn add_connection(&self, socket: &Arc<Socket>, key: Key) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key.token()), flags)?)
    }

    /// An edge needs no arming.
    fn arm_connection(&self, _: &Arc<Socket>, _: Key) {}

    /// A socket leaves the set with its last descriptor.
    fn forget_connection(&self, _: Key) {}

    fn add_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ONESHOT;
        Ok(epoll::add(&self.epoll, listener, EventData::new_u64(LISTENER), flags)?)
    }

    fn arm_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ONESHOT;
        Ok(epoll::modify(&self.epoll, listener, EventData::new_u64(LISTENER), flags)?)
    }

    /// It leaves the set with its descriptor.
    fn forget_listener(&self) {}

    fn add_stop(&self, pipe: BorrowedFd<'_>) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ONESHOT;
        Ok(epoll::add(&self.epoll, pipe, EventData::new_u64(STOP), flags)?)
    }

    fn prepare_timer(&self) -> io::Result<()> {
        self.timer().map(drop)
    }

    fn set_timer(&self, delay: Duration) -> io::Result<()> {
        set(self.timer()?, delay)
    }

    /// The timer becomes one that nobody reads off, so that it wakes everyone who waits and who will.
    fn close(&self) {
        if let Some(timer) = self.timer.get() {
            // Neither takes anything of the system that a timer has not already.
            let _ = epoll::modify(&self.epoll, timer, EventData::new_u64(CLOSE), EventFlags::IN);
            let _ = set(timer, Duration::ZERO);
        }
    }

    fn wait(&self, idle_after: Option<Duration>) -> io::Result<Signal> {
        let timeout = idle_after.or_else(|| self.timer.get().is_none().then_some(LOOK));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // One event at a time: a second one would be stuck behind the first one's work.
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }];
        match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Ok(0) => return Ok(Signal::Idle),
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Signal::Interrupted),
            Err(error) => return Err(error.into()),
        }
        let [event] = events;
        // A packed field has to be copied before it is looked at.
        let (flags, data) = (event.flags, event.data);
        Ok(match data.u64() {
            LISTENER => Signal::Accept,
            STOP => Signal::Stop,
            TIMER => Signal::Timer,
            CLOSE => Signal::Closed,
            token => Signal::Connection {
                key: Key::of_token(token),
                hang_up: flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
            },
        })
    }
}

impl Epoll {
    /// Makes the timer if there is none. The caller holds the table's lock: only one is ever made.
    fn timer(&self) -> io::Result<&OwnedFd> {
        if let Some(timer) = self.timer.get() {
            return Ok(timer);
        }
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let events = EventFlags::IN | EventFlags::ET;
        epoll::add(&self.epoll, &timer, EventData::new_u64(TIMER), events)?;
        Ok(self.timer.get_or_init(|| timer))
    }
}

fn set(timer: &OwnedFd, delay: Duration) -> io::Result<()> {
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    // Zero would switch it off.
    let delay = delay.max(Duration::from_nanos(1));
    let value = Timespec { tv_sec: delay.as_secs() as i64, tv_nsec: delay.subsec_nanos().into() };
    let spec = Itimerspec { it_interval: zero, it_value: value };
    Ok(timerfd_settime(timer, TimerfdTimerFlags::empty(), &spec).map(drop)?)
}
