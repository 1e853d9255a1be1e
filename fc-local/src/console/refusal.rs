//! Why does the console not do what it is asked? A status and a text, as JSON. What it is asked is not known here.

use fc_runtime::Response;
use serde::Serialize;
use serde_json::json;

#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub text: String,
    /// The methods of a path that does not take the request's, for the field `Allow` (RFC 9110 section 15.5.6).
    allow: Option<&'static str>,
}

impl Refusal {
    pub fn new(status: u16, text: impl Into<String>) -> Refusal {
        Refusal { status, text: text.into(), allow: None }
    }

    pub fn of_method(allow: &'static str) -> Refusal {
        Refusal { allow: Some(allow), ..Refusal::new(405, format!("this path takes {allow}")) }
    }

    pub fn response(&self) -> Response {
        let response = json(&json!({ "error": self.text })).with_status(self.status);
        match self.allow {
            Some(methods) => response.with_header("allow", methods),
            None => response,
        }
    }
}

/// A value as a response.
pub fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => Response::bytes(bytes).with_header("content-type", "application/json"),
        Err(_) => Response::new(500), // no value here has a map whose keys are none
    }
}
