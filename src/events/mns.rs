//! What MNS (Simple Message Queue) sends: of topics in two formats, of queues.

use super::content::Content;
use super::loose::{maybe_text, text};
use super::read::{EVENT, FromWhole, from_json, whole};
use super::time::Time;
use crate::api::StatusError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A message of a topic, where the trigger's event format is `JSON`.
///
/// - **Trigger**: MNS topic, which calls asynchronously. Page:
///   [topic triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/mns-topic-triggers).
/// - **Missing**: all but `message`. The message's attributes are keys beside the others: they are in `other`.
/// - **Delivery**: at least once. **Idempotency key**: `message_id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "a topic's message")]
pub struct MnsTopicEvent {
    /// The account that owns the topic.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub topic_owner: Option<String>,
    /// What it says.
    #[serde(deserialize_with = "text")]
    pub message: String,
    /// The account that subscribes.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<String>,
    /// When it was published, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_time: Option<Time>,
    /// The subscription.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub subscription_name: Option<String>,
    /// The MD5 of `message`, in hexadecimal.
    #[serde(
        rename = "MessageMD5",
        default,
        deserialize_with = "maybe_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub message_md5: Option<String>,
    /// The topic.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub topic_name: Option<String>,
    /// The message's id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The message's attributes, and what else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A message of a topic, where the trigger's event format is `STREAM`: the message itself, or JSON around it where it has
/// attributes. `Request::event` reads both; a message that looks like that JSON is taken for it. As JSON it is written with its
/// fields, for [`testing::Call::event`](crate::testing::Call::event) as the message itself where it has no attributes.
///
/// - **Trigger**: MNS topic, which calls asynchronously. Page:
///   [topic triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/mns-topic-triggers).
/// - **Missing**: `attrs`.
/// - **Delivery**: at least once. **Idempotency key**: none; put one into the message or its attributes.
///
/// ```
/// use fc_runtime::events::MnsStreamEvent;
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     Ok(request.event::<MnsStreamEvent>()?.body.into())
/// }
/// # use fc_runtime::testing::Call;
/// for event in ["hi", r#"{"body":"hi","attrs":{"Extend":"{}"}}"#] {
///     assert_eq!(Call::event(event).send(&invoke).text(), "hi");
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", expecting = "a topic's message")]
pub struct MnsStreamEvent {
    /// What it says.
    #[serde(deserialize_with = "text")]
    pub body: String,
    /// Its attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attrs: Option<Map<String, Value>>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl MnsStreamEvent {
    /// Whether there is nothing but the message.
    pub(super) fn is_bare(&self) -> bool {
        self.attrs.is_none() && self.other.is_empty()
    }
}

/// Either form as JSON: a message without attributes is a string.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a topic's message")]
enum Either {
    Bare(String),
    Wrapped(#[serde(deserialize_with = "MnsStreamEvent::deserialize")] MnsStreamEvent),
}

impl From<Either> for MnsStreamEvent {
    fn from(either: Either) -> MnsStreamEvent {
        match either {
            Either::Bare(body) => MnsStreamEvent { body, ..MnsStreamEvent::default() },
            Either::Wrapped(event) => event,
        }
    }
}

impl FromWhole for MnsStreamEvent {
    fn from_whole(event: &[u8]) -> Result<MnsStreamEvent, StatusError> {
        match from_json::<Either>(event, EVENT) {
            // An object with other fields beside its body is the author's own.
            Ok(Either::Wrapped(event)) if event.attrs.is_none() && !event.other.is_empty() => {}
            Ok(either) => return Ok(either.into()),
            Err(_) => {}
        }
        let body = str::from_utf8(event)
            .map_err(|error| StatusError::new(400, format!("{EVENT} is no text: {error}")))?;
        Ok(Either::Bare(body.to_owned()).into())
    }

    fn from_part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MnsStreamEvent, D::Error> {
        <Either as Deserialize>::deserialize(deserializer).map(MnsStreamEvent::from)
    }
}

impl<'de> Deserialize<'de> for MnsStreamEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MnsStreamEvent, D::Error> {
        whole(deserializer)
    }
}

impl Serialize for MnsStreamEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MnsStreamEvent::serialize(self, serializer)
    }
}

/// A message of a queue, in a [`Batch`](super::Batch).
///
/// - **Trigger**: MNS queue. Page:
///   [queue triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/mns-queue-triggers).
/// - **Missing**: any field.
/// - **Delivery**: at least once, in batches. **Idempotency key**: `message_id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a queue's message")]
pub struct MnsQueueMessage {
    /// The id of the request that took it from the queue.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The message's id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Content::is_null")]
    pub message_body: Content,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::read::read;

    #[test]
    fn a_message_of_a_stream_is_the_text_or_the_json_around_it() {
        for (event, body, has_attributes) in [
            ("hello", "hello", false),
            ("'hello'", "'hello'", false),
            ("\"hello\"", "hello", false),
            ("{broken", "{broken", false),
            ("{\"id\":7}", "{\"id\":7}", false),
            ("{\"body\":\"b\",\"id\":7}", "{\"body\":\"b\",\"id\":7}", false),
            ("{\"body\":\"hello\"}", "hello", false),
            ("7", "7", false),
            ("{\"body\":\"hello\",\"attrs\":{\"a\":\"b\"}}", "hello", true),
            ("{\"body\":\"hello\",\"attrs\":null}", "hello", false),
        ] {
            let read: MnsStreamEvent = read(event.as_bytes()).unwrap();
            assert_eq!((read.body.as_str(), read.attrs.is_some()), (body, has_attributes), "{event}");
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<MnsStreamEvent>(&json).unwrap(), read, "{json}");
        }
        let error = read::<MnsStreamEvent>(b"\xff").unwrap_err().to_string();
        assert!(error.starts_with("the event is no text"), "{error}");
        assert!(serde_json::from_str::<MnsStreamEvent>("[]").is_err());
    }
}
