//! What Kafka sends.

use super::content::Content;
use super::loose::{Flag, Int, text_or_empty};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message of Kafka, in a [`Batch`](super::Batch).
///
/// - **Trigger**: ApsaraMQ for Kafka. Page: [Kafka triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/apsaramq-for-kafka-triggers).
/// - **Missing**: any field; a tombstone has no `value`.
/// - **Delivery**: at least once, in batches. **Idempotency key**: `topic`, `partition` and `offset` together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a message of Kafka")]
pub struct KafkaMessage {
    /// The topic.
    #[serde(default, deserialize_with = "text_or_empty", skip_serializing_if = "String::is_empty")]
    pub topic: String,
    /// The partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<Int>,
    /// The position in the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<Int>,
    /// When it was written, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
    /// Its headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<KafkaHeaders>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub key: Content,
    /// What it says, in the form that the task is set to: parsed JSON, text, base64.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub value: Content,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The headers of a [`KafkaMessage`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct KafkaHeaders {
    /// The headers; the vendor shows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<Value>>,
    /// Without a meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_read_only: Option<Flag>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
