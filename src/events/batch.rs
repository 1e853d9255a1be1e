//! Several events in one invocation, in all forms in which queues are delivered.

use super::cloud_event::CloudEvent;
use super::read::from_part;
use serde::de::{self, DeserializeOwned, IgnoredAny};
use serde::ser;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// What a message queue's trigger delivers at once: `Batch<`[`KafkaMessage`](super::KafkaMessage)`>`.
///
/// It takes each form that the vendor's pages have: an array of CloudEvents; one of them alone; an array of JSON *strings*, as Kafka
/// events were logged in 2022; and with the push format `RawData` an array of the data alone.
///
/// - **Page**: [advanced features of triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/advanced-features-of-triggers).
/// - **Batches**: up to 10,000 events or 15 s, 32 MB in all (128 KB where the trigger calls asynchronously).
/// - **Broken messages**: one that is not a `T` is an error of the whole batch, which is then repeated. `Batch<Box<serde_json::value::RawValue>>`
///   takes any message, to be read one by one.
/// - **Delivery**: at least once. A failed invocation repeats the **whole** batch (3 times in 10 to 20 s, or 176 times in a day); there is no
///   answer that part of it failed. So skip what is done already, by the CloudEvent's `id` or the message's own.
///
/// ```
/// use fc_runtime::events::{Batch, KafkaMessage};
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let batch: Batch<KafkaMessage> = request.event()?;
///     for message in batch.data() {
///         log::info!("{}: {}", message.topic, message.value.to_text());
///     }
///     Ok(format!("{} messages", batch.events.len()).into())
/// }
/// # use fc_runtime::testing::Call;
/// # let event = r#"[{"topic":"t","value":"a"},{"topic":"t","value":"b"}]"#;
/// # assert_eq!(Call::event(event).send(&invoke).text(), "2 messages");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch<T> {
    /// The events, in their order.
    pub events: Vec<BatchEvent<T>>,
    /// In which form they come and are written.
    pub form: BatchForm,
}

/// In which form a [`Batch`] comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BatchForm {
    /// An array.
    #[default]
    Array,
    /// One event alone. It is written so where there is exactly one.
    Object,
    /// An array of strings, each the JSON of an event.
    Strings,
}

/// An event of a [`Batch`].
#[allow(clippy::large_enum_variant, reason = "all events of a batch are of one kind")]
#[derive(Clone, Debug, PartialEq)]
pub enum BatchEvent<T> {
    /// With its envelope, which is told by `specversion`, or by `data` with `source` or `aliyunaccountid`.
    CloudEvent(CloudEvent<T>),
    /// Its data alone: the push format `RawData`, and the triggers that have no envelope.
    Raw(T),
}

impl<T: Default> Default for BatchEvent<T> {
    fn default() -> BatchEvent<T> {
        BatchEvent::Raw(T::default())
    }
}

impl<T> BatchEvent<T> {
    /// The message.
    pub fn data(&self) -> &T {
        match self {
            BatchEvent::CloudEvent(event) => &event.data,
            BatchEvent::Raw(data) => data,
        }
    }

    /// The message, without its envelope.
    pub fn into_data(self) -> T {
        match self {
            BatchEvent::CloudEvent(event) => event.data,
            BatchEvent::Raw(data) => data,
        }
    }

    /// The envelope, where there is one.
    pub fn cloud_event(&self) -> Option<&CloudEvent<T>> {
        match self {
            BatchEvent::CloudEvent(event) => Some(event),
            BatchEvent::Raw(_) => None,
        }
    }
}

impl<T> Batch<T> {
    /// The messages, whether or not they have envelopes.
    pub fn data(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.events.iter().map(BatchEvent::data)
    }

    /// The messages, without their envelopes.
    pub fn into_data(self) -> impl DoubleEndedIterator<Item = T> + ExactSizeIterator {
        self.events.into_iter().map(BatchEvent::into_data)
    }
}

impl<T> FromIterator<T> for Batch<T> {
    /// A batch of data alone, as `RawData` has it.
    fn from_iter<I: IntoIterator<Item = T>>(data: I) -> Batch<T> {
        Batch { events: data.into_iter().map(BatchEvent::Raw).collect(), form: BatchForm::Array }
    }
}

impl<T> From<CloudEvent<T>> for BatchEvent<T> {
    fn from(event: CloudEvent<T>) -> BatchEvent<T> {
        BatchEvent::CloudEvent(event)
    }
}

impl<T: Serialize> Serialize for BatchEvent<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BatchEvent::CloudEvent(event) => event.serialize(serializer),
            BatchEvent::Raw(data) => data.serialize(serializer),
        }
    }
}

impl<T: Serialize> Serialize for Batch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.form, self.events.as_slice()) {
            (BatchForm::Object, [event]) => event.serialize(serializer),
            (BatchForm::Strings, events) => {
                // Texts among them stand as they are.
                let written = events.iter().map(|event| {
                    let value = serde_json::to_value(event)?;
                    if value.is_object() {
                        serde_json::to_string(event).map(Value::String)
                    } else {
                        Ok(value)
                    }
                });
                let strings: serde_json::Result<Vec<Value>> = written.collect();
                serializer.collect_seq(strings.map_err(ser::Error::custom)?)
            }
            (_, events) => serializer.collect_seq(events),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for BatchEvent<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BatchEvent<T>, D::Error> {
        event(Box::<RawValue>::deserialize(deserializer)?.get()).map_err(de::Error::custom)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Batch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Batch<T>, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        if !json.get().starts_with('[') {
            let event = event(json.get()).map_err(de::Error::custom)?;
            return Ok(Batch { events: vec![event], form: BatchForm::Object });
        }
        let parts: Vec<&RawValue> = serde_json::from_str(json.get()).map_err(de::Error::custom)?;
        let mut batch = Batch { events: Vec::with_capacity(parts.len()), form: BatchForm::Array };
        for (index, part) in parts.iter().map(|part| part.get()).enumerate() {
            let read = match inner(part).map(|json| event(&json)) {
                // Where texts are wanted it is one.
                Some(Err(error)) => event(part).map_err(|_| error),
                Some(read) => {
                    batch.form = BatchForm::Strings;
                    read
                }
                None => event(part),
            };
            batch.events.push(read.map_err(|error| de::Error::custom(format!("[{index}]{error}")))?);
        }
        Ok(batch)
    }
}

/// The object in a string.
pub(super) fn inner(json: &str) -> Option<String> {
    if !json.starts_with('"') {
        return None;
    }
    let inner: String = serde_json::from_str(json).ok()?;
    let is_object = inner.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(&inner).is_ok();
    is_object.then_some(inner)
}

fn event<T: DeserializeOwned>(json: &str) -> Result<BatchEvent<T>, String> {
    if has_envelope(json) {
        from_part(json).map(BatchEvent::CloudEvent)
    } else {
        from_part(json).map(BatchEvent::Raw)
    }
}

/// What says that there is an envelope.
#[derive(Deserialize)]
struct Marks {
    #[serde(default)]
    specversion: Value,
    #[serde(default)]
    source: Value,
    aliyunaccountid: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
}

/// Whether this is an object with an envelope's marks. Its version may be missing where a transformer left it out.
fn has_envelope(json: &str) -> bool {
    if !json.starts_with('{') {
        return false;
    }
    let is_said = |mark: Value| mark.as_str().is_some_and(|text| !text.is_empty());
    // What is there twice is for the envelope's reader to refuse.
    serde_json::from_str::<Marks>(json).map_or(true, |marks| {
        let has_origin = is_said(marks.source) || marks.aliyunaccountid.is_some();
        is_said(marks.specversion) || marks.data.is_some() && has_origin
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Int;
    use crate::events::read::read;
    use std::collections::BTreeMap;

    const EVENT: &str = r#"{"id":"1","source":"s","specversion":"1.0","type":"t","data":{"size":7}}"#;

    type Sizes = Batch<BTreeMap<String, Int>>;

    fn batch(json: &str) -> Sizes {
        read(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn a_batch_comes_in_every_form_and_is_written_as_it_came() {
        let string = serde_json::to_string(EVENT).unwrap();
        let raw = r#"[{"size":7},{"size":7}]"#;
        for (json, form, length) in [
            (EVENT.to_owned(), BatchForm::Object, 1),
            (format!("[{EVENT}]"), BatchForm::Array, 1),
            (format!("[{EVENT},{EVENT}]"), BatchForm::Array, 2),
            (format!("[{string},{string}]"), BatchForm::Strings, 2),
            (raw.to_owned(), BatchForm::Array, 2),
            (r#"{"size":7}"#.to_owned(), BatchForm::Object, 1),
            ("[]".to_owned(), BatchForm::Array, 0),
        ] {
            let read = batch(&json);
            assert_eq!((read.form, read.events.len()), (form, length), "{json}");
            assert!(read.data().all(|data| data["size"] == 7), "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
            let value: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::from_value::<Sizes>(value).unwrap(), read, "{json}");
        }
        assert_eq!(batch(EVENT).events[0].cloud_event().unwrap().id, "1");
        assert_eq!(batch(raw).events[0].cloud_event(), None);
    }

    #[test]
    fn texts_stay_texts_beside_events_in_strings() {
        let json = r#"["{\"a\":1}","x","{y","\"z\""]"#;
        let values: Batch<Value> = read(json.as_bytes()).unwrap();
        let data: Vec<&Value> = values.data().collect();
        assert_eq!(data, [&serde_json::json!({"a": 1}), &"x".into(), &"{y".into(), &"\"z\"".into()]);
        assert_eq!(serde_json::to_string(&values).unwrap(), json);
        let texts: Batch<String> = read(json.as_bytes()).unwrap();
        assert_eq!(texts.data().collect::<Vec<_>>(), ["{\"a\":1}", "x", "{y", "\"z\""]);
        assert_eq!(serde_json::to_string(&texts).unwrap(), json);
    }

    #[test]
    fn an_event_is_one_without_its_version_too() {
        let json = r#"[{"aliyunaccountid":"1","data":{"size":7}}]"#;
        assert!(batch(json).events[0].cloud_event().is_some());
    }

    #[test]
    fn an_error_has_its_path_in_every_form() {
        let wrong = EVENT.replace('7', "\"x\"");
        let string = serde_json::to_string(&wrong).unwrap();
        for (json, path) in [
            (wrong.clone(), "data.size"),
            (format!("[{EVENT},{wrong}]"), "[1].data.size"),
            (format!("[{string}]"), "[0].data.size"),
            (r#"[{"size":"x"}]"#.to_owned(), "[0].size"),
            ("[7]".to_owned(), "[0]"),
            ("7".to_owned(), "the event"),
        ] {
            let error = read::<Sizes>(json.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{path}: expected a")), "{json}: {error}");
        }
        let twice = EVENT.replace("\"id\"", "\"id\":\"2\",\"id\"");
        let error = read::<Sizes>(twice.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "the event: duplicate field `id`");
    }
}
