//! The envelope of EventBridge.

use super::loose::{maybe_text, text_or_empty};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An event in the envelope of CloudEvents 1.0, in which EventBridge delivers all its kinds: one alone for the events of cloud
/// products (`CloudEvent<Value>`, or a type of yours for `data`) and of OSS through EventBridge (`CloudEvent<`[`OssRecord`](super::OssRecord)`>`),
/// in a [`Batch`](super::Batch) for message queues.
///
/// - **Trigger**: EventBridge, with a bus or a stream. Page:
///   [cloud product events](https://help.aliyun.com/zh/eventbridge/user-guide/event-overview).
/// - **Missing**: any field but `data`, and that too where the source is not the vendor's: `CloudEvent<Option<T>>` reads both. Kafka's sample has of all extensions only `aliyunaccountid`, and a transformer of yours may leave
///   out the rest. An empty `id`, `source`, `specversion` or `type` is a missing one.
/// - **Delivery**: at least once. **Idempotency key**: `source` and `id` together, by CloudEvents.
///
/// ```
/// use fc_runtime::events::CloudEvent;
/// # use fc_runtime::{Context, Request, Response};
///
/// #[derive(serde::Deserialize)]
/// struct Disk { #[serde(rename = "diskId")] id: String }
///
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let event: CloudEvent<Disk> = request.event()?;
///     Ok(format!("{} of {}", event.event_type, event.data.id).into())
/// }
/// # use fc_runtime::testing::Call;
/// # let event = r#"{"id":"1","source":"acs.ecs","specversion":"1.0","type":"ecs:Disk:Created","data":{"diskId":"d-1"}}"#;
/// # assert_eq!(Call::event(event).send(&invoke).text(), "ecs:Disk:Created of d-1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a CloudEvent")]
pub struct CloudEvent<T> {
    /// The event's id; unique together with `source`.
    #[serde(default, deserialize_with = "text_or_empty", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Where it happened: `acs.oss`, `acs:alikafka`, the trigger's name.
    #[serde(default, deserialize_with = "text_or_empty", skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// `1.0`.
    #[serde(default, deserialize_with = "text_or_empty", skip_serializing_if = "String::is_empty")]
    pub specversion: String,
    /// `type`: what happened, as `oss:ObjectCreated:PutObject`.
    #[serde(
        rename = "type",
        default,
        deserialize_with = "text_or_empty",
        skip_serializing_if = "String::is_empty"
    )]
    pub event_type: String,
    /// The media type of `data`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// Where the schema of `data` is.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// What it happened to, as a resource's name.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// The account whose bus it is.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub aliyunaccountid: Option<String>,
    /// The account in which it happened.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub aliyunoriginalaccountid: Option<String>,
    /// When EventBridge received it; not always a time in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aliyunpublishtime: Option<Time>,
    /// The bus.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub aliyuneventbusname: Option<String>,
    /// The region.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub aliyunregionid: Option<String>,
    /// The address of the publisher.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub aliyunpublishaddr: Option<String>,
    /// What happened, in the product's own shape.
    pub data: T,
    /// What else there is: other extensions.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl<T> CloudEvent<T> {
    /// The same with other data.
    pub(super) fn map<U>(self, data: impl FnOnce(T) -> U) -> CloudEvent<U> {
        CloudEvent {
            id: self.id,
            source: self.source,
            specversion: self.specversion,
            event_type: self.event_type,
            datacontenttype: self.datacontenttype,
            dataschema: self.dataschema,
            subject: self.subject,
            time: self.time,
            aliyunaccountid: self.aliyunaccountid,
            aliyunoriginalaccountid: self.aliyunoriginalaccountid,
            aliyunpublishtime: self.aliyunpublishtime,
            aliyuneventbusname: self.aliyuneventbusname,
            aliyunregionid: self.aliyunregionid,
            aliyunpublishaddr: self.aliyunpublishaddr,
            data: data(self.data),
            other: self.other,
        }
    }
}
