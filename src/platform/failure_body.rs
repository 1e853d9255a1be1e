//! What a caller is told of a failure, as JSON.

use crate::api::context::Kind;
use crate::platform::lifecycle::{Cause, Failure};

/// An event's caller and the platform see the author's message;
/// an HTTP client, who may be anyone, only one that was made for it. A panic's is for the log.
pub(crate) fn failure_json(failure: &Failure, kind: Kind, request_id: &str) -> String {
    let is_told = failure.cause != Cause::Panic && (kind != Kind::Http || failure.status.is_some());
    let mut json = String::from("{\"errorMessage\":\"");
    if is_told {
        escape_json(&failure.message, &mut json);
    } else {
        json.push_str("the function failed, see the log of request ");
        escape_json(request_id, &mut json);
    }
    json.push_str("\",\"errorType\":\"");
    json.push_str(match failure.cause {
        Cause::Error => "FunctionError",
        Cause::Panic => "FunctionPanic",
        Cause::Initialize => "InitializationError",
        Cause::InvalidResponse => "InvalidResponse",
    });
    json.push_str("\"}");
    json
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
