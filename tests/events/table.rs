//! A table's stream in CBOR.

use crate::samples::sample;
use fc_runtime::events::{Event, TableColumn, TableKey, TableRecord, TableValue, TablestoreEvent};
use fc_runtime::fuzzing::event;
use serde_json::json;

fn with_value(value: TableValue) -> TablestoreEvent {
    let key = TableKey { column_name: "k".into(), value: Some(value.clone()), ..Default::default() };
    let column = TableColumn { column_name: "c".into(), value: Some(value), ..Default::default() };
    let record = TableRecord {
        kind: "PutRow".into(),
        primary_key: Some(vec![key]),
        columns: Some(vec![column]),
        ..Default::default()
    };
    TablestoreEvent { records: vec![record], ..Default::default() }
}

#[test]
fn a_table_is_read_alike_from_json_and_cbor() {
    let json: TablestoreEvent = event(sample("tablestore").to_string().as_bytes()).unwrap();
    let cbor = Vec::from(&json);
    assert!(cbor[0] >= 0xa0, "CBOR begins with a map");
    assert_eq!(event::<TablestoreEvent>(&cbor).unwrap(), json);
    assert_eq!(event::<Event>(&cbor).unwrap(), Event::Tablestore(json.clone()));
    let described = [b"\xd9\xd9\xf7", &cbor[..]].concat();
    assert_eq!(event::<TablestoreEvent>(&described).unwrap(), json);
    let record = &json.records[0];
    assert_eq!(record.primary_key("id"), Some(&TableValue::Integer(1_506_416_585_881_590_900)));
    assert_eq!(
        (record.column("phone"), record.column("gone"), record.primary_key("city")),
        (None, None, None)
    );
}

#[test]
fn every_value_is_the_same_in_both_forms() {
    for value in [
        TableValue::Integer(i64::MIN),
        TableValue::Integer(i64::MAX),
        TableValue::Integer((1 << 53) + 1),
        TableValue::Boolean(true),
        TableValue::Double(3.0),
        TableValue::Double(0.1),
        TableValue::Double(f64::MAX),
        TableValue::Double(5e-324),
        TableValue::Text("ä\0\u{1f600}".into()),
        TableValue::Text("7".into()),
        TableValue::Blob(vec![0, 255, 10]),
        TableValue::Blob(Vec::new()),
    ] {
        let table = with_value(value);
        assert_eq!(event::<TablestoreEvent>(&Vec::from(&table)).unwrap(), table);
        assert_eq!(event::<TablestoreEvent>(&serde_json::to_vec(&table).unwrap()).unwrap(), table);
    }
    let infinite = with_value(TableValue::Double(f64::INFINITY));
    assert_eq!(event::<TablestoreEvent>(&Vec::from(&infinite)).unwrap(), infinite);
}

/// As other encoders write it: lengths left open, text in pieces, floats as short as they can be, nulls.
#[test]
fn cbor_is_read_however_it_is_written() {
    for (value, expected) in [
        (&b"\xf9\x3e\x00"[..], TableValue::Double(1.5)),
        (b"\xfa\x3f\xc0\0\0", TableValue::Double(1.5)),
        (b"\x7f\x61a\x61b\xff", TableValue::Text("ab".into())),
        (b"\x5f\x41a\x41b\xff", TableValue::Blob(b"ab".to_vec())),
        (b"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", TableValue::Integer(i64::MAX)),
        (b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", TableValue::Integer(i64::MIN)),
    ] {
        let key = [b"\xa2\x6aColumnName\x61k\x65Value", value].concat();
        let record = [b"\xa3\x64Type\x66PutRow\x67Columns\xf6\x6aPrimaryKey\x9f", &key[..], b"\xff"].concat();
        let cbor = [b"\xbf\x67Records\x81", &record[..], b"\xff"].concat();
        let table: TablestoreEvent = event(&cbor).unwrap_or_else(|error| panic!("{expected:?}: {error}"));
        assert_eq!(table.records[0].primary_key("k"), Some(&expected));
    }
}

#[test]
fn an_error_in_cbor_has_its_path_too() {
    for (value, expected) in [
        (
            &b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
            "expected a number of 64 bits, found 18446744073709551615",
        ),
        (b"\xa0", "expected a number, a boolean, text or bytes, found an object"),
        (b"\xc2\x49\x01\0\0\0\0\0\0\0\0", "expected a number, a boolean, text or bytes, found "),
    ] {
        let record =
            [b"\xa2\x64Type\x66PutRow\x6aPrimaryKey\x81\xa2\x6aColumnName\x61k\x65Value", value].concat();
        let error = event::<TablestoreEvent>(&[b"\xa1\x67Records\x81", &record[..]].concat()).unwrap_err();
        assert!(error.starts_with(&format!("Records[0].PrimaryKey[0].Value: {expected}")), "{error}");
    }
}

#[test]
fn what_is_not_known_is_kept_whatever_cbor_has_there() {
    let text = |text: &str| [&[0x60 + text.len() as u8], text.as_bytes()].concat();
    for (value, kept) in [
        (vec![0x42, 0x00, 0xff], json!([0, 255])),
        (vec![0x82, 0x41, 0x07, 0xf6], json!([[7], null])),
        (vec![0xf9, 0x7e, 0x00], json!(null)), // no number
        ([vec![0xa1], text("a"), vec![0x20]].concat(), json!({"a": -1})),
        (vec![0xf5], json!(true)),
    ] {
        let record = [vec![0xa2], text("Type"), text("PutRow"), text("New"), value].concat();
        let cbor = [vec![0xa1], text("Records"), vec![0x81], record].concat();
        let read: TablestoreEvent = event(&cbor).unwrap_or_else(|error| panic!("{kept}: {error}"));
        assert_eq!(read.records[0].other["New"], kept);
        assert_eq!(event::<TablestoreEvent>(&Vec::from(&read)).unwrap(), read);
    }
}
