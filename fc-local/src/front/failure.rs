//! How can a call fail, and what does its caller see? The platform's table of errors, in one place. Why an
//! instance failed is in `instance/failure.rs`, why there is none in `scaling/unavailable.rs`.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::instance::{NotStarted, UnexpectedExit};
use crate::log::terminal;
use crate::scaling::Unavailable;

/// Why a call gets no reply of the function's own.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    NotStarted(NotStarted),
    /// The Initializer failed or timed out.
    NotInitialized(String),
    TimedOut {
        after: Duration,
        memory_mb: f64,
    },
    Exited(UnexpectedExit),
    /// The function's reply is not HTTP, or more than the platform passes on.
    BadResponse(String),
    /// The caller went away.
    ClientClosed,
    /// StopAsyncTask called it off.
    Stopped,
    /// There is no room for the call.
    Exhausted(String),
    /// The call is outside the platform's limits.
    InvalidArgument(String),
    EntityTooLarge(String),
    /// The call comes from a web page that has no business here.
    Forbidden(String),
    FunctionNotFound(String),
    VersionNotFound(String),
    AliasNotFound(String),
    TriggerNotFound(String),
    /// With a hint, where there is one.
    AsyncTaskNotFound(String),
    AsyncTaskAlreadyExists(String),
    /// There is no custom domain of this name, or it has no route for the path.
    DomainNotFound(String),
    RouteNotFound(String),
    /// The HTTP trigger or the route takes other methods.
    MethodNotAllowed(String),
    MissingRequiredHeader(String),
    /// The API has no such path, or not for this method.
    PathNotSupported(String),
}

/// A response of the platform's own.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// The platform's name for it.
    pub code: &'static str,
    /// The same for a failure of the function's, which a header names.
    pub error_type: Option<&'static str>,
    pub body: String,
}

/// What a failure's response depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Event,
    Http,
}

impl Failure {
    /// What a caller gets. An HTTP call that timed out gets the status `http_timeout_status`.
    pub fn refusal(&self, kind: CallKind, request_id: &str, http_timeout_status: u16) -> Refusal {
        let for_kind = |http| if kind == CallKind::Http { http } else { 200 };
        match self {
            Failure::NotInitialized(_) => self.of_the_function(200, "InitializationError"),
            Failure::TimedOut { .. } => {
                self.of_the_function(for_kind(http_timeout_status), "UnhandledInvocationError")
            }
            Failure::Exited(_) => self.of_the_function(for_kind(502), "UnhandledInvocationError"),
            Failure::NotStarted(not_started) => self.of_the_system(412, code_of(not_started), request_id),
            Failure::BadResponse(_) => self.of_the_system(502, "BadResponse", request_id),
            Failure::ClientClosed => self.of_the_system(499, "ClientClosedRequest", request_id),
            Failure::Stopped => self.of_the_system(499, "AsyncTaskStopped", request_id),
            Failure::Exhausted(_) => self.of_the_system(429, "ResourceExhausted", request_id),
            Failure::InvalidArgument(_) => self.of_the_system(400, "InvalidArgument", request_id),
            Failure::EntityTooLarge(_) => self.of_the_system(400, "EntityTooLarge", request_id),
            Failure::Forbidden(_) => self.of_the_system(403, "AccessDenied", request_id),
            Failure::FunctionNotFound(_) => self.of_the_system(404, "FunctionNotFound", request_id),
            Failure::VersionNotFound(_) => self.of_the_system(404, "VersionNotFound", request_id),
            Failure::AliasNotFound(_) => self.of_the_system(404, "AliasNotFound", request_id),
            Failure::TriggerNotFound(_) => self.of_the_system(404, "TriggerNotFound", request_id),
            Failure::AsyncTaskNotFound(_) => self.of_the_system(404, "AsyncTaskNotFound", request_id),
            Failure::AsyncTaskAlreadyExists(_) => {
                self.of_the_system(409, "AsyncTaskAlreadyExists", request_id)
            }
            Failure::DomainNotFound(_) => self.of_the_system(404, "DomainNameNotFound", request_id),
            Failure::RouteNotFound(_) => self.of_the_system(404, "RouteNotFound", request_id),
            Failure::MissingRequiredHeader(_) => self.of_the_system(400, "MissingRequiredHeader", request_id),
            Failure::PathNotSupported(_) => self.of_the_system(400, "PathNotSupported", request_id),
            Failure::MethodNotAllowed(_) => {
                let refusal = self.of_the_system(403, "FCCommonError", request_id);
                Refusal { error_type: Some("FCCommonError"), ..refusal }
            }
        }
    }

    /// A failure of the function, which the platform reports in its place.
    fn of_the_function(&self, status: u16, error_type: &'static str) -> Refusal {
        let body = terminal::json(&json!({ "errorMessage": self.to_string() }), false);
        Refusal { status, code: error_type, error_type: Some(error_type), body }
    }

    fn of_the_system(&self, status: u16, code: &'static str, request_id: &str) -> Refusal {
        let body = json!({"RequestId": request_id, "Code": code, "Message": self.to_string()});
        Refusal { status, code, error_type: None, body: terminal::json(&body, false) }
    }

    /// Whether an instance was involved, whose part of the log tells of it.
    pub fn has_instance(&self) -> bool {
        !matches!(
            self,
            Failure::Exhausted(_)
                | Failure::InvalidArgument(_)
                | Failure::EntityTooLarge(_)
                | Failure::Forbidden(_)
                | Failure::FunctionNotFound(_)
                | Failure::VersionNotFound(_)
                | Failure::AliasNotFound(_)
                | Failure::TriggerNotFound(_)
                | Failure::AsyncTaskNotFound(_)
                | Failure::AsyncTaskAlreadyExists(_)
                | Failure::DomainNotFound(_)
                | Failure::RouteNotFound(_)
                | Failure::MethodNotAllowed(_)
                | Failure::MissingRequiredHeader(_)
                | Failure::PathNotSupported(_)
        )
    }

    /// The most memory that the instance took, when it was measured.
    pub fn memory_mb(&self) -> Option<f64> {
        match self {
            Failure::TimedOut { memory_mb, .. } | Failure::Exited(UnexpectedExit { memory_mb, .. }) => {
                Some(*memory_mb)
            }
            _ => None,
        }
    }
}

impl Refusal {
    /// The same for the SDKs of FC 2.0, which read other names ("Error codes").
    pub fn for_fc2(self) -> Refusal {
        let Ok(Value::Object(mut body)) = serde_json::from_str(&self.body) else { return self };
        // A task was a stateful asynchronous invocation there.
        if let Some(kind) =
            body.get("Code").and_then(Value::as_str).and_then(|code| code.strip_prefix("AsyncTask"))
        {
            let code = format!("StatefulAsyncInvocation{kind}");
            body.insert("Code".to_owned(), code.into());
        }
        for (name, fc2) in [("Code", "ErrorCode"), ("Message", "ErrorMessage")] {
            if let Some(value) = body.get(name).cloned() {
                body.insert(fc2.to_owned(), value);
            }
        }
        Refusal { body: terminal::json(&Value::Object(body), false), ..self }
    }
}

fn code_of(not_started: &NotStarted) -> &'static str {
    match not_started {
        NotStarted::CommandNotFound { .. } => "CAFileNotFound",
        NotStarted::NotSpawned { .. } | NotStarted::Exited { .. } | NotStarted::PortTaken { .. } => {
            "CAExited"
        }
        NotStarted::PortClosed { .. } | NotStarted::Unhealthy(_) => "FunctionNotStarted",
    }
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Failure {
        match unavailable {
            Unavailable::NotStarted(not_started) => Failure::NotStarted(not_started),
            Unavailable::NotInitialized(message) => Failure::NotInitialized(message),
            Unavailable::NoRoom(no_room) => Failure::Exhausted(no_room.to_string()),
            Unavailable::CallerGone => Failure::ClientClosed,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotStarted(not_started) => not_started.fmt(f),
            Failure::TimedOut { after, memory_mb } => write!(
                f,
                "Function timed out after {} seconds (maxMemoryUsage: {memory_mb:.2}MB)",
                after.as_secs()
            ),
            Failure::Exited(exit) => exit.fmt(f),
            Failure::ClientClosed => {
                f.write_str("ClientClosedRequest (499): the client closed the connection before the response")
            }
            Failure::Stopped => f.write_str("StopAsyncTask has called it off"),
            Failure::AsyncTaskNotFound(task) => write!(f, "async task {task}"),
            Failure::AsyncTaskAlreadyExists(id) => write!(f, "async task '{id}' already exists."),
            Failure::FunctionNotFound(name) => write!(f, "function '{name}' does not exist."),
            Failure::VersionNotFound(version) => write!(f, "version '{version}' does not exist."),
            Failure::AliasNotFound(alias) => write!(f, "alias '{alias}' does not exist."),
            Failure::TriggerNotFound(trigger) => write!(f, "trigger '{trigger}' does not exist."),
            Failure::NotInitialized(message)
            | Failure::BadResponse(message)
            | Failure::Exhausted(message)
            | Failure::InvalidArgument(message)
            | Failure::Forbidden(message)
            | Failure::EntityTooLarge(message)
            | Failure::DomainNotFound(message)
            | Failure::RouteNotFound(message)
            | Failure::MethodNotAllowed(message)
            | Failure::MissingRequiredHeader(message)
            | Failure::PathNotSupported(message) => f.write_str(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::NoRoom;

    const TIMEOUT_STATUS: u16 = 504;

    fn both(failure: &Failure) -> [Refusal; 2] {
        [CallKind::Event, CallKind::Http].map(|kind| failure.refusal(kind, "1-2-3-4", TIMEOUT_STATUS))
    }

    #[test]
    fn failures_of_the_function_are_reported_in_its_place() {
        let message = || "why".to_owned();
        let exit = UnexpectedExit { after: Duration::from_millis(45), memory_mb: 49.0 };
        for (failure, statuses, error_type) in [
            (Failure::NotInitialized(message()), [200, 200], "InitializationError"),
            (
                Failure::TimedOut { after: Duration::from_secs(3), memory_mb: 1.0 },
                [200, TIMEOUT_STATUS],
                "UnhandledInvocationError",
            ),
            (Failure::Exited(exit), [200, 502], "UnhandledInvocationError"),
        ] {
            let body = json!({ "errorMessage": failure.to_string() }).to_string();
            for (refusal, status) in both(&failure).into_iter().zip(statuses) {
                let code = error_type;
                let wanted = Refusal { status, code, error_type: Some(error_type), body: body.clone() };
                assert_eq!(refusal, wanted, "{failure}");
            }
            assert!(failure.has_instance());
        }
    }

    #[test]
    fn errors_of_the_system_have_a_status_and_a_code() {
        let text = || "x".to_owned();
        let not_found = NotStarted::CommandNotFound { command: text(), errno: 2, fault: None };
        for (failure, status, code) in [
            (Failure::NotStarted(not_found), 412, "CAFileNotFound"),
            (
                Failure::NotStarted(NotStarted::NotSpawned { command: text(), errno: 13, fault: None }),
                412,
                "CAExited",
            ),
            (Failure::NotStarted(NotStarted::Unhealthy(text())), 412, "FunctionNotStarted"),
            (Failure::BadResponse(text()), 502, "BadResponse"),
            (Failure::ClientClosed, 499, "ClientClosedRequest"),
            (Failure::Exhausted(text()), 429, "ResourceExhausted"),
            (Failure::InvalidArgument(text()), 400, "InvalidArgument"),
            (Failure::EntityTooLarge(text()), 400, "EntityTooLarge"),
            (Failure::Forbidden(text()), 403, "AccessDenied"),
            (Failure::FunctionNotFound(text()), 404, "FunctionNotFound"),
            (Failure::VersionNotFound(text()), 404, "VersionNotFound"),
            (Failure::AliasNotFound(text()), 404, "AliasNotFound"),
            (Failure::TriggerNotFound(text()), 404, "TriggerNotFound"),
            (Failure::DomainNotFound(text()), 404, "DomainNameNotFound"),
            (Failure::RouteNotFound(text()), 404, "RouteNotFound"),
            (Failure::MissingRequiredHeader(text()), 400, "MissingRequiredHeader"),
            (Failure::PathNotSupported(text()), 400, "PathNotSupported"),
        ] {
            let body = json!({"RequestId": "1-2-3-4", "Code": code, "Message": failure.to_string()});
            for refusal in both(&failure) {
                let wanted = Refusal { status, code, error_type: None, body: body.to_string() };
                assert_eq!(refusal, wanted, "{failure}");
            }
        }
    }

    #[test]
    fn a_method_that_is_not_taken_is_an_error_of_the_platforms_own_type() {
        for refusal in both(&Failure::MethodNotAllowed("x".to_owned())) {
            assert_eq!((refusal.status, refusal.error_type), (403, Some("FCCommonError")));
            assert!(refusal.body.contains(r#""Code":"FCCommonError""#), "{}", refusal.body);
        }
    }

    #[test]
    fn the_sdks_of_fc_2_find_the_names_that_they_read() {
        let [refusal, _] = both(&Failure::FunctionNotFound("f".to_owned()));
        let body: Value = serde_json::from_str(&refusal.for_fc2().body).expect("JSON");
        for name in ["Code", "ErrorCode"] {
            assert_eq!(body[name], "FunctionNotFound");
        }
        for name in ["Message", "ErrorMessage"] {
            assert_eq!(body[name], "function 'f' does not exist.");
        }
        let [failed, _] = both(&Failure::NotInitialized("why".to_owned()));
        assert_eq!(
            failed.body,
            Failure::NotInitialized("why".to_owned()).refusal(CallKind::Event, "", 0).for_fc2().body
        );
    }

    #[test]
    fn what_the_scaler_says_is_passed_on() {
        assert_eq!(
            Failure::from(Unavailable::from(NoRoom::Stopping)),
            Failure::Exhausted("the platform is stopping".to_owned())
        );
        let message = "its Initializer failed".to_owned();
        assert_eq!(
            Failure::from(Unavailable::NotInitialized(message.clone())),
            Failure::NotInitialized(message)
        );
    }

    #[test]
    fn a_timeout_names_seconds_and_memory() {
        let failure = Failure::TimedOut { after: Duration::from_secs(3), memory_mb: 112.236 };
        assert_eq!(failure.to_string(), "Function timed out after 3 seconds (maxMemoryUsage: 112.24MB)");
        assert_eq!((failure.memory_mb(), Failure::ClientClosed.memory_mb()), (Some(112.236), None));
    }
}
