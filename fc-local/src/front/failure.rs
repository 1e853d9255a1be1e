//! How a call can fail, and what its caller sees: the platform's table of errors, in one place.

use std::time::Duration;

use serde_json::json;

/// Why a call got no answer of the function's own.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The process never served: `FunctionNotStarted`, `CAExited`, `CAFileNotFound`.
    NotStarted {
        code: &'static str,
        message: String,
    },
    /// The Initializer failed or timed out.
    Initialization(String),
    TimedOut {
        after: Duration,
        memory_mb: f64,
    },
    /// The process exited or dropped the connection.
    Exited {
        after: Duration,
        memory_mb: f64,
    },
    /// What the function answered is not HTTP, or more than the platform passes on.
    BadResponse(String),
    /// The caller went away.
    ClientClosed,
    /// Every instance is saturated and there may be no more.
    Exhausted(String),
    /// The call is outside the platform's limits.
    InvalidArgument(String),
    EntityTooLarge(String),
    FunctionNotFound(String),
    VersionNotFound(String),
    AliasNotFound(String),
}

/// An answer of the platform's own.
pub struct Answer {
    pub status: u16,
    pub error_type: Option<&'static str>,
    pub body: String,
}

/// What of a failure depends on the kind of call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Event,
    Http,
}

impl Failure {
    /// fc-local itself stops.
    pub fn stopping() -> Failure {
        Failure::Exhausted("the platform is stopping".to_owned())
    }

    pub fn answer(&self, kind: Kind, request_id: &str, http_timeout_status: u16) -> Answer {
        let (status, code) = match self {
            Failure::Initialization(_) => {
                return Self::error(200, "InitializationError", self.message());
            }
            Failure::TimedOut { .. } => {
                let status = if kind == Kind::Http { http_timeout_status } else { 200 };
                return Self::error(status, "UnhandledInvocationError", self.message());
            }
            Failure::Exited { .. } => {
                let status = if kind == Kind::Http { 502 } else { 200 };
                return Self::error(status, "UnhandledInvocationError", self.message());
            }
            Failure::NotStarted { code, .. } => (412, *code),
            Failure::BadResponse(_) => (502, "BadResponse"),
            Failure::ClientClosed => (499, "ClientClosedRequest"),
            Failure::Exhausted(_) => (429, "ResourceExhausted"),
            Failure::InvalidArgument(_) => (400, "InvalidArgument"),
            Failure::EntityTooLarge(_) => (400, "EntityTooLarge"),
            Failure::FunctionNotFound(_) => (404, "FunctionNotFound"),
            Failure::VersionNotFound(_) => (404, "VersionNotFound"),
            Failure::AliasNotFound(_) => (404, "AliasNotFound"),
        };
        let body = json!({"RequestId": request_id, "Code": code, "Message": self.message()});
        Answer { status, error_type: None, body: body.to_string() }
    }

    fn error(status: u16, error_type: &'static str, message: String) -> Answer {
        let body = json!({ "errorMessage": message }).to_string();
        Answer { status, error_type: Some(error_type), body }
    }

    pub fn message(&self) -> String {
        match self {
            Failure::TimedOut { after, memory_mb } => format!(
                "Function timed out after {} seconds (maxMemoryUsage: {memory_mb:.2}MB)",
                after.as_secs()
            ),
            Failure::Exited { after, memory_mb } => format!(
                "Process exited unexpectedly before completing request (duration: {}ms, maxMemoryUsage: {memory_mb:.2}MB)",
                after.as_millis()
            ),
            Failure::ClientClosed => {
                "ClientClosedRequest (499): the client closed the connection before the response".to_owned()
            }
            Failure::FunctionNotFound(name) => format!("function '{name}' does not exist."),
            Failure::VersionNotFound(version) => format!("version '{version}' does not exist."),
            Failure::AliasNotFound(alias) => format!("alias '{alias}' does not exist."),
            Failure::NotStarted { message, .. }
            | Failure::Initialization(message)
            | Failure::BadResponse(message)
            | Failure::Exhausted(message)
            | Failure::InvalidArgument(message)
            | Failure::EntityTooLarge(message) => message.clone(),
        }
    }

    /// Whether an instance was involved, whose part of the log tells of it.
    pub fn has_instance(&self) -> bool {
        !matches!(
            self,
            Failure::Exhausted(_)
                | Failure::InvalidArgument(_)
                | Failure::EntityTooLarge(_)
                | Failure::FunctionNotFound(_)
                | Failure::VersionNotFound(_)
                | Failure::AliasNotFound(_)
        )
    }

    /// Whether the async queue tries again without counting it as an attempt.
    pub fn is_throttled(&self) -> bool {
        matches!(self, Failure::Exhausted(_))
    }
}
