//! Why is there no reply? What a caller is told of it is not known here.

use std::fmt;
use std::io::{self, ErrorKind};

#[derive(Debug)]
pub enum Error {
    TimedOut,
    CallerGone,
    /// The connection could not be made, or was dropped before the reply was whole.
    Dropped(io::Error),
    /// The same, after the reply had begun.
    BrokenOff(io::Error),
    /// The reply is not HTTP, or over the platform's limits.
    BadReply(String),
    /// The caller's body could not be read.
    Source(io::Error),
}

impl Error {
    /// What went wrong on a connection.
    pub fn of_connection(error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::TimedOut => Error::TimedOut,
            _ => Error::Dropped(error),
        }
    }

    /// What went wrong while the caller's body was read, by the call's deadline when that was too slow.
    pub fn of_source(error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::WouldBlock => Error::TimedOut,
            _ => Error::Source(error),
        }
    }

    /// What went wrong while a reply's body was read.
    pub fn of_body(error: io::Error) -> Error {
        match error.downcast() {
            Ok(error) => error,
            Err(error) => match error.kind() {
                ErrorKind::InvalidData | ErrorKind::FileTooLarge => Error::BadReply(error.to_string()),
                _ => Error::of_connection(error),
            },
        }
    }
}

impl std::error::Error for Error {}

/// For a reader, whose errors are the system's; [`Error::of_body`] has it back.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::TimedOut => ErrorKind::TimedOut.into(),
            Error::Dropped(error) => error,
            error => io::Error::other(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TimedOut => f.write_str("no answer in time"),
            Error::CallerGone => f.write_str("the caller went away"),
            Error::Dropped(error) | Error::BrokenOff(error) => {
                write!(f, "the connection was dropped ({error})")
            }
            Error::BadReply(what) => f.write_str(what),
            Error::Source(error) => write!(f, "the request body ended early ({error})"),
        }
    }
}
