//! What RocketMQ sends, the vendor's and one's own.

use super::content::Content;
use super::loose::{Flag, Int, maybe_text, text_or_empty};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message of RocketMQ, in a [`Batch`](super::Batch).
///
/// - **Trigger**: ApsaraMQ for RocketMQ, with an envelope
///   ([page](https://help.aliyun.com/zh/functioncompute/fc/user-guide/apsaramq-for-rocketmq-triggers)), and a cluster of one's own, without one
///   ([page](https://help.aliyun.com/zh/functioncompute/fc/user-guide/self-managed-apache-rocketmq-triggers)).
/// - **Missing**: any field.
/// - **Delivery**: at least once, in batches. **Idempotency key**: `system_properties.uniq_key`, or `msg_id` on a cluster of one's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a message of RocketMQ")]
pub struct RocketMqMessage {
    /// The message's id; only on a cluster of one's own.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub msg_id: Option<String>,
    /// The topic.
    #[serde(default, deserialize_with = "text_or_empty", skip_serializing_if = "String::is_empty")]
    pub topic: String,
    /// What RocketMQ says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_properties: Option<RocketMqProperties>,
    /// What its sender says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_properties: Option<Map<String, Value>>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub body: Content,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What RocketMQ says of a message. The numbers are sent as text or as numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", expecting = "an object")]
pub struct RocketMqProperties {
    /// The first position of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_offset: Option<Int>,
    /// The last position of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_offset: Option<Int>,
    /// Whether it is traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_on: Option<Flag>,
    /// The region from which it was sent.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub msg_region: Option<String>,
    /// Its keys.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// Its tags.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// When it was taken from the queue, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consume_start_time: Option<Time>,
    /// The instance.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The message's id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub uniq_key: Option<String>,
    /// The cluster; only on one of one's own.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
