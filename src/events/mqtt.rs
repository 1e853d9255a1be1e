//! What MQTT sends.

use super::content::Content;
use super::loose::maybe_text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A message of MQTT, in a [`Batch`](super::Batch) without envelopes.
///
/// - **Trigger**: ApsaraMQ for MQTT. Page: [MQTT triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/apsaramq-for-mqtt-triggers).
/// - **Missing**: any field.
/// - **Delivery**: at least once, in batches. **Idempotency key**: none; put one into the body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a message of MQTT")]
pub struct MqttMessage {
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub props: Option<MqttProperties>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub body: Content,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Where an [`MqttMessage`] comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct MqttProperties {
    /// The parent topic.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub first_topic: Option<String>,
    /// The topic below it, as `/a/b`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub second_topic: Option<String>,
    /// The client, as `GROUP@@@DEVICE`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
