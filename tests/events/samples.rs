//! The samples: each is read as its type and told by its shape, and written again as it was.

use fc_runtime::events::{
    AsyncResult, Batch, CdnEvent, CloudEvent, DtsMessage, Event, GatewayEvent, HttpEvent, KafkaMessage,
    MnsQueueMessage, MnsStreamEvent, MnsTopicEvent, MqttMessage, ObjectFcEvent, OssEvent, OssRecord,
    RabbitMqMessage, RocketMqMessage, SlsEvent, TablestoreEvent, TimerEvent,
};
use fc_runtime::fuzzing::event;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

/// Reads an event, writes it, reads it again: the same value, and what was written.
pub(crate) type Rewrite = fn(&[u8]) -> Result<Value, String>;

/// All samples: name, the type to read it as, the variant of [`Event`] that it is.
pub(crate) const SAMPLES: [(&str, Rewrite, &str); 21] = [
    ("api-gateway", rewrite::<GatewayEvent>, "Gateway"),
    ("async-result", rewrite::<AsyncResult>, "AsyncResult"),
    ("async-result-eventbridge", rewrite::<CloudEvent<AsyncResult>>, "AsyncResultBridge"),
    ("cdn", rewrite::<CdnEvent>, "Cdn"),
    ("cloud-event", rewrite::<CloudEvent<Value>>, "CloudEvents"),
    ("dts", rewrite::<Batch<DtsMessage>>, "Dts"),
    ("http", rewrite::<HttpEvent>, "Http"),
    ("kafka", rewrite::<Batch<KafkaMessage>>, "Kafka"),
    ("mns-queue", rewrite::<Batch<MnsQueueMessage>>, "MnsQueue"),
    ("mns-stream", rewrite::<MnsStreamEvent>, "MnsStream"),
    ("mns-topic", rewrite::<MnsTopicEvent>, "MnsTopic"),
    ("mqtt", rewrite::<Batch<MqttMessage>>, "Mqtt"),
    ("object-fc", rewrite::<ObjectFcEvent>, "ObjectFc"),
    ("oss", rewrite::<OssEvent>, "Oss"),
    ("oss-eventbridge", rewrite::<CloudEvent<OssRecord>>, "OssBridge"),
    ("rabbitmq", rewrite::<Batch<RabbitMqMessage>>, "RabbitMq"),
    ("rocketmq", rewrite::<Batch<RocketMqMessage>>, "RocketMq"),
    ("rocketmq-own", rewrite::<Batch<RocketMqMessage>>, "RocketMq"),
    ("sls", rewrite::<SlsEvent>, "Sls"),
    ("tablestore", rewrite::<TablestoreEvent>, "Tablestore"),
    ("timer", rewrite::<TimerEvent>, "Timer"),
];

pub(crate) fn rewrite<T: DeserializeOwned + Serialize + PartialEq + Debug>(
    bytes: &[u8],
) -> Result<Value, String> {
    let read: T = event(bytes)?;
    let written = serde_json::to_vec(&read).unwrap();
    let again: T = event(&written).unwrap_or_else(|error| panic!("{}: {error}", written.escape_ascii()));
    assert_eq!(read, again);
    Ok(serde_json::from_slice(&written).unwrap())
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fc-local/samples")
}

pub(crate) fn sample(name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

/// All messages of queues, as a trigger with the push format `RawData` sends them.
fn raw(sample: &Value) -> Option<Value> {
    let data = sample.as_array()?.iter().map(|event| event.get("data").cloned());
    data.collect::<Option<Vec<Value>>>().map(Value::Array)
}

fn variant(bytes: &[u8]) -> String {
    let event: Event = event(bytes).unwrap();
    let text = format!("{event:?}");
    text.split('(').next().unwrap().to_owned()
}

#[test]
fn there_is_a_test_for_each_sample() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = files.map(|file| file.file_stem().unwrap().display().to_string()).collect();
    names.sort();
    assert_eq!(names, SAMPLES.map(|(name, ..)| name));
}

#[test]
fn a_sample_is_written_as_it_was_read() {
    for (name, rewrite, _) in SAMPLES {
        assert_eq!(rewrite(sample(name).to_string().as_bytes()).unwrap(), sample(name), "{name}");
    }
}

#[test]
fn an_event_is_told_by_its_shape_in_each_form() {
    for (name, _, expected) in SAMPLES {
        let sample = sample(name);
        assert_eq!(variant(sample.to_string().as_bytes()), expected, "{name}");
        if let Value::Array(events) = &sample {
            assert_eq!(variant(events[0].to_string().as_bytes()), expected, "{name}, alone");
            let strings: Vec<_> = events.iter().map(Value::to_string).collect();
            assert_eq!(variant(Value::from(strings).to_string().as_bytes()), expected, "{name}, as strings");
        }
        if let Some(raw) = raw(&sample) {
            assert_eq!(variant(raw.to_string().as_bytes()), expected, "{name}, raw");
        }
    }
    for other in ["", "hi", "7", "[]", "{}", "{\"events\":[]}", "{broken", "[1]", "\"text\"", "\u{7f}"] {
        assert_eq!(variant(other.as_bytes()), "Other", "{other}");
    }
    assert_eq!(event::<Event>(b"hi"), Ok(Event::Other(b"hi".to_vec())));
}

#[test]
fn messages_come_with_and_without_envelopes_and_as_strings() {
    for (name, rewrite, _) in SAMPLES {
        let sample = sample(name);
        let Value::Array(events) = &sample else { continue };
        let strings = Value::from(events.iter().map(Value::to_string).collect::<Vec<_>>());
        for form in [raw(&sample), Some(strings), Some(events[0].clone())].into_iter().flatten() {
            let rewritten = rewrite(form.to_string().as_bytes()).unwrap();
            // A string of JSON may have its keys in another order.
            let objects = |form: &Value| match form {
                Value::Array(events) => {
                    events.iter().map(|it| it.as_str().map_or(it.clone(), |it| it.parse().unwrap())).collect()
                }
                form => vec![form.clone()],
            };
            assert_eq!(objects(&rewritten), objects(&form), "{name}");
            assert_eq!(rewritten.is_array(), form.is_array());
        }
    }
}

/// Which fields the vendor's pages have in two types, and in which events.
#[test]
fn what_the_sources_disagree_on_is_taken_both_ways_and_written_as_it_came() {
    let cdn = |parameter: Value| {
        let mut sample = sample("cdn");
        sample["events"][0]["eventParameter"] = parameter;
        ("cdn", sample)
    };
    let at = |name: &'static str, pointer: &str, value: Value| {
        let mut sample = sample(name);
        *sample.pointer_mut(pointer).unwrap() = value;
        (name, sample)
    };
    use serde_json::json;
    let rewrites: BTreeMap<_, _> = SAMPLES.iter().map(|(name, rewrite, _)| (*name, *rewrite)).collect();
    for (name, event) in [
        cdn(json!({"domain": "d", "startTime": "1", "endTime": "2", "fileSize": "3", "filePath": "f"})),
        cdn(
            json!({"domain": "d", "objectPath": ["/a", "/b"], "createTime": 1, "completeTime": 2, "objectType": "File", "taskId": 3}),
        ),
        cdn(
            json!({"domain": "d", "objectPath": ["/a"], "createTime": "1", "completeTime": "2", "taskId": "3****"}),
        ),
        cdn(json!({"domain": "d", "status": "online"})),
        cdn(json!({"domain": "d"})),
        at("api-gateway", "/isBase64Encoded", json!("true")),
        at("mns-topic", "/PublishTime", json!("2026-01-02T03:04:05Z")),
        at("kafka", "/0/data/timestamp", json!("1767323045678")),
        at("kafka", "/0/data/value", json!({"order": [7, 0.5, null]})),
        at("rocketmq", "/0/data/systemProperties/MAX_OFFSET", json!(8)),
        at("rocketmq", "/0/data/systemProperties/TRACE_ON", json!(true)),
        at("rocketmq", "/0/data/systemProperties/CONSUME_START_TIME", json!("1767323045678")),
        at("dts", "/0/data/id", json!("321****")),
        at("dts", "/0/data/topicPartition/hash", json!("0")),
        at("dts", "/0/data/afterImage/values/1", json!(null)),
        at("dts", "/0/data/afterImage", json!(null)),
        at("rabbitmq", "/0/data/body", json!("text")),
        at("tablestore", "/Records/0/Info/Timestamp", json!("int64")),
        at("tablestore", "/Records/0/PrimaryKey/0/Value", json!([104, 105])),
        at("async-result", "/timestamp", json!("2020-08-20T12:00:00.000Z")),
        at("async-result", "/responsePayload", json!({"errorMessage": "no"})),
        at("async-result-eventbridge", "/aliyunpublishtime", json!("2022-08-10T08:31:17.233Asia/Shanghai")),
        at("http", "/requestContext/timeEpoch", json!(1767323045678_i64)),
        at("sls", "/parameter", json!("text")),
        at("sls", "/parameter", json!([1])),
    ] {
        let rewritten =
            rewrites[name](event.to_string().as_bytes()).unwrap_or_else(|error| panic!("{event}: {error}"));
        assert_eq!(without_nulls(&rewritten), without_nulls(&event));
    }
}

/// The same without fields that are null; elements of arrays stay.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Value::Array(values) => values.iter().map(without_nulls).collect(),
        value => value.clone(),
    }
}
