use super::*;
use crate::log::RequestScope;
use log::{Level, RecordBuilder};
use serde_json::{Value, json};

fn record() -> RecordBuilder<'static> {
    let mut record = Record::builder();
    record.level(Level::Warn).target("orders::stock");
    record
}

/// The line of a record, with its end.
fn written(format: Format, record: &Record<'_>) -> String {
    String::from_utf8(line(format, record)).unwrap()
}

/// A line of text without its time.
fn text_of(record: &Record<'_>) -> String {
    let line = written(Format::Text, record);
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    rest.to_owned()
}

/// A line of JSON without its time.
fn json_of(record: &Record<'_>) -> Value {
    let line = written(Format::Json, record);
    assert!(line.len() <= MAX_LINE && line.ends_with("}\n") && line.lines().count() == 1, "{line}");
    let mut object: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let time = object.as_object_mut().unwrap().remove("time").unwrap();
    assert!(time.as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')), "{time}");
    object
}

fn in_trace() -> RequestScope {
    crate::log::request_scope::will_be_read();
    RequestScope::enter("id-1", || Some([b'a'; 32]))
}

#[test]
fn a_line_of_text_has_time_request_id_level_and_message() {
    assert_eq!(text_of(&record().args(format_args!("low")).build()), "- [WARN] low\n");
    let _scope = RequestScope::enter("id-1", || None);
    assert_eq!(text_of(&record().args(format_args!("low on {}", "ink")).build()), "id-1 [WARN] low on ink\n");
    assert_eq!(text_of(&record().args(format_args!("one\ntwo")).build()), "id-1 [WARN] one\ntwo\n");
}

#[test]
fn in_a_trace_the_message_of_a_line_of_text_begins_with_its_id() {
    let _scope = in_trace();
    let expected = format!("id-1 [WARN] trace_id={} low\n", "a".repeat(32));
    assert_eq!(text_of(&record().args(format_args!("low")).build()), expected);
}

#[test]
fn a_line_of_json_has_what_there_is_in_a_fixed_order() {
    let line = written(Format::Json, &record().args(format_args!("low on {}", "ink")).build());
    let (_, rest) = line.split_once("Z\"").unwrap();
    assert_eq!(rest, ",\"level\":\"WARN\",\"target\":\"orders::stock\",\"message\":\"low on ink\"}\n");
    let _scope = in_trace();
    let line = written(Format::Json, &record().args(format_args!("")).build());
    let (_, rest) = line.split_once("Z\"").unwrap();
    let trace_id = "a".repeat(32);
    let expected = format!(
        ",\"level\":\"WARN\",\"target\":\"orders::stock\",\"request_id\":\"id-1\",\"trace_id\":\"{trace_id}\",\"message\":\"\"}}\n"
    );
    assert_eq!(rest, expected);
}

#[test]
fn every_message_survives_as_json() {
    let controls: String = (0..0xa0).filter_map(char::from_u32).collect();
    for message in [
        &*controls,
        "one\ntwo\r\n\tthree",
        "\"quoted\" \\back\\ /slash/",
        "\u{2028}\u{2029}\u{feff}\u{fffd}\u{10ffff} 😀 é",
        "",
    ] {
        let expected = json!({"level": "WARN", "target": "orders::stock", "message": message});
        assert_eq!(json_of(&record().args(format_args!("{message}")).build()), expected);
        // A formatter is given the same in pieces.
        let debug = format!("{message:?}");
        let got = json_of(&record().args(format_args!("{message:?}")).build());
        assert_eq!(got["message"], json!(debug));
    }
    let target = "a\"b\n";
    let got = json_of(&Record::builder().target(target).args(format_args!("x")).build());
    assert_eq!(got["target"], json!(target));
}

/// What is left of a text of which some was cut, when the mark tells the truth.
fn kept<'a>(cut: &'a str, whole: &str) -> &'a str {
    let (kept, mark) = cut.rsplit_once("... [").expect("a mark");
    let missing: usize = mark.strip_suffix(" bytes cut]").unwrap().parse().unwrap();
    assert!(whole.starts_with(kept));
    assert_eq!(kept.len() + missing, whole.len());
    kept
}

#[test]
fn a_line_over_32_kb_is_cut_at_a_character() {
    for piece in ["x", "é", "€", "😀", "\"", "\u{1}", "x\n", "x😀\"\u{1}é"] {
        // So that the end falls on every byte of a character.
        for shift in 0..8 {
            let message = "y".repeat(shift) + &piece.repeat(2 * MAX_LINE / piece.len());
            let line = text_of(&record().args(format_args!("{message}")).build());
            assert!(line.len() + 25 <= MAX_LINE && line.len() > MAX_LINE - 200, "{piece}: {}", line.len());
            kept(line.strip_prefix("- [WARN] ").unwrap().strip_suffix('\n').unwrap(), &message);
            let object = json_of(&record().args(format_args!("{message}")).build());
            let kept = kept(object["message"].as_str().unwrap(), &message);
            assert!(kept.len() > MAX_LINE / 8, "{piece}: {}", kept.len());
        }
    }
}

#[test]
fn a_line_that_fits_is_not_cut() {
    let message = "x".repeat(MAX_LINE - 2 * MARK - 60);
    assert!(text_of(&record().args(format_args!("{message}")).build()).ends_with("x\n"));
    assert_eq!(json_of(&record().args(format_args!("{message}")).build())["message"], json!(message));
}

#[test]
fn what_comes_after_a_cut_is_counted_and_not_written() {
    let long = "x".repeat(MAX_LINE);
    let line = text_of(&record().args(format_args!("{long}{}{}", "", "tail")).build());
    assert!(!line.contains("tail"), "{}", &line[line.len() - 80..]);
    kept(line.strip_prefix("- [WARN] ").unwrap().trim_end(), &(long + "tail"));
}

#[test]
fn a_long_target_leaves_room_for_the_message() {
    let target = "t".repeat(2 * MAX_LINE);
    let object = json_of(&Record::builder().target(&target).args(format_args!("low")).build());
    assert_eq!(object["message"], json!("low"));
    kept(object["target"].as_str().unwrap(), &target);
}

#[cfg(feature = "kv")]
mod key_values {
    use super::*;
    use log::kv::{Source, ToValue};

    fn fields_of(fields: &dyn Source) -> Value {
        json_of(&record().args(format_args!("low")).key_values(&fields).build())
    }

    #[test]
    fn key_values_follow_the_message_of_a_line_of_text() {
        let fields = [("left", 7.to_value()), ("of", "ink".to_value())];
        let line = text_of(&record().args(format_args!("low")).key_values(&fields).build());
        assert_eq!(line, "- [WARN] low left=7 of=ink\n");
    }

    #[test]
    fn key_values_are_fields_of_their_own_types() {
        let debug = vec![1];
        let fields = [
            ("count", 7_u64.to_value()),
            ("least", i64::MIN.to_value()),
            ("most", u64::MAX.to_value()),
            ("half", 0.5.to_value()),
            ("tiny", 5e-324.to_value()),
            ("huge", f64::MAX.to_value()),
            ("minus", (-1e300).to_value()),
            ("zero", 0.0.to_value()),
            ("no number", f64::NAN.to_value()),
            ("infinite", f64::INFINITY.to_value()),
            ("yes", true.to_value()),
            ("none", None::<u64>.to_value()),
            ("text\"", "a \"b\"\n".to_value()),
            ("letter", 'é'.to_value()),
            ("shown", log::kv::Value::from_debug(&debug)),
            ("large", u128::MAX.to_value()),
        ];
        let expected = json!({
            "count": 7, "least": i64::MIN, "most": u64::MAX, "half": 0.5, "tiny": 5e-324, "huge": f64::MAX,
            "minus": -1e300, "zero": 0, "no number": "NaN", "infinite": "inf", "yes": true, "none": null,
            "text\"": "a \"b\"\n", "letter": "é", "shown": "[1]", "large": u128::MAX.to_string(),
        });
        assert_eq!(fields_of(&fields)["fields"], expected);
        assert_eq!(fields_of(&[("a", 1); 0]).get("fields"), None);
    }

    #[test]
    fn long_fields_are_cut_or_left_out_and_leave_room_for_the_message() {
        let long = "\u{1}".repeat(MAX_LINE);
        let object = fields_of(&[("long", &*long), ("more", &*long)]);
        assert_eq!((&object["message"], &object["fields_left_out"]), (&json!("low"), &json!(1)));
        kept(object["fields"]["long"].as_str().unwrap(), &long);

        let many: Vec<(String, u64)> = (0..10_000).map(|at| (format!("key{at}"), u64::MAX)).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(key, value)| (&**key, *value)).collect();
        let object = fields_of(&many.as_slice());
        let written = object["fields"].as_object().unwrap().len();
        assert_eq!(object["fields_left_out"], json!(10_000 - written));
        assert!(written > 300, "{written}");
        assert!(object["fields"].as_object().unwrap().values().all(|value| *value == json!(u64::MAX)));

        let object = fields_of(&[(&*long, 1), ("short", 2)]);
        assert_eq!((&object["fields"], &object["fields_left_out"]), (&json!({"short": 2}), &json!(1)));
        for length in MAX_FIELDS - 4 * MARK..MAX_FIELDS {
            fields_of(&[(&*"k".repeat(length), f64::MIN_POSITIVE)]);
        }
    }

    #[test]
    fn a_message_and_fields_share_a_line() {
        let long = "x".repeat(2 * MAX_LINE);
        let fields = [("long", &*long)];
        let object = json_of(&record().args(format_args!("{long}")).key_values(&fields).build());
        kept(object["message"].as_str().unwrap(), &long);
        kept(object["fields"]["long"].as_str().unwrap(), &long);
        let line = text_of(&record().args(format_args!("{long}")).key_values(&fields).build());
        assert!(line.len() <= MAX_LINE && line.ends_with(" bytes cut]\n"), "{}", line.len());
    }
}
