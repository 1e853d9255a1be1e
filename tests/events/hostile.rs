//! What a stranger might send: an error each, and never a panic.

use crate::samples::{SAMPLES, sample};
use fc_runtime::events::{Batch, Event, KafkaMessage, OssEvent, TablestoreEvent};
use fc_runtime::fuzzing::event;
use serde_json::Value;

#[test]
fn a_known_field_that_is_there_twice_is_an_error() {
    // A topic's message that is not what the vendor makes of one is text.
    for (name, rewrite, _) in SAMPLES.into_iter().filter(|(name, ..)| *name != "mns-stream") {
        let json = sample(name).to_string();
        let Some((field, _)) = json.trim_start_matches(['[', '{']).split_once(':') else { panic!("{json}") };
        let twice = json.replacen('{', &format!("{{{field}:null,"), 1);
        let error = rewrite(twice.as_bytes()).expect_err(&twice);
        assert!(
            error.contains(&format!("duplicate field `{}`", field.trim_matches('"')))
                || error.contains("null"),
            "{name}: {error}"
        );
    }
    let error =
        event::<OssEvent>(br#"{"events":[{"oss":{"bucket":{"name":"a","name":"b"},"object":{"key":"k"}}}]}"#);
    assert_eq!(error.unwrap_err(), "events[0].oss.bucket: duplicate field `name`");
}

#[test]
fn depth_is_limited_in_json_and_cbor() {
    let deep =
        |levels: usize| format!("{{\"events\":[],\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(event::<OssEvent>(deep(100).as_bytes()).is_ok());
    for levels in [128, 1_000_000] {
        let error = event::<OssEvent>(deep(levels).as_bytes()).unwrap_err();
        assert!(error.contains("recursion limit exceeded"), "{error}");
    }
    let text = "[".repeat(1_000_000);
    assert!(event::<Batch<KafkaMessage>>(text.as_bytes()).is_err());
    assert_eq!(event::<Event>(text.as_bytes()), Ok(Event::Other(text.into_bytes())));
    // {"Records": [[[…
    let cbor = [b"\xbf\x67Records".to_vec(), vec![0x81; 1_000_000]].concat();
    assert!(event::<TablestoreEvent>(&cbor).is_err());
    // {"x": [[[…, which nobody knows of.
    let cbor = [b"\xbf\x61x".to_vec(), vec![0x81; 1_000_000]].concat();
    assert!(event::<TablestoreEvent>(&cbor).unwrap_err().contains("broken CBOR"));
}

#[test]
fn a_number_out_of_range_is_an_error() {
    for (number, expected) in [
        ("1e999", "number out of range"),
        ("9223372036854775808", "expected a number of 64 bits, found 9223372036854775808"),
        ("-9223372036854775809", "expected a number, found "),
        ("123456789012345678901234567890", "expected a number, found "),
        ("1.5", "expected a number, found 1.5"),
        ("\"9223372036854775808\"", "expected a number, found \"9223372036854775808\""),
    ] {
        let json = format!(
            r#"{{"events":[{{"oss":{{"bucket":{{"name":"a"}},"object":{{"key":"k","size":{number}}}}}}}]}}"#
        );
        let error = event::<OssEvent>(json.as_bytes()).unwrap_err();
        assert!(error.starts_with(&format!("events[0].oss.object.size: {expected}")), "{number}: {error}");
    }
}

#[test]
fn a_length_that_is_announced_reserves_nothing() {
    // {"Records": [ and 2^63 elements; a text of 2^63 bytes.
    for cbor in [
        &b"\xa1\x67Records\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\xa1\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
    ] {
        assert!(event::<TablestoreEvent>(cbor).is_err());
    }
}

#[test]
fn an_event_that_is_cut_anywhere_is_an_error() {
    for (name, rewrite, _) in SAMPLES {
        let json = sample(name).to_string();
        for end in (0..json.len()).filter(|_| name != "mns-stream") {
            assert!(rewrite(&json.as_bytes()[..end]).is_err(), "{name}, cut at {end}");
        }
        let _ = event::<Value>(&json.as_bytes()[..json.len() / 2]).unwrap_err();
    }
    let event_of_table: TablestoreEvent = event(sample("tablestore").to_string().as_bytes()).unwrap();
    let cbor = Vec::from(&event_of_table);
    for end in 0..cbor.len() {
        assert!(event::<TablestoreEvent>(&cbor[..end]).is_err(), "cut at {end}");
    }
    let more = [&cbor[..], b"\0"].concat();
    assert_eq!(event::<TablestoreEvent>(&more).unwrap_err(), "the event: something follows its CBOR");
}
