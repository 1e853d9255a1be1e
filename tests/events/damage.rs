//! Samples with fields taken away, nulled, of another type, added: what may be missing, and what an error says.

use crate::samples::{SAMPLES, sample, without_nulls};
use serde_json::{Value, json};

/// Without these an event means nothing.
const REQUIRED: [&str; 36] = [
    "api-gateway/httpMethod",
    "api-gateway/path",
    "async-result/requestContext",
    "async-result-eventbridge/data",
    "async-result-eventbridge/data/requestContext",
    "cdn/events",
    "cloud-event/data",
    "dts/0/data",
    "http/rawPath",
    "http/requestContext",
    "kafka/0/data",
    "mns-queue/0/data",
    "mns-topic/Message",
    "object-fc/getObjectContext",
    "object-fc/getObjectContext/outputRoute",
    "object-fc/getObjectContext/outputToken",
    "oss/events",
    "oss/events/0/oss",
    "oss/events/0/oss/bucket",
    "oss/events/0/oss/bucket/name",
    "oss/events/0/oss/object",
    "oss/events/0/oss/object/key",
    "oss-eventbridge/data",
    "oss-eventbridge/data/oss",
    "oss-eventbridge/data/oss/bucket",
    "oss-eventbridge/data/oss/bucket/name",
    "oss-eventbridge/data/oss/object",
    "oss-eventbridge/data/oss/object/key",
    "rabbitmq/0/data",
    "rocketmq/0/data",
    "sls/source",
    "tablestore/Records",
    "tablestore/Records/0/Columns/0/ColumnName",
    "tablestore/Records/0/PrimaryKey/0/ColumnName",
    "tablestore/Records/0/Type",
    "timer/triggerName",
];

/// The pointers of all fields, at every depth.
fn fields(value: &Value, at: &str, found: &mut Vec<String>) {
    let parts: Vec<_> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(values) => {
            values.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, part) in parts {
        let pointer = format!("{at}/{name}");
        if value.is_object() {
            found.push(pointer.clone());
        }
        fields(part, &pointer, found);
    }
}

/// Each sample with each of its fields changed: its name and the field's pointer, the event, what reading and writing makes of it.
fn each_field(
    change: impl Fn(&mut Value, &str, &str) -> bool,
    mut see: impl FnMut(&str, &str, &Value, Result<Value, String>),
) {
    for (name, rewrite, _) in SAMPLES {
        let mut pointers = Vec::new();
        fields(&sample(name), "", &mut pointers);
        for pointer in pointers {
            let mut event = sample(name);
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let parent = event.pointer_mut(parent).unwrap();
            if change(parent, &field.replace("~1", "/").replace("~0", "~"), &pointer) {
                let rewritten = rewrite(event.to_string().as_bytes());
                see(&format!("{name}{pointer}"), &pointer, &event, rewritten);
            }
        }
    }
}

fn is_required(at: &str) -> bool {
    REQUIRED.contains(&at)
        || at == "timer/triggerTime"
        || at.starts_with("tablestore/Records/0/") && at.ends_with("/ColumnName")
}

#[test]
fn every_field_may_be_missing_or_null_but_those_that_make_the_event() {
    for is_null in [false, true] {
        each_field(
            |parent, field, _| {
                let fields = parent.as_object_mut().unwrap();
                if is_null {
                    fields.insert(field.into(), Value::Null).is_some()
                } else {
                    fields.remove(field).is_some()
                }
            },
            |at, _, event, rewritten| match rewritten {
                Ok(_) if at == "cloud-event/data" && is_null => {}
                // It is the text of a message then.
                Ok(rewritten) if at == "mns-stream/body" => {
                    assert_eq!(rewritten, json!({"body": event.to_string()}))
                }
                Ok(rewritten) => {
                    assert!(!is_required(at), "{at} may be missing");
                    assert_eq!(without_nulls(&rewritten), without_nulls(event), "{at}");
                }
                Err(error) => assert!(is_required(at), "{at}: {error}"),
            },
        );
    }
}

/// Whether these are the same but for numbers and booleans that have become text where the vendor has text only.
fn is_same(read: &Value, sent: &Value) -> bool {
    match (read, sent) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| is_same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::String(text), sent) if !sent.is_string() => {
            text.parse().is_ok_and(|read: Value| read == *sent)
        }
        _ => read == sent,
    }
}

#[test]
fn a_number_may_be_text_and_text_a_number_and_is_written_as_it_came() {
    each_field(
        |parent, field, _| {
            let value = &mut parent[field];
            *value = match value {
                Value::Number(number) => number.to_string().into(),
                Value::Bool(flag) => flag.to_string().into(),
                Value::String(text) if ["true", "false"].contains(&text.as_str()) => json!(text == "true"),
                Value::String(_) => json!(7),
                _ => return false,
            };
            true
        },
        |at, pointer, event, rewritten| {
            let rewritten = rewritten.unwrap_or_else(|error| panic!("{at}: {error}"));
            let is_text_now = event.pointer(pointer).unwrap().is_string();
            if is_text_now {
                assert_eq!(rewritten, *event, "{at}");
            } else {
                assert!(is_same(&rewritten, event), "{at}: {rewritten}");
            }
        },
    );
}

#[test]
fn what_is_of_no_type_at_all_is_an_error_with_its_path() {
    // Any JSON is right for these, and what is within them.
    let any = [
        "/parameter",
        "eaders/",
        "Payload",
        "/body",
        "/value",
        "/key",
        "/data/diskId",
        "/data/result",
        "userMeta",
        "Parameters/",
        "/attrs/",
        "/messageBody",
        "/values/",
    ];
    let mut refused = 0;
    each_field(
        |parent, field, pointer| {
            let is_leaf = !(parent[field].is_object() || parent[field].is_array());
            parent[field] = json!({"unexpected": []});
            is_leaf && !any.iter().any(|it| pointer.contains(it) && !pointer.ends_with("/object/key"))
        },
        |at, pointer, _, rewritten| {
            let Err(error) = rewritten else { panic!("{at} takes anything") };
            let mut path = String::new();
            for part in pointer.split('/').skip(1) {
                match part.parse::<usize>() {
                    Ok(index) => path += &format!("[{index}]"),
                    Err(_) => path += &format!("{}{part}", if path.is_empty() { "" } else { "." }),
                }
            }
            assert!(error.starts_with(&format!("{path}: expected ")), "{at}: {error}");
            assert!(error.ends_with(", found an object"), "{at}: {error}");
            refused += 1;
        },
    );
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_field_that_nobody_knows_of_is_kept_wherever_it_is() {
    let mut kept = 0;
    each_field(
        |parent, field, _| {
            let unknown = json!({"a": [1, null, {"b": 18446744073709551615_u64}], "c": -9223372036854775808_i64, "d": 0.1});
            let Some(fields) = parent[field].as_object_mut() else { return false };
            fields.insert("x-unknown".into(), unknown).is_none()
        },
        |at, _, event, rewritten| match rewritten {
            Ok(rewritten) => {
                assert_eq!(rewritten, *event, "{at}");
                kept += 1;
            }
            // The one object with names of the author's that has typed values.
            Err(error) => assert!(at.ends_with("/nameIndex"), "{at}: {error}"),
        },
    );
    assert!(kept > 60, "{kept}");
}
