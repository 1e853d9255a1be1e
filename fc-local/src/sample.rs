//! What triggers send: a sample of each, with fields set as an author asks. Who sends it to whom is not known here.

use anyhow::{Result, bail};
use fc_runtime::events::TablestoreEvent;
use serde_json::Value;

/// What one trigger sends.
pub struct Sample {
    /// What it is called by: `oss`.
    pub name: &'static str,
    /// Who sends it.
    pub what: &'static str,
    /// The type of the library that reads it.
    pub reads_as: &'static str,
    /// The sample, in JSON.
    pub json: &'static str,
}

macro_rules! samples {
    ($($name:literal $what:literal $reads_as:literal)*) => {
        [$(Sample {
            name: $name,
            what: $what,
            reads_as: $reads_as,
            json: include_str!(concat!("../samples/", $name, ".json")),
        }),*]
    };
}

/// All of them, in the order in which they are listed.
pub const SAMPLES: [Sample; 21] = samples! {
    "timer" "a timer" "TimerEvent"
    "oss" "a bucket (OSS)" "OssEvent"
    "oss-eventbridge" "a bucket, through EventBridge" "CloudEvent<OssRecord>"
    "cloud-event" "a cloud product or your own events, through EventBridge" "CloudEvent<T>"
    "sls" "the log service" "SlsEvent"
    "mns-topic" "a topic (MNS), in JSON" "MnsTopicEvent"
    "mns-stream" "a topic (MNS), STREAM with attributes" "MnsStreamEvent"
    "mns-queue" "a queue (MNS)" "Batch<MnsQueueMessage>"
    "kafka" "Kafka" "Batch<KafkaMessage>"
    "rocketmq" "RocketMQ" "Batch<RocketMqMessage>"
    "rocketmq-own" "a RocketMQ of your own" "Batch<RocketMqMessage>"
    "rabbitmq" "RabbitMQ" "Batch<RabbitMqMessage>"
    "mqtt" "MQTT" "Batch<MqttMessage>"
    "dts" "a database (DTS)" "Batch<DtsMessage>"
    "tablestore" "a table (Tablestore); invoke sends it in CBOR" "TablestoreEvent"
    "cdn" "the CDN" "CdnEvent"
    "api-gateway" "an API gateway" "GatewayEvent"
    "http" "an HTTP trigger, as built-in runtimes see it" "HttpEvent"
    "async-result" "an asynchronous call that has ended, to its destination" "AsyncResult"
    "async-result-eventbridge" "the same, through EventBridge" "CloudEvent<AsyncResult>"
    "object-fc" "an Object FC access point" "ObjectFcEvent"
};

/// The sample of that name.
pub fn named(name: &str) -> Result<&'static Sample> {
    if let Some(sample) = SAMPLES.iter().find(|sample| sample.name == name) {
        return Ok(sample);
    }
    let names = SAMPLES.iter().map(|sample| sample.name.to_owned());
    bail!("there is no sample '{name}'{}; `fc-local event` lists them", meant(name, names));
}

impl Sample {
    /// The sample with fields set, each as `PATH=VALUE`, in JSON for people.
    pub fn with(&self, sets: &[String]) -> Result<String> {
        if sets.is_empty() {
            return Ok(self.json.to_owned());
        }
        let mut event: Value = serde_json::from_str(self.json)?;
        for set in sets {
            self.set(&mut event, set)?;
        }
        Ok(format!("{event:#}\n"))
    }

    /// The same as the trigger sends it.
    pub fn sent(&self, sets: &[String]) -> Result<Vec<u8>> {
        let event: Value = serde_json::from_str(&self.with(sets)?)?;
        Ok(self.as_sent(&event.to_string()))
    }

    /// What somebody made of the sample: an event of a table in CBOR, all else as it is written.
    pub fn as_sent(&self, event: &str) -> Vec<u8> {
        if self.name == "tablestore"
            && let Ok(table) = serde_json::from_str::<TablestoreEvent>(event)
        {
            return Vec::from(&table);
        }
        event.as_bytes().to_vec()
    }

    fn set(&self, event: &mut Value, set: &str) -> Result<()> {
        let Some((path, value)) = set.split_once('=') else {
            bail!("--set '{set}': write it as PATH=VALUE");
        };
        let asked = segments(path);
        let mut all = Vec::new();
        paths(event, &mut Vec::new(), &mut all);
        let matching: Vec<&Vec<String>> = all.iter().filter(|path| path.ends_with(&asked)).collect();
        let found = match matching.as_slice() {
            _ if asked.is_empty() => None,
            [only] => Some(*only),
            several => several.iter().find(|path| path.len() == asked.len()).copied(),
        };
        let Some(found) = found else {
            let name = self.name;
            if matching.is_empty() || asked.is_empty() {
                let ends = all
                    .iter()
                    .filter_map(|path| Some(written(path.get(path.len().checked_sub(asked.len())?..)?)));
                bail!("--set '{set}': the sample '{name}' has no field '{path}'{}", meant(path, ends));
            }
            let list: Vec<_> = matching.iter().map(|path| written(path)).collect();
            bail!("--set '{set}': which of {}?", list.join(", "));
        };
        let pointer: String =
            found.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
        if let Some(field) = event.pointer_mut(&pointer) {
            *field = match serde_json::from_str(value) {
                Ok(json) if !field.is_string() => json,
                _ => value.into(),
            };
        }
        Ok(())
    }
}

/// The parts of `events[0].oss` or `events.0.oss`.
fn segments(path: &str) -> Vec<String> {
    let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

/// `events[0].oss`
fn written(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            text += &format!("[{part}]");
        } else {
            text += if text.is_empty() { "" } else { "." };
            text += part;
        }
    }
    text
}

/// The paths of all fields and elements.
fn paths(value: &Value, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(values) => {
            values.iter().enumerate().map(|(index, it)| (index.to_string(), it)).collect()
        }
        _ => Vec::new(),
    };
    for (name, part) in parts {
        at.push(name);
        found.push(at.clone());
        paths(part, at, found);
        at.pop();
    }
}

/// The name that was probably meant, as an addition to what is said of an unknown one.
fn meant(unknown: &str, known: impl Iterator<Item = String>) -> String {
    let distances = known.map(|name| (strsim::damerau_levenshtein(unknown, &name), name));
    match distances.min() {
        Some((distance, name)) if distance <= 1 + unknown.len() / 3 => format!(", did you mean '{name}'?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, sets: &[&str]) -> Result<Value> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Ok(serde_json::from_str(&named(name)?.with(&sets)?)?)
    }

    #[test]
    fn a_path_begins_anywhere_that_is_unambiguous() {
        for path in
            ["events[0].oss.object.key", "events.0.oss.object.key", "oss.object.key", "object.key", "key"]
        {
            let event = set("oss", &[&format!("{path}=a/b=c.txt")]).expect(path);
            assert_eq!(event["events"][0]["oss"]["object"]["key"], "a/b=c.txt", "{path}");
        }
        let event = set("kafka", &["[0].data.offset=7", "value=8", "id=9"]).expect("an event");
        assert_eq!(event[0]["data"]["offset"], 7);
        assert_eq!((&event[0]["data"]["value"], &event[0]["id"]), (&"8".into(), &"9".into()));
    }

    #[test]
    fn a_value_is_json_where_the_sample_has_no_text() {
        for (assignment, expected) in [
            ("size=7", "7"),
            ("size=\"7\"", "\"7\""),
            ("size=x", "\"x\""),
            ("size=null", "null"),
            ("userMeta={\"x-oss-meta-a\":\"b\"}", "{\"x-oss-meta-a\":\"b\"}"),
            ("region=7", "\"7\""),
            ("region=", "\"\""),
        ] {
            let event = set("oss", &[assignment]).expect(assignment).to_string();
            let field = assignment.split('=').next().expect("a field");
            assert!(event.contains(&format!("\"{field}\":{expected}")), "{assignment}: {event}");
        }
    }

    #[test]
    fn what_is_unknown_or_ambiguous_is_an_error_with_the_way_out() {
        for (assignment, wanted) in [
            (
                "oss.object.kye=a",
                "the sample 'oss' has no field 'oss.object.kye', did you mean 'oss.object.key'?",
            ),
            ("xyz=a", "the sample 'oss' has no field 'xyz'"),
            ("=a", "the sample 'oss' has no field ''"),
            ("key", "write it as PATH=VALUE"),
        ] {
            let error = set("oss", &[assignment]).expect_err(assignment).to_string();
            assert!(error.contains(wanted), "{assignment}: {error}");
        }
        let error = set("cdn", &["domain=a"]).expect_err("two domains").to_string();
        assert!(
            error.ends_with("which of events[0].eventParameter.domain, events[0].resource.domain?"),
            "{error}"
        );
        let error = set("os", &[]).expect_err("no sample").to_string();
        assert_eq!(error, "there is no sample 'os', did you mean 'oss'?; `fc-local event` lists them");
    }

    #[test]
    fn a_table_is_sent_in_cbor_and_all_else_as_it_is_printed() {
        for sample in &SAMPLES {
            let sent = sample.sent(&[]).expect(sample.name);
            if sample.name == "tablestore" {
                assert!(sent[0] >= 0xa0, "{}", sent.escape_ascii());
            } else {
                let (sent, printed): (Value, Value) = (
                    serde_json::from_slice(&sent).expect("JSON"),
                    serde_json::from_str(sample.json).expect("JSON"),
                );
                assert_eq!(sent, printed);
            }
        }
        let table = named("tablestore").expect("it");
        for no_event_of_it in ["{", "", "[1]", "text"] {
            assert_eq!(table.as_sent(no_event_of_it), no_event_of_it.as_bytes());
        }
        let written = r#"{ "b": 123456789012345678901234567890, "b": 1, "a": 2 }"#;
        assert_eq!(named("oss").expect("it").as_sent(written), written.as_bytes());
    }
}
