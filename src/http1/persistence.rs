//! May the connection live on? Asked twice of one request: when its response's head says what follows, and
//! when the response is out. Whatever has a say in it is a fact here, and nothing else decides it (RFC 9112
//! section 9).
//!
//! | fact | announced | then | reason |
//! |---|---|---|---|
//! | sending failed | persist | close | sending failed |
//! | response broken off | persist | linger | the response was broken off |
//! | request refused | close | linger | the request was refused |
//! | client closes | close | linger | the client asked for it |
//! | server stops | close | linger | the server stops |
//! | body ends with connection | close | linger | it ends the response |
//! | request body not asked for | close | linger | the body was not asked for |
//! | request body too long to discard | close | linger | too much of the body is left |
//! | request body is read by the response | persist | discard | |
//! | request body left | persist | discard | |
//! | request body of unknown length left | persist | discard | |
//! | none | persist | request | |
//!
//! A row takes precedence over those below it. What was announced to persist persists as far as it can: a
//! client that was not told of the close would send its next request into it, and fail.

use std::fmt;

/// Up to so much of an unread body of known length is taken in after the response: less than a new connection
/// costs. How long a chunked one is shows too late to announce a close, so it is taken in whole.
const MAX_DISCARDED: u64 = 64 * 1024;

/// What has a say in whether the connection lives on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `Connection: close`, or HTTP/1.0 without `keep-alive`.
    pub client_closes: bool,
    pub server_stops: bool,
    /// HTTP/1.0 knows no chunks.
    pub body_ends_with_connection: bool,
    /// The request's body was malformed, late or too long.
    pub request_refused: bool,
    pub request_body: RequestBodyLeft,
    /// What is left of the request's body may still be read while the response is written.
    pub response_reads_body: bool,
    /// The response's head is out, and its body is not going to be.
    pub response_broken_off: bool,
    pub sending_failed: bool,
}

/// What of the request's body has not been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RequestBodyLeft {
    #[default]
    None,
    /// The client waits to be asked for it: what comes next cannot be told apart from a request.
    NotAskedFor,
    Known(u64),
    Unknown,
}

/// What follows a response on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Request,
    /// The rest of the request's body comes before the next request.
    Discard,
    /// The connection ends, and the peer is to read the response first.
    Linger(CloseReason),
    /// The connection ends at once.
    Close(CloseReason),
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    SendingFailed,
    ResponseBrokenOff,
    RequestRefused,
    ClientCloses,
    ServerStops,
    BodyEndsWithConnection,
    RequestBodyNotAskedFor,
    RequestBodyTooLong,
    /// What the client owed of a request's body was not HTTP, and the response was out already.
    UnreadBodyMalformed,
    UnreadBodyTimeout,
    IdleTimeout,
    PeerCloses,
    /// There is no descriptor to come back to it by.
    Exhaustion,
    /// By an error of ours.
    NotConcluded,
}

impl Facts {
    /// Whether the response's head says that the connection lives on.
    pub(crate) fn announce(&self) -> Result<(), CloseReason> {
        if self.request_refused {
            return Err(CloseReason::RequestRefused);
        }
        if self.client_closes {
            return Err(CloseReason::ClientCloses);
        }
        if self.server_stops {
            return Err(CloseReason::ServerStops);
        }
        if self.body_ends_with_connection {
            return Err(CloseReason::BodyEndsWithConnection);
        }
        match self.request_body {
            RequestBodyLeft::NotAskedFor => Err(CloseReason::RequestBodyNotAskedFor),
            RequestBodyLeft::Known(left) if left > MAX_DISCARDED && !self.response_reads_body => {
                Err(CloseReason::RequestBodyTooLong)
            }
            RequestBodyLeft::None | RequestBodyLeft::Known(_) | RequestBodyLeft::Unknown => Ok(()),
        }
    }

    /// What follows once the response is out, of which the head has `announced` that.
    pub(crate) fn conclude(&self, announced: Result<(), CloseReason>) -> Next {
        if self.sending_failed {
            return Next::Close(CloseReason::SendingFailed);
        }
        if self.response_broken_off {
            return Next::Linger(CloseReason::ResponseBrokenOff);
        }
        if let Err(reason) = announced {
            return Next::Linger(reason);
        }
        if self.request_refused {
            return Next::Linger(CloseReason::RequestRefused);
        }
        match self.request_body {
            RequestBodyLeft::None => Next::Request,
            RequestBodyLeft::NotAskedFor => Next::Linger(CloseReason::RequestBodyNotAskedFor),
            RequestBodyLeft::Known(_) | RequestBodyLeft::Unknown => Next::Discard,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::SendingFailed => "sending failed",
            CloseReason::ResponseBrokenOff => "the response was broken off",
            CloseReason::RequestRefused => "the request was refused",
            CloseReason::ClientCloses => "the client asked for it",
            CloseReason::ServerStops => "the server stops",
            CloseReason::BodyEndsWithConnection => "it ends the response",
            CloseReason::RequestBodyNotAskedFor => "the body was not asked for",
            CloseReason::RequestBodyTooLong => "too much of the body is left",
            CloseReason::UnreadBodyMalformed => "malformed rest of the body",
            CloseReason::UnreadBodyTimeout => "no rest of the body",
            CloseReason::IdleTimeout => "idle for too long",
            CloseReason::PeerCloses => "the client has closed it",
            CloseReason::Exhaustion => "out of descriptors",
            CloseReason::NotConcluded => "not concluded",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table above, without its header.
    fn rows() -> Vec<[&'static str; 4]> {
        let lines = include_str!("persistence.rs").lines().filter_map(|line| line.strip_prefix("//! |"));
        let cells = lines.skip(2).map(|row| row.trim_end_matches('|').split('|').map(str::trim).collect());
        cells.map(|cells: Vec<_>| cells.try_into().expect("four cells")).collect()
    }

    /// What a row calls a fact.
    fn facts(name: &str) -> Facts {
        let none = Facts::default();
        let body = |request_body| Facts { request_body, ..none };
        match name {
            "sending failed" => Facts { sending_failed: true, ..none },
            "response broken off" => Facts { response_broken_off: true, ..none },
            "request refused" => Facts { request_refused: true, ..none },
            "client closes" => Facts { client_closes: true, ..none },
            "server stops" => Facts { server_stops: true, ..none },
            "body ends with connection" => Facts { body_ends_with_connection: true, ..none },
            "request body not asked for" => body(RequestBodyLeft::NotAskedFor),
            "request body too long to discard" => body(RequestBodyLeft::Known(MAX_DISCARDED + 1)),
            "request body is read by the response" => {
                Facts { response_reads_body: true, ..body(RequestBodyLeft::Known(MAX_DISCARDED + 1)) }
            }
            "request body left" => body(RequestBodyLeft::Known(MAX_DISCARDED)),
            "request body of unknown length left" => body(RequestBodyLeft::Unknown),
            "none" => none,
            other => panic!("no such fact: {other}"),
        }
    }

    /// Both facts at once, if they can be.
    fn both(one: Facts, other: Facts) -> Option<Facts> {
        let request_body = match (one.request_body, other.request_body) {
            (RequestBodyLeft::None, body) | (body, RequestBodyLeft::None) => body,
            _ => return None,
        };
        Some(Facts {
            client_closes: one.client_closes || other.client_closes,
            server_stops: one.server_stops || other.server_stops,
            body_ends_with_connection: one.body_ends_with_connection || other.body_ends_with_connection,
            request_refused: one.request_refused || other.request_refused,
            request_body,
            response_reads_body: one.response_reads_body || other.response_reads_body,
            response_broken_off: one.response_broken_off || other.response_broken_off,
            sending_failed: one.sending_failed || other.sending_failed,
        })
    }

    fn assert_is(facts: Facts, [name, announced, then, reason]: [&str; 4]) {
        let announcement = facts.announce();
        assert_eq!(if announcement.is_ok() { "persist" } else { "close" }, announced, "{name}");
        let (concluded, explained) = match facts.conclude(announcement) {
            Next::Request => ("request", String::new()),
            Next::Discard => ("discard", String::new()),
            Next::Linger(reason) => ("linger", reason.to_string()),
            Next::Close(reason) => ("close", reason.to_string()),
        };
        assert_eq!((concluded, explained.as_str()), (then, reason), "{name}");
    }

    #[test]
    fn every_fact_alone_decides_as_its_row_says() {
        let rows = rows();
        assert_eq!(rows.len(), 12);
        for row in rows {
            assert_is(facts(row[0]), row);
        }
    }

    #[test]
    fn of_two_facts_the_upper_row_says_what_follows_and_why() {
        let rows = rows();
        for (at, upper) in rows.iter().enumerate() {
            for lower in &rows[at + 1..] {
                let Some(facts) = both(facts(upper[0]), facts(lower[0])) else { continue };
                let announced = if lower[1] == "close" { "close" } else { upper[1] };
                assert_is(facts, [upper[0], announced, upper[2], upper[3]]);
            }
        }
    }

    #[test]
    fn a_body_that_turns_out_to_be_malformed_ends_a_connection_that_was_to_persist() {
        let facts = facts("request refused");
        assert_eq!(facts.conclude(Ok(())), Next::Linger(CloseReason::RequestRefused));
    }
}
