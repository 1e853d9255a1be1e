//! Requests that are answered without the author's code: what the peer did wrong on the wire, and what only a
//! server of this platform refuses.

use crate::http1::Reject;

/// Why a request is refused: its status and a line of explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The peer's mistake.
    Malformed(Reject),
    /// The platform sends one `x-fc-control-path`: a second one is an attempt.
    ControlPath,
    /// Not the peer's doing: too much waits already.
    Overloaded,
}

impl Refusal {
    pub(crate) fn status(self) -> u16 {
        match self {
            Refusal::Malformed(reject) => reject.status(),
            Refusal::ControlPath => 400,
            Refusal::Overloaded => 503,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refusal::Malformed(reject) => reject.reason(),
            Refusal::ControlPath => "repeated x-fc-control-path",
            Refusal::Overloaded => "too many requests wait",
        }
    }

    /// The reason as the text that the peer is shown.
    pub(crate) fn body(self) -> String {
        format!("{}\n", self.reason())
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Refusal {
        Refusal::Malformed(reject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_status_and_a_reason_of_one_line() {
        for (refusal, status, reason) in [
            (Refusal::from(Reject::Target), 400, "malformed request target (RFC 9112 section 3.2)"),
            (Refusal::ControlPath, 400, "repeated x-fc-control-path"),
            (Refusal::Overloaded, 503, "too many requests wait"),
        ] {
            assert_eq!((refusal.status(), refusal.reason()), (status, reason));
            assert_eq!(refusal.body().lines().collect::<Vec<_>>(), [reason]);
        }
    }
}
