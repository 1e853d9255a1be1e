//! What object storage sends, natively and through EventBridge.

use super::loose::{Int, maybe_text, text, text_or_empty};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something happened to objects of a bucket (OSS).
///
/// - **Trigger**: OSS, native, which calls asynchronously. Through EventBridge it is a [`CloudEvent`](super::CloudEvent)`<`[`OssRecord`]`>`. Page:
///   [OSS triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/overview-of-oss-trigger).
/// - **Missing**: all but the names of bucket and object.
/// - **Delivery**: at least once, usually with one record. A multipart upload with `ObjectCreated:*` fires for each of its steps.
///   **Idempotency key**: `response_elements.request_id` with the key, or `e_tag` for a content that is to be handled once.
///
/// ```
/// use fc_runtime::events::OssEvent;
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let event: OssEvent = request.event()?;
///     for record in &event.events {
///         log::info!("{}: {}/{}", record.event_name, record.oss.bucket.name, record.oss.object.key);
///     }
///     Ok("".into())
/// }
/// # use fc_runtime::testing::Call;
/// let event = r#"{"events":[{"oss":{"bucket":{"name":"b"},"object":{"key":"a","size":"x"}}}]}"#;
/// let refused = Call::event(event).send(&invoke);
/// assert!(refused.text().contains(r#"events[0].oss.object.size: expected a number, found \"x\""#));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of a bucket")]
pub struct OssEvent {
    /// What happened, one record each.
    pub events: Vec<OssRecord>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One thing that happened to an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OssRecord {
    /// `ObjectCreated:PutObject`, `ObjectRemoved:DeleteObject` and so on. Through EventBridge the CloudEvent's type has `oss:` before it.
    #[serde(default, deserialize_with = "text_or_empty", skip_serializing_if = "String::is_empty")]
    pub event_name: String,
    /// `acs:oss`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<Time>,
    /// `1.0`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub event_version: Option<String>,
    /// The bucket and the object.
    pub oss: Oss,
    /// The bucket's region, as `cn-hangzhou`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_parameters: Option<OssRequestParameters>,
    /// How it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_elements: Option<OssResponseElements>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_identity: Option<OssUserIdentity>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The bucket and the object of an [`OssRecord`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct Oss {
    /// The bucket.
    pub bucket: OssBucket,
    /// The object.
    pub object: OssObject,
    /// `1.0`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub oss_schema_version: Option<String>,
    /// The rule that fired; not through EventBridge.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// Variables of an upload with a callback, as `x:name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_vars: Option<Map<String, Value>>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OssBucket {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// `acs:oss:REGION:ACCOUNT:NAME`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The account that owns it.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub owner_identity: Option<String>,
    /// Empty.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub virtual_bucket: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An object of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OssObject {
    /// Its name, with all its slashes.
    #[serde(deserialize_with = "text")]
    pub key: String,
    /// Its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Int>,
    /// By how many bytes the bucket's content has changed; may be negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta_size: Option<Int>,
    /// The tag of its content.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// Where an append began, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Int>,
    /// Where a download began, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_from: Option<Int>,
    /// Where a download ended, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_to: Option<Int>,
    /// Its metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_meta: Option<OssObjectMeta>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The metadata of an object; all of HTTP's fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OssObjectMeta {
    /// Its type, as `text/plain`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// What its author set, as `x-oss-meta-name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_meta: Option<Map<String, Value>>,
    /// Cache-Control.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// Content-Encoding.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// Content-Disposition.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// Content-Language.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// Expires.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Access-Control-Allow-Origin.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub access_control_allow_origin: Option<String>,
    /// Kept with the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_meta: Option<Value>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How an object's change was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OssRequestParameters {
    /// From which address.
    #[serde(
        rename = "sourceIPAddress",
        default,
        deserialize_with = "maybe_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_ip_address: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How an object's change was answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OssResponseElements {
    /// The id of the request to OSS.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Who changed an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OssUserIdentity {
    /// The account or the role.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
