//! What RabbitMQ sends.

use super::content::Content;
use super::loose::{Flag, Int, maybe_text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message of RabbitMQ, in a [`Batch`](super::Batch).
///
/// - **Trigger**: ApsaraMQ for RabbitMQ. Page: [RabbitMQ triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/apsaramq-for-rabbitmq-triggers).
/// - **Missing**: any field.
/// - **Delivery**: at least once, in batches. **Idempotency key**: `props.message_id`, where the sender sets one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a message of RabbitMQ")]
pub struct RabbitMqMessage {
    /// How it was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envelope: Option<RabbitMqEnvelope>,
    /// What it says: any JSON.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub body: Content,
    /// What its sender says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub props: Option<RabbitMqProperties>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How a [`RabbitMqMessage`] was delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct RabbitMqEnvelope {
    /// The delivery's number on its channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_tag: Option<Int>,
    /// The exchange.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub exchange: Option<String>,
    /// Whether it is a repetition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redeliver: Option<Flag>,
    /// The routing key.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub routing_key: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What the sender of a [`RabbitMqMessage`] says of it; AMQP's other properties are in `other`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct RabbitMqProperties {
    /// How the body is written.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// The message's id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
