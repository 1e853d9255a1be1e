//! JSON in and out, as serde knows it.

use crate::api::{Request, Response, StatusError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

impl Request<'_> {
    /// The whole body as JSON (feature `json`). What a content type says of it does not matter: an event has none.
    ///
    /// ```
    /// # use fc_runtime::{Context, Request, Response};
    /// #[derive(serde::Deserialize)]
    /// struct Order { items: Vec<Item> }
    /// #[derive(serde::Deserialize)]
    /// struct Item { count: u32 }
    ///
    /// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
    ///     let order: Order = request.json()?;
    ///     Ok(Response::json(&order.items.iter().map(|item| item.count).sum::<u32>()))
    /// }
    /// # use fc_runtime::testing::Call;
    /// let refused = Call::http("POST", "/").with_body(r#"{"items":[{"count":"x"}]}"#).send(&invoke);
    /// assert_eq!(refused.status(), 400);
    /// assert!(refused.text().contains("items[0].count: invalid type: string"));
    /// ```
    ///
    /// # Errors
    /// As [`bytes`](Request::bytes), and a [`StatusError`](crate::StatusError) with 400 for what is no JSON or not a
    /// `T`: it names the path, and what was expected there.
    pub fn json<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        Ok(parse(&self.bytes()?)?)
    }
}

pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, StatusError> {
    if json.is_empty() {
        return Err(StatusError::new(400, "the body is empty: expected JSON"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    parsed.map_err(|error| message(&error.path().to_string(), error.inner())).and_then(|value| {
        deserializer.end().map_err(|error| message(WHOLE, &error))?;
        Ok(value)
    })
}

/// serde_path_to_error's path of the body as such.
const WHOLE: &str = ".";

fn message(path: &str, error: &serde_json::Error) -> StatusError {
    let path = if path == WHOLE { "the body" } else { path };
    StatusError::new(400, format!("{path}: {error}"))
}

impl Response {
    /// 200 with `value` as JSON, as `application/json` (feature `json`). A value that cannot be written (a map whose keys are no
    /// strings) makes the response a 500 and a log line. JSON that is written already is
    /// `Response::bytes(json).with_header("content-type", "application/json")`.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Response {
        match serde_json::to_vec(value) {
            Ok(json) => Response::typed(b"content-type: application/json\r\n", Cow::Owned(json)),
            Err(error) => {
                Response { fault: Some(format!("cannot write JSON: {error}")), ..Response::new(500) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        count: u32,
    }

    fn refusal(json: &str) -> String {
        let error = parse::<BTreeMap<String, Vec<Item>>>(json.as_bytes()).unwrap_err();
        error.to_string()
    }

    #[test]
    fn an_error_names_the_path_and_what_was_expected_there() {
        for (json, expected) in [
            (r#"{"a":[{"count":1},{"count":"x"}]}"#, "a[1].count: invalid type: string \"x\", expected u32"),
            (r#"{"a":[{"count":-1}]}"#, "a[0].count: invalid value: integer `-1`, expected u32"),
            (r#"{"a":[{}]}"#, "a[0]: missing field `count`"),
            (r#"{"a":[{"cuont":1}]}"#, "a[0].cuont: unknown field `cuont`, expected `count`"),
            ("[]", "the body: invalid type: sequence, expected a map"),
            ("{} x", "the body: trailing characters"),
            ("", "the body is empty: expected JSON"),
        ] {
            let refusal = refusal(json);
            assert!(refusal.starts_with(expected), "{json}: {refusal}");
        }
        let deep = "[".repeat(100_000);
        assert!(
            parse::<serde_json::Value>(deep.as_bytes()).unwrap_err().to_string().contains("recursion limit")
        );
    }

    #[test]
    fn what_cannot_be_written_is_a_fault() {
        let response = Response::json(&BTreeMap::from([((1, 2), 3)]));
        assert_eq!(response.fault().as_deref(), Some("cannot write JSON: key must be a string"));
        assert!(Response::json("text").fault().is_none());
    }
}
