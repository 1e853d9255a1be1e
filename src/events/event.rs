//! Which trigger sent this? Nothing around an event says so: the shape has to.

use super::batch::inner;
use super::read::{EVENT, FromWhole, from_json, read, whole};
use super::tablestore::is_cbor;
use super::{
    AsyncResult, Batch, BatchEvent, CdnEvent, DtsMessage, GatewayEvent, HttpEvent, KafkaMessage,
    MnsQueueMessage, MnsStreamEvent, MnsTopicEvent, MqttMessage, ObjectFcEvent, OssEvent, OssRecord,
    RabbitMqMessage, RocketMqMessage, SlsEvent, TablestoreEvent, TimerEvent,
};
use crate::api::StatusError;
use serde::de::{
    self, Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::fmt;

/// An event of any trigger, told by its shape: for functions that have several.
///
/// ```
/// use fc_runtime::events::Event;
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     Ok(match request.event()? {
///         Event::Timer(timer) => format!("{} fired", timer.trigger_name),
///         Event::Oss(oss) => format!("{} objects", oss.events.len()),
///         Event::Other(bytes) => format!("{} bytes of something else", bytes.len()),
///         event => anyhow::bail!("there is no trigger for {event:?}"),
///     }
///     .into())
/// }
/// # use fc_runtime::testing::Call;
/// let event = r#"{"triggerTime":"2026-01-02T03:04:05Z","triggerName":"nightly"}"#;
/// assert_eq!(Call::event(event).send(&invoke).text(), "nightly fired");
/// assert_eq!(Call::event("hi").send(&invoke).text(), "2 bytes of something else");
/// ```
///
/// A message that a queue's task parses, or that a topic's trigger passes on as it is, may have the shape of another
/// event: where strangers write messages, read the type that the trigger sends instead.
#[allow(clippy::large_enum_variant, reason = "an invocation has one")]
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A timer fired.
    Timer(TimerEvent),
    /// Something happened to an object.
    Oss(OssEvent),
    /// The same through EventBridge.
    OssBridge(Batch<OssRecord>),
    /// There are logs.
    Sls(SlsEvent),
    /// A topic's message, in the format `JSON`.
    MnsTopic(MnsTopicEvent),
    /// A topic's message with attributes, in the format `STREAM`; one without is an `Other`.
    MnsStream(MnsStreamEvent),
    /// Messages of a queue of MNS.
    MnsQueue(Batch<MnsQueueMessage>),
    /// Messages of Kafka.
    Kafka(Batch<KafkaMessage>),
    /// Messages of RocketMQ, the vendor's or one's own.
    RocketMq(Batch<RocketMqMessage>),
    /// Messages of RabbitMQ.
    RabbitMq(Batch<RabbitMqMessage>),
    /// Messages of MQTT.
    Mqtt(Batch<MqttMessage>),
    /// Changes of a database.
    Dts(Batch<DtsMessage>),
    /// Changes of a table.
    Tablestore(TablestoreEvent),
    /// Something happened to a domain of the CDN.
    Cdn(CdnEvent),
    /// A request through the API gateway.
    Gateway(GatewayEvent),
    /// A request to an HTTP trigger, as built-in runtimes see it.
    Http(HttpEvent),
    /// An asynchronous invocation has ended.
    AsyncResult(AsyncResult),
    /// The same through EventBridge.
    AsyncResultBridge(Batch<AsyncResult>),
    /// An object is read through an access point.
    ObjectFc(ObjectFcEvent),
    /// Other CloudEvents: a cloud product's, your own.
    CloudEvents(Batch<Value>),
    /// Anything else, as it came: text, bytes, JSON of your own, and what is broken so much that it has no shape. So do not
    /// take one for done that you do not know.
    Other(Vec<u8>),
}

impl Default for Event {
    fn default() -> Event {
        Event::Other(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        whole(deserializer)
    }
}

/// What every event of a table has.
const RECORDS: &[u8] = b"Records";

impl FromWhole for Event {
    fn from_whole(event: &[u8]) -> Result<Event, StatusError> {
        if is_cbor(event) {
            return match read(event) {
                // Text in another encoding than UTF-8 can begin so.
                Err(_) if !event.windows(RECORDS.len()).any(|part| part == RECORDS) => {
                    Ok(Event::Other(event.to_vec()))
                }
                read => read.map(Event::Tablestore),
            };
        }
        let shape = serde_json::from_slice(event).unwrap_or_default();
        let Shape { is_array, ref fields, ref event_type, .. } = shape;
        let has = |names: &[&str]| names.iter().all(|name| fields.contains(*name));
        // First: a message's attributes, which are anything, stand beside these.
        if has(&["Message", "TopicName", "MessageId"]) && !is_array {
            return json(event, Event::MnsTopic);
        }
        if has(&["specversion"]) || has(&["data", "source"]) || has(&["data", "aliyunaccountid"]) {
            return of_type(event_type, event);
        }
        if is_array {
            return raw(&has, event);
        }
        match () {
            () if has(&["triggerTime", "triggerName"]) => json(event, Event::Timer),
            () if has(&["events", "oss"]) => json(event, Event::Oss),
            () if has(&["events", "eventParameter"]) => json(event, Event::Cdn),
            () if has(&["source", "cursorTime"]) || has(&["source", "jobName", "taskId"]) => {
                json(event, Event::Sls)
            }
            () if has(&["Message", "TopicName"]) => json(event, Event::MnsTopic),
            () if has(&["body", "attrs"]) => {
                MnsStreamEvent::from_whole(event).map(|message| match message.attrs {
                    Some(_) => Event::MnsStream(message),
                    None => Event::Other(event.to_vec()), // the author's own
                })
            }
            () if has(&["Records", "Version"]) => json(event, Event::Tablestore),
            () if has(&["httpMethod", "path"]) => json(event, Event::Gateway),
            () if has(&["rawPath", "requestContext"]) => json(event, Event::Http),
            () if has(&["requestContext", "requestPayload"])
                || has(&["requestContext", "responsePayload"]) =>
            {
                json(event, Event::AsyncResult)
            }
            () if has(&["getObjectContext"]) => json(event, Event::ObjectFc),
            () => raw(&has, event),
        }
    }

    fn from_part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Event::from_whole(json.get().as_bytes()).map_err(de::Error::custom)
    }
}

fn json<T: DeserializeOwned>(event: &[u8], kind: fn(T) -> Event) -> Result<Event, StatusError> {
    from_json(event, EVENT).map(kind)
}

/// CloudEvents, by what the first of them says of itself: a product whose messages or objects these are has other events too,
/// of what is done with itself.
fn of_type(event_type: &str, event: &[u8]) -> Result<Event, StatusError> {
    let mut parts = event_type.split(':');
    match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
        ("oss", of) if of.starts_with("Object") => json(event, Event::OssBridge),
        ("mns", "Queue") => json(event, Event::MnsQueue),
        ("alikafka", "Topic") => json(event, Event::Kafka),
        ("mq", "Topic") => json(event, Event::RocketMq),
        ("amqp", "Queue") => json(event, Event::RabbitMq),
        ("dts", "ConsumeMessage") => json(event, Event::Dts),
        ("fc", "AsyncInvoke") => json(event, Event::AsyncResultBridge),
        // The specification has events without data.
        _ => {
            from_json::<Batch<Option<Value>>>(event, EVENT).map(|batch| Event::CloudEvents(with_null(batch)))
        }
    }
}

fn with_null(batch: Batch<Option<Value>>) -> Batch<Value> {
    let data = |event| match event {
        BatchEvent::CloudEvent(event) => BatchEvent::CloudEvent(event.map(Option::unwrap_or_default)),
        BatchEvent::Raw(data) => BatchEvent::Raw(data.unwrap_or_default()),
    };
    Batch { events: batch.events.into_iter().map(data).collect(), form: batch.form }
}

/// Messages without envelopes, by the fields of the first.
fn raw(has: &dyn Fn(&[&str]) -> bool, event: &[u8]) -> Result<Event, StatusError> {
    match () {
        () if has(&["systemProperties", "topic"]) => json(event, Event::RocketMq),
        () if has(&["envelope", "props", "body"]) => json(event, Event::RabbitMq),
        () if has(&["props", "body"]) => json(event, Event::Mqtt),
        () if has(&["topicPartition", "operationType"]) => json(event, Event::Dts),
        () if has(&["topic", "partition", "offset"]) => json(event, Event::Kafka),
        () if has(&["messageBody", "messageId"]) => json(event, Event::MnsQueue),
        () => Ok(Event::Other(event.to_vec())),
    }
}

/// What tells events apart: the fields of an object, or of the first one in an array, be it in a string; for `events` those
/// of its first record too.
#[derive(Default)]
struct Shape {
    is_array: bool,
    fields: BTreeSet<String>,
    event_type: String,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or an array")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut shape = Shape::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "type" => {
                            shape.event_type = map.next_value::<Value>()?.as_str().unwrap_or_default().into()
                        }
                        "events" => {
                            let records: &RawValue = map.next_value()?;
                            let records: Shape = serde_json::from_str(records.get()).unwrap_or_default();
                            shape.fields.extend(records.fields);
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                    shape.fields.insert(name);
                }
                Ok(shape)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let first: Option<&RawValue> = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                let first = first.map_or("null", RawValue::get);
                let text = inner(first);
                let shape: Shape = serde_json::from_str(text.as_deref().unwrap_or(first)).unwrap_or_default();
                Ok(Shape { is_array: true, ..shape })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::CloudEvent;
    use serde_json::json;

    fn event(json: &Value) -> Event {
        read(json.to_string().as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn what_happens_to_a_product_itself_is_no_message_of_it() {
        let of = |event_type: &str, data: Value| {
            event(&json!({"id": "1", "source": "s", "specversion": "1.0", "type": event_type, "data": data}))
        };
        for event_type in [
            "oss:BucketCreated:PutBucket",
            "oss:ActionTrail:ApiCall",
            "oss:CloudMonitor:BucketEgressBandwidth",
            "alikafka:ActionTrail:ConsoleOperation",
            "dts:CloudMonitor:MigrationJobAbnormal",
            "mns:ActionTrail:ApiCall",
            "amqp:ActionTrail:ApiCall",
            "mq:Instance:Created",
            "oss",
            "",
        ] {
            let read = of(event_type, json!({"eventName": "PutBucket"}));
            let Event::CloudEvents(batch) = read else { panic!("{event_type}: {read:?}") };
            assert_eq!(batch.events[0].data()["eventName"], "PutBucket");
        }
        assert!(matches!(of("alikafka:Topic:Message", json!({"topic": "t"})), Event::Kafka(_)));
        assert!(matches!(of("mq:Topic:SendMessage", json!({"topic": "t"})), Event::RocketMq(_)));
        assert!(matches!(of("dts:ConsumeMessage", json!({"offset": 1})), Event::Dts(_)));
    }

    #[test]
    fn an_event_of_eventbridge_may_have_no_data() {
        let bare = json!({"id": "1", "source": "s", "specversion": "1.0", "type": "t"});
        let Event::CloudEvents(batch) = event(&bare) else { panic!("{bare}") };
        assert!(batch.events[0].data().is_null());
        let own: CloudEvent<Option<String>> = read(bare.to_string().as_bytes()).unwrap();
        assert_eq!((own.data, own.id.as_str()), (None, "1"));
    }

    #[test]
    fn what_only_looks_like_an_event_is_another_as_it_came() {
        for bytes in [
            &b"\xb0\xa1\xc4\xe3\xba\xc3"[..],
            b"\xa0",
            br#"{"body":{"a":1},"attrs":[]}"#,
            br#"{"body":null,"attrs":{}}"#,
            br#"{"body":"a","body":"b","attrs":{}}"#,
            b"{\"events\":[{\"oss\":",
        ] {
            let read: Event = read(bytes).unwrap_or_else(|error| panic!("{bytes:?}: {error}"));
            assert_eq!(read, Event::Other(bytes.to_vec()));
        }
        let error = read::<Event>(b"\xa1\x67Records\x01").unwrap_err().to_string();
        assert!(error.starts_with("Records: "), "{error}");
    }

    #[test]
    fn the_attributes_of_a_topics_message_decide_nothing() {
        for attribute in ["specversion", "data", "triggerTime", "events"] {
            let mut message = json!({"Message": "m", "TopicName": "t", "MessageId": "1", "source": "s", "triggerName": "t"});
            message[attribute] = "x".into();
            assert!(matches!(event(&message), Event::MnsTopic(_)), "{message}");
        }
    }
}
