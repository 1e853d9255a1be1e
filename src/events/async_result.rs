//! What a destination of asynchronous invocations is sent.

use super::content::Content;
use super::loose::{Int, maybe_text};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An asynchronous invocation has ended, and its function has a destination for that.
///
/// - **Trigger**: a function as destination, MNS or RocketMQ; through EventBridge it is a
///   [`CloudEvent`](super::CloudEvent)`<AsyncResult>` with the type `fc:AsyncInvoke:succeeded` or another one. Page:
///   [asynchronous invocation](https://help.aliyun.com/zh/functioncompute/fc/user-guide/asynchronous-invocation).
/// - **Missing**: any field but `request_context`.
/// - **Delivery**: at least once. **Idempotency key**: `request_context.request_id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the result of an asynchronous invocation")]
pub struct AsyncResult {
    /// When it ended, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
    /// Which invocation it was.
    pub request_context: AsyncRequestContext,
    /// The event that it had.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub request_payload: Content,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_context: Option<AsyncResponseContext>,
    /// What the function answered.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub response_payload: Content,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Which invocation an [`AsyncResult`] is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct AsyncRequestContext {
    /// Its id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The function, as `acs:fc:REGION:ACCOUNT:functions/NAME`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// Why it ended, as `FunctionResourceExhausted`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// How often it was tried; over 1 when it was repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximate_invoke_count: Option<Int>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How the invocation of an [`AsyncResult`] ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct AsyncResponseContext {
    /// The status of the call: 200 also when the function failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<Int>,
    /// Which error it was, or empty.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub function_error: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
