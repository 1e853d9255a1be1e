//! What can fail outward: toward the operator who starts the server (`Error`), and toward the
//! caller of a function that wants to name the status of its failure (`StatusError`).

use crate::date::Seconds;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a server did not start, or did not stop cleanly.
///
/// `Debug` prints the same line as `Display`, so that a `main` which returns it prints one line.
#[non_exhaustive]
pub enum Error {
    /// An option, or the variable of the environment that sets it, has a value that means nothing.
    InvalidOption {
        /// The name of the variable, or of the option where it was set in code.
        name: &'static str,
        /// What it is set to.
        value: String,
        /// What would be valid.
        expected: &'static str,
    },
    /// The address could not be listened on.
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Something the server needs from the system was refused: a descriptor, a thread, a signal handler.
    Start {
        /// What was asked for.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The server was stopped and some invocations did not end in time. Their threads go on until
    /// the function returns; their connections are cut.
    DrainTimeout {
        /// How many invocations were still running.
        running: usize,
        /// How long they had, see [`ServerConfig::drain_timeout`](crate::ServerConfig::drain_timeout).
        limit: Duration,
    },
    /// The server was stopped, and [`pre_stop`](crate::Function::pre_stop) failed or did not end in time: what it
    /// was to flush may be lost.
    PreStop {
        /// How it failed.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InvalidOption { name, value, expected } => {
                write!(f, "{name}={value:?}: expected {expected}")
            }
            Error::Bind { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Error::Start { what, source } => write!(f, "cannot start: {what}: {source}"),
            Error::DrainTimeout { running, limit } => {
                write!(f, "stopped with {running} invocations still running after {}", Seconds(*limit))
            }
            Error::PreStop { message } => write!(f, "pre_stop: {message}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Bind { source, .. } | Error::Start { source, .. } => Some(source),
            Error::InvalidOption { .. } | Error::DrainTimeout { .. } | Error::PreStop { .. } => None,
        }
    }
}

/// A failure with a status of its own, and a message that any caller may read.
///
/// Returned from `invoke`, it decides the status of the response to an HTTP call; other errors give 500, and
/// tell an HTTP client nothing but the request id. Below 500 it is an answer like any other ("there is no such
/// order"), and the platform does not count the invocation as failed. An event fails by any error.
/// Returned from `initialize`, 400 and 404 ask the platform to try again on this instance, 500 to restart it
/// (Function Compute's page on instance lifecycle hooks). It keeps its effect under
/// `anyhow::Context`, whose text the client is then shown before the message.
///
/// ```
/// # use fc_runtime::{Context, Request, Response, StatusError};
/// fn invoke(_: &Context, request: Request<'_>) -> anyhow::Result<Response> {
///     match request.path() {
///         "/orders/7" => Ok("order 7".into()),
///         path => Err(StatusError::new(404, format!("no such order: {path}")).into()),
///     }
/// }
/// # use fc_runtime::testing::Call;
/// let response = Call::http("GET", "/orders/8").send(&invoke);
/// assert_eq!((response.status(), response.header("x-fc-status")), (404, Some("200")));
/// assert!(response.text().contains("no such order: /orders/8"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusError {
    status: u16,
    message: String,
}

impl StatusError {
    /// A failure with a `status` from 400 to 599; any other counts as 500.
    pub fn new(status: u16, message: impl Into<String>) -> StatusError {
        let status = if (400..600).contains(&status) { status } else { 500 };
        StatusError { status, message: message.into() }
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StatusError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_one_line_that_names_the_thing() {
        let address = SocketAddr::from(([0, 0, 0, 0], 9000));
        let source = || io::Error::from(io::ErrorKind::AddrInUse);
        for (error, parts) in [
            (
                Error::InvalidOption { name: "PORT", value: "x\n".into(), expected: "a port" },
                ["PORT", "\"x\\n\": expected a port"],
            ),
            (Error::Bind { address, source: source() }, ["0.0.0.0:9000", "in use"]),
            (Error::Start { what: "epoll", source: source() }, ["epoll", "in use"]),
            (Error::DrainTimeout { running: 3, limit: Duration::from_secs(25) }, ["3 invocations", "25 s"]),
            (Error::PreStop { message: "row 7".into() }, ["pre_stop", "row 7"]),
        ] {
            let line = error.to_string();
            assert_eq!(line, format!("{error:?}"));
            assert!(parts.iter().all(|part| line.contains(part)) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn a_status_that_is_no_failure_counts_as_500() {
        for (given, status) in [(404, 404), (599, 599), (200, 500), (0, 500), (600, 500)] {
            assert_eq!(StatusError::new(given, "").status(), status);
        }
    }
}
