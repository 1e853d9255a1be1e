//! HTTP inside of an event: what the API gateway, and the HTTP triggers of built-in runtimes, send and are answered.

use super::content::{decode, encode};
use super::loose::{Flag, Int, maybe_text, text};
use super::time::Time;
use crate::api::{Response, StatusError};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::slice;

/// A request that came through the API gateway to an event function. The answer is a [`GatewayResponse`].
///
/// - **Trigger**: API gateway, which calls synchronously. The cloud-native gateway, ALB and custom domains send plain HTTP instead. Page:
///   [API gateway triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/configure-an-api-gateway-trigger).
/// - **Missing**: all but `http_method` and `path`.
/// - **Delivery**: once, for the one who waits; the client may repeat it. **Idempotency key**: the client's own, in a header.
///
/// ```
/// use fc_runtime::events::{GatewayEvent, GatewayResponse};
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let event: GatewayEvent = request.event()?;
///     let name = event.query("name").unwrap_or("World");
///     Ok(GatewayResponse::new(200, format!("Hello, {name}!")).with_header("content-type", "text/plain").into())
/// }
/// # use fc_runtime::testing::Call;
/// let event = r#"{"httpMethod":"GET","path":"/","queryParameters":{"name":"Ada"}}"#;
/// let answer: GatewayResponse = Call::event(event).send(&invoke).json();
/// assert_eq!(answer.body.as_deref(), Some("Hello, Ada!"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of an API gateway")]
pub struct GatewayEvent {
    /// The path, as the gateway's API has it.
    #[serde(deserialize_with = "text")]
    pub path: String,
    /// The method.
    #[serde(deserialize_with = "text")]
    pub http_method: String,
    /// The headers, the gateway's own among them: [`header`](Self::header) finds one in any case.
    #[serde(default, deserialize_with = "maybe_values", skip_serializing_if = "Option::is_none")]
    pub headers: Option<Map<String, Value>>,
    /// The query, decoded.
    #[serde(default, deserialize_with = "maybe_values", skip_serializing_if = "Option::is_none")]
    pub query_parameters: Option<Map<String, Value>>,
    /// The parameters in the path.
    #[serde(default, deserialize_with = "maybe_values", skip_serializing_if = "Option::is_none")]
    pub path_parameters: Option<Map<String, Value>>,
    /// The body as it was sent: [`bytes`](Self::bytes) decodes it.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether the body is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_base64_encoded: Option<Flag>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl GatewayEvent {
    /// The value of a header, in whatever case its name is written.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.headers.as_ref()?, name)
    }

    /// The value of a parameter in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        first(self.query_parameters.as_ref()?.get(name)?)
    }

    /// The value of a parameter in the path.
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        first(self.path_parameters.as_ref()?.get(name)?)
    }

    /// The body, decoded.
    ///
    /// # Errors
    /// A [`StatusError`] with 400 for a body that is to be base64 and is not.
    pub fn bytes(&self) -> Result<Vec<u8>, StatusError> {
        bytes(self.body.as_deref(), self.is_base64_encoded)
    }
}

/// A request to an HTTP trigger, as built-in runtimes see it (payload version `v1`). The answer is a [`GatewayResponse`].
///
/// A custom runtime gets the client's own request instead: this is for code that it shares with a built-in one.
///
/// - **Trigger**: HTTP. Page:
///   [HTTP triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/http-trigger-invoking-function).
/// - **Missing**: all but `raw_path` and `request_context`.
/// - **Delivery**: once, for the one who waits. **Idempotency key**: the client's own, in a header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of an HTTP trigger")]
pub struct HttpEvent {
    /// `v1`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The path, as it was sent.
    #[serde(deserialize_with = "text")]
    pub raw_path: String,
    /// The headers; several of one name are joined by commas. [`header`](Self::header) finds one in any case.
    #[serde(default, deserialize_with = "maybe_values", skip_serializing_if = "Option::is_none")]
    pub headers: Option<Map<String, Value>>,
    /// The query, decoded.
    #[serde(default, deserialize_with = "maybe_values", skip_serializing_if = "Option::is_none")]
    pub query_parameters: Option<Map<String, Value>>,
    /// The body as it was sent: [`bytes`](Self::bytes) decodes it.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether the body is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_base64_encoded: Option<Flag>,
    /// Who asks, and when.
    pub request_context: HttpRequestContext,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl HttpEvent {
    /// The method.
    pub fn method(&self) -> Option<&str> {
        self.request_context.http.as_ref()?.method.as_deref()
    }

    /// The value of a header, in whatever case its name is written.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.headers.as_ref()?, name)
    }

    /// The value of a parameter in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        first(self.query_parameters.as_ref()?.get(name)?)
    }

    /// The body, decoded.
    ///
    /// # Errors
    /// A [`StatusError`] with 400 for a body that is to be base64 and is not.
    pub fn bytes(&self) -> Result<Vec<u8>, StatusError> {
        bytes(self.body.as_deref(), self.is_base64_encoded)
    }
}

/// Who asks, and when, in an [`HttpEvent`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct HttpRequestContext {
    /// The account of the function.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The trigger.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub trigger_id: Option<String>,
    /// The host that was asked.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    /// Its first label.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub domain_prefix: Option<String>,
    /// The request's id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// When it came, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_epoch: Option<Time>,
    /// The request line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRequestLine>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The request line of an [`HttpEvent`], and who sent it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct HttpRequestLine {
    /// The method.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `HTTP/1.1`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The client's address.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The client's User-Agent.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The answer to a [`GatewayEvent`] or an [`HttpEvent`]: JSON that the caller makes a response of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the answer to a gateway")]
pub struct GatewayResponse {
    /// The status.
    pub status_code: Int,
    /// The headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Map<String, Value>>,
    /// Whether the body is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_base64_encoded: Option<Flag>,
    /// The body.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl GatewayResponse {
    /// A response with this body; in base64 where it is no text.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> GatewayResponse {
        let (body, is_base64) = match String::from_utf8(body.into()) {
            Ok(text) => (text, false),
            Err(error) => (encode(error.as_bytes()), true),
        };
        GatewayResponse {
            status_code: i64::from(status).into(),
            headers: Some(Map::new()),
            is_base64_encoded: Some(is_base64.into()),
            body: Some(body),
            other: Map::new(),
        }
    }

    /// The same with one more header, or another value of it.
    pub fn with_header(mut self, name: &str, value: &str) -> GatewayResponse {
        self.headers.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// The body, decoded.
    ///
    /// # Errors
    /// A [`StatusError`] with 400 for a body that is to be base64 and is not.
    pub fn bytes(&self) -> Result<Vec<u8>, StatusError> {
        bytes(self.body.as_deref(), self.is_base64_encoded)
    }
}

impl From<GatewayResponse> for Response {
    fn from(response: GatewayResponse) -> Response {
        Response::json(&response)
    }
}

fn header<'a>(headers: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    first(headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?.1)
}

/// Values by their names, of which those that are numbers or booleans are text from then on.
fn maybe_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Map<String, Value>>, D::Error> {
    let mut values = Option::<Map<String, Value>>::deserialize(deserializer)?;
    for value in values.iter_mut().flat_map(Map::values_mut) {
        let all = match value {
            Value::Array(all) => all.as_mut_slice(),
            one => slice::from_mut(one),
        };
        for one in all.iter_mut().filter(|one| one.is_number() || one.is_boolean()) {
            *one = Value::String(one.to_string());
        }
    }
    Ok(values)
}

/// The text of a value, of which there may be several.
fn first(value: &Value) -> Option<&str> {
    match value {
        Value::Array(values) => values.first()?.as_str(),
        value => value.as_str(),
    }
}

fn bytes(body: Option<&str>, is_base64: Option<Flag>) -> Result<Vec<u8>, StatusError> {
    let body = body.unwrap_or_default();
    if is_base64.is_some_and(|flag| flag.value) { decode(body, "body") } else { Ok(body.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_is_decoded_as_its_flag_says_whatever_type_that_has() {
        for (is_base64, expected) in
            [(json!(true), "hi"), (json!("true"), "hi"), (json!("false"), "aGk="), (json!(null), "aGk=")]
        {
            let event =
                json!({"path": "/", "httpMethod": "GET", "body": "aGk=", "isBase64Encoded": is_base64});
            let event: GatewayEvent = serde_json::from_value(event).unwrap();
            assert_eq!(event.bytes().unwrap(), expected.as_bytes(), "{is_base64}");
        }
        let event = GatewayEvent {
            body: Some("!".into()),
            is_base64_encoded: Some(true.into()),
            ..Default::default()
        };
        assert!(event.bytes().unwrap_err().to_string().starts_with("body: expected base64"));
    }

    #[test]
    fn parameters_and_headers_are_found() {
        let event = json!({
            "path": "/", "httpMethod": "GET", "headers": {"X-A": 1, "B": ["2", "3"]}, "queryParameters": {"q": "a b", "n": true},
            "pathParameters": {"id": 7},
        });
        let event: GatewayEvent = serde_json::from_value(event).unwrap();
        assert_eq!((event.header("x-a"), event.header("b"), event.header("c")), (Some("1"), Some("2"), None));
        assert_eq!(
            (event.query("q"), event.query("Q"), event.query("n"), event.path_parameter("id")),
            (Some("a b"), None, Some("true"), Some("7"))
        );
    }

    #[test]
    fn a_body_that_is_no_text_goes_out_in_base64() {
        let text = GatewayResponse::new(201, "hä").with_header("a", "b");
        let expected = r#"{"statusCode":201,"headers":{"a":"b"},"isBase64Encoded":false,"body":"hä"}"#;
        assert_eq!(serde_json::to_string(&text).unwrap(), expected);
        let binary = GatewayResponse::new(200, [0xff]);
        assert_eq!((binary.body.as_deref(), binary.bytes().unwrap()), (Some("/w=="), vec![0xff]));
        assert!(binary.is_base64_encoded.unwrap() == true);
    }
}
