//! What the platform and a caller are told of an outcome: the status, the platform's own field, and the JSON of a
//! failure. Who is told what is decided here alone.

use crate::platform::failure::{Cause, Failure};
use crate::platform::route::Hook;
use log::Level;

/// What the platform reads of an invocation's outcome: it counts a response without this field as a success.
pub(crate) const FC_STATUS_OK: &[u8] = b"x-fc-status: 200\r\n";
pub(crate) const FC_STATUS_FAILED: &[u8] = b"x-fc-status: 404\r\n";

/// The type of a failure's body.
pub(crate) const JSON: &[u8] = b"content-type: application/json\r\n";

/// Whose call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The platform, which asked for a hook.
    Platform(Hook),
    /// Who sent an event: it is the author's own.
    Event,
    /// An HTTP client, who may be anyone.
    HttpClient,
}

impl Failure {
    /// The status of the response. The platform retries an Initializer by it: 400 and 404 on this instance,
    /// 500 on a new one. An event's caller is given the body alone.
    pub(crate) fn status_for(&self, caller: Caller) -> u16 {
        match caller {
            Caller::Platform(Hook::Initialize) | Caller::HttpClient => self.status.unwrap_or(500),
            Caller::Platform(Hook::PreStop | Hook::PreFreeze) | Caller::Event => 404,
        }
    }

    /// Whether it is an answer that the author gave an HTTP client by a status below 500: "not found" is no
    /// failure of the function.
    pub(crate) fn is_answer(&self, caller: Caller) -> bool {
        let is_clients = self.status.is_some_and(|status| status < 500);
        caller == Caller::HttpClient && self.cause == Cause::Error && is_clients
    }

    /// How and as what it is logged.
    pub(crate) fn log_line(&self, caller: Caller) -> (Level, &'static str) {
        if self.is_answer(caller) {
            (Level::Debug, "invocation answered: ")
        } else {
            (Level::Error, "invocation failed: ")
        }
    }

    /// What the platform reads of it.
    pub(crate) fn fc_status_for(&self, caller: Caller) -> &'static [u8] {
        if self.is_answer(caller) { FC_STATUS_OK } else { FC_STATUS_FAILED }
    }

    /// The body of the response. An event's caller and the platform see the author's message, an HTTP client
    /// only one that was made for it. A panic's is for the log.
    pub(crate) fn body_for(&self, caller: Caller, request_id: &str) -> String {
        let is_told = self.cause != Cause::Panic && (caller != Caller::HttpClient || self.status.is_some());
        let mut json = String::from("{\"errorMessage\":\"");
        if is_told {
            escape_json(&self.message, &mut json);
        } else {
            json.push_str("the function failed, see the log of request ");
            escape_json(request_id, &mut json);
        }
        json.push_str("\",\"errorType\":\"");
        json.push_str(match self.cause {
            Cause::Error => "FunctionError",
            Cause::Panic => "FunctionPanic",
            Cause::Initialize => "InitializationError",
            Cause::InvalidResponse => "InvalidResponse",
        });
        json.push_str("\"}");
        json
    }
}

/// RFC 8259 section 7.
fn escape_json(text: &str, json: &mut String) {
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\t' => json.push_str("\\t"),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLATFORM: Caller = Caller::Platform(Hook::Initialize);

    fn failure(cause: Cause, status: Option<u16>) -> Failure {
        Failure { cause, status, message: "the message".into() }
    }

    #[test]
    fn the_message_is_told_to_those_it_was_made_for() {
        for (cause, status, caller, is_told) in [
            (Cause::Error, None, Caller::Event, true),
            (Cause::Error, None, PLATFORM, true),
            (Cause::Error, None, Caller::HttpClient, false),
            (Cause::Error, Some(409), Caller::HttpClient, true),
            (Cause::Panic, None, Caller::Event, false),
            (Cause::Panic, None, PLATFORM, false),
            (Cause::Panic, Some(409), Caller::HttpClient, false),
            (Cause::InvalidResponse, None, Caller::HttpClient, false),
        ] {
            let body = failure(cause, status).body_for(caller, "id-1");
            assert_eq!(body.contains("the message"), is_told, "{cause:?} {caller:?}: {body}");
            assert_eq!(body.contains("id-1"), !is_told, "{cause:?} {caller:?}: {body}");
        }
    }

    #[test]
    fn the_status_is_the_errors_own_where_it_means_something() {
        for (caller, own, without) in [
            (PLATFORM, 409, 500),
            (Caller::HttpClient, 409, 500),
            (Caller::Event, 404, 404),
            (Caller::Platform(Hook::PreStop), 404, 404),
        ] {
            assert_eq!(failure(Cause::Error, Some(409)).status_for(caller), own, "{caller:?}");
            assert_eq!(failure(Cause::Error, None).status_for(caller), without, "{caller:?}");
        }
    }

    #[test]
    fn only_a_status_below_500_that_invoke_gave_an_http_client_is_an_answer() {
        for (cause, status, caller, is_answer) in [
            (Cause::Error, Some(404), Caller::HttpClient, true),
            (Cause::Error, Some(499), Caller::HttpClient, true),
            (Cause::Error, Some(500), Caller::HttpClient, false),
            (Cause::Error, None, Caller::HttpClient, false),
            (Cause::Error, Some(404), Caller::Event, false),
            (Cause::Initialize, Some(404), Caller::HttpClient, false),
            (Cause::Panic, None, Caller::HttpClient, false),
            (Cause::InvalidResponse, None, Caller::HttpClient, false),
        ] {
            let failure = failure(cause, status);
            assert_eq!(failure.is_answer(caller), is_answer, "{cause:?} {status:?} {caller:?}");
            assert_eq!(failure.fc_status_for(caller) == FC_STATUS_OK, is_answer);
        }
    }

    #[test]
    fn what_json_cannot_hold_is_escaped() {
        let failure = Failure { message: "a\"b\\c\nd\te\u{1}".into(), ..failure(Cause::Error, None) };
        let expected = r#"{"errorMessage":"a\"b\\c\nd\te\u0001","errorType":"FunctionError"}"#;
        assert_eq!(failure.body_for(Caller::Event, ""), expected);
    }
}
