//! Why does a call get no instance? As data; what its caller is answered with is not known here.

use std::fmt;

use super::queue::MAX_WAITING;
use crate::instance::{IgnoresPort, NotStarted};

#[derive(Clone, Debug, PartialEq)]
pub enum Unavailable {
    NotStarted(NotStarted),
    /// The Initializer failed or timed out, as the message says.
    NotInitialized(String),
    NoRoom(NoRoom),
    /// Nobody waits for the instance any longer.
    CallerGone,
}

/// Why there is no place for a call now, and may be one later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// fc-local is stopping.
    Stopping,
    /// Every instance is in use, and there may be no more.
    Saturated { instances: usize, concurrency: usize, max_instances: usize },
    /// A function that opens one port only, and that one is taken by its first instance.
    OneInstance(IgnoresPort),
    /// The same, and as many wait for that one as may.
    Crowded(IgnoresPort),
}

impl From<NoRoom> for Unavailable {
    fn from(no_room: NoRoom) -> Unavailable {
        Unavailable::NoRoom(no_room)
    }
}

impl Unavailable {
    /// For the log, which has had the function's output already.
    pub fn in_the_log(&self) -> String {
        match self {
            Unavailable::NotStarted(not_started) => not_started.in_the_log(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unavailable::NotStarted(not_started) => not_started.fmt(f),
            Unavailable::NotInitialized(message) => f.write_str(message),
            Unavailable::NoRoom(no_room) => no_room.fmt(f),
            Unavailable::CallerGone => f.write_str("its caller went away"),
        }
    }
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoRoom::Stopping => f.write_str("the platform is stopping"),
            NoRoom::Saturated { instances, concurrency, max_instances } => write!(
                f,
                "all {instances} instances are saturated with {concurrency} requests each; --max-instances is {max_instances}"
            ),
            NoRoom::OneInstance(ignores) => {
                write!(f, "{ignores}, so one instance is all it can have here")
            }
            NoRoom::Crowded(_) => write!(
                f,
                "one instance is all that the function can have here, and {MAX_WAITING} calls wait for it already"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_told_what_there_is_no_room_for() {
        let ignores = || IgnoresPort::ListensAt { opened: 9000, told: 9001 };
        let ignoring = "the function ignores FC_CUSTOM_LISTEN_PORT and FC_SERVER_PORT (it listens on 9000 instead of 9001)";
        for (no_room, wanted) in [
            (NoRoom::Stopping, "the platform is stopping".to_owned()),
            (
                NoRoom::Saturated { instances: 2, concurrency: 4, max_instances: 3 },
                "all 2 instances are saturated with 4 requests each; --max-instances is 3".to_owned(),
            ),
            (NoRoom::OneInstance(ignores()), format!("{ignoring}, so one instance is all it can have here")),
            (
                NoRoom::Crowded(ignores()),
                "one instance is all that the function can have here, and 100 calls wait for it already"
                    .to_owned(),
            ),
        ] {
            assert_eq!(Unavailable::from(no_room).to_string(), wanted);
        }
    }
}
