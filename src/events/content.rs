//! The content of a message, which the trigger's settings decide the form of.

use super::read::from_json;
use crate::api::StatusError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// What a message says, in the form that the trigger's task is set to: text, JSON that is parsed already, or base64. Null, the
/// default, is left out when it is written.
///
/// ```
/// # use fc_runtime::events::Content;
/// # use serde_json::json;
/// for content in [Content(json!({ "id": 7 })), Content::from(r#"{"id":7}"#)] {
///     assert_eq!(content.json::<serde_json::Value>()?["id"], 7);
/// }
/// # anyhow::Ok(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(pub Value);

impl Content {
    /// The content where it is text.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }

    /// The content as text: parsed JSON is written again.
    pub fn to_text(&self) -> Cow<'_, str> {
        match &self.0 {
            Value::String(text) => Cow::Borrowed(text),
            value => Cow::Owned(value.to_string()),
        }
    }

    /// The content as a type of the author's, whether the task has parsed it or it is JSON in a text.
    ///
    /// # Errors
    /// A [`StatusError`] with 400 for what is no JSON or not a `T`: it names the path within the content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, StatusError> {
        from_json(self.to_text().as_bytes(), "the content")
    }

    /// The bytes of a content that the task encodes (`Binary`).
    ///
    /// # Errors
    /// A [`StatusError`] with 400 for what is no base64; null is.
    pub fn base64(&self) -> Result<Vec<u8>, StatusError> {
        match &self.0 {
            Value::Null => Ok(Vec::new()),
            Value::String(text) => decode(text, "the content"),
            value => {
                Err(StatusError::new(400, format!("the content: expected base64, found {}", kind(value))))
            }
        }
    }

    /// Whether there is none.
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

/// What JSON calls a value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

pub(super) fn decode(text: &str, what: &str) -> Result<Vec<u8>, StatusError> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| StatusError::new(400, format!("{what}: expected base64: {error}")))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

impl From<&str> for Content {
    fn from(text: &str) -> Content {
        Content(text.into())
    }
}

impl From<Value> for Content {
    fn from(value: Value) -> Content {
        Content(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_text_json_or_base64() {
        let text = Content::from("aGk=");
        assert_eq!(
            (text.as_str(), text.to_text(), text.base64().unwrap()),
            (Some("aGk="), "aGk=".into(), b"hi".to_vec())
        );
        let error =
            Content::from("{\"a\":\"x\"}").json::<std::collections::BTreeMap<String, u8>>().unwrap_err();
        assert_eq!(error.to_string(), "a: expected u8, found \"x\"");
        assert!(
            Content::from("a")
                .json::<u8>()
                .unwrap_err()
                .to_string()
                .starts_with("the content: expected value")
        );
        assert!(Content::from("!").base64().is_err() && Content::default().is_null());
        let parsed = Content(serde_json::json!({ "a": 1 })).base64().unwrap_err().to_string();
        assert_eq!(parsed, "the content: expected base64, found an object");
        assert_eq!(Content::default().base64().unwrap(), b"");
    }
}
