//! From bytes to an event, and what is said of bytes that are none: where, what was expected, what was found. Which
//! fields an event has is not known here.

use crate::api::StatusError;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::error::Category;
use std::fmt;
use std::marker::PhantomData;

/// What the bytes are called in an error that has no path.
pub(super) const EVENT: &str = "the event";
/// By this name an event asks for all bytes: one that is not, or not always, JSON.
const WHOLE: &str = "fc_runtime::events::Whole";
/// How much of what was found is shown.
const MAX_FOUND: usize = 60;
/// How much of a path is shown.
const MAX_PATH: usize = 200;

/// Reads what a trigger sent.
pub(crate) fn read<T: DeserializeOwned>(event: &[u8]) -> Result<T, StatusError> {
    match T::deserialize(Whole(event)) {
        Ok(value) => Ok(value),
        Err(NotRead::Refused(message)) => Err(StatusError::new(400, message)),
        Err(NotRead::NotAsked) => from_json(event, EVENT),
    }
}

/// Reads JSON. Paths cost time, so they are followed only when something is wrong.
pub(super) fn from_json<T: DeserializeOwned>(json: &[u8], what: &str) -> Result<T, StatusError> {
    serde_json::from_slice(json)
        .or_else(|_| follow(json))
        .map_err(|(path, text)| StatusError::new(400, named(&path, &text, what)))
}

/// Reads JSON that is part of another one: the error begins with its path there, as `.size: ` or `[0]: `.
pub(super) fn from_part<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).or_else(|_| follow(json.as_bytes())).map_err(|(path, text)| {
        match path.as_str() {
            "." if begins_with_path(&text) => text,
            "." => format!(": {text}"),
            _ if path.starts_with('[') => join(&path, &text),
            _ => join(&format!(".{path}"), &text),
        }
    })
}

/// Reads JSON again, for the path and the text of its error.
fn follow<T: DeserializeOwned>(json: &[u8]) -> Result<T, (String, String)> {
    if json.trim_ascii().is_empty() {
        return Err((".".into(), "empty, expected JSON".into()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| (path_of(error.path()), json_text(error.inner())))?;
    deserializer.end().map_err(|error| (".".into(), json_text(&error)))?;
    Ok(value)
}

/// Where an error is: `.` for all. What is within a value that ends early has no path.
pub(super) fn path_of(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    match path.strip_suffix('?') {
        Some("") => ".".into(),
        Some(known) => shown(known.trim_end_matches('.')),
        None => shown(&path),
    }
}

/// A path, of which the sender of an event decides the names: no line breaks, and not all of a long one.
fn shown(path: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    match path.char_indices().nth(MAX_PATH) {
        Some((end, _)) => path[..end].chars().map(escape).chain(["…".into()]).collect(),
        None => path.chars().map(escape).collect(),
    }
}

/// What an error says: of what has a path without its line, of what is no JSON with it.
fn json_text(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.classify() != Category::Data {
        return text;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    expected_and_found(text.strip_suffix(&place).unwrap_or(&text))
}

/// serde's `invalid type: string "x", expected a number` as `expected a number, found "x"`.
pub(super) fn expected_and_found(text: &str) -> String {
    let parts = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    let Some((found, expected)) = parts.and_then(|parts| parts.rsplit_once(", expected ")) else {
        return text.to_owned();
    };
    let found = match found {
        "map" => "an object",
        "sequence" => "an array",
        "unit value" | "Option value" => "null",
        found => {
            let value = ["string ", "integer ", "boolean ", "floating point "];
            let value = value.iter().find_map(|kind| found.strip_prefix(kind)).unwrap_or(found);
            value.split("` as ").next().unwrap_or(value).trim_matches('`') // it is wider than 64 bits
        }
    };
    let expected = match expected {
        "a map" => "an object",
        "a sequence" => "an array",
        expected => expected,
    };
    match found.char_indices().nth(MAX_FOUND) {
        Some((end, _)) => format!("expected {expected}, found {}…", &found[..end]),
        None => format!("expected {expected}, found {found}"),
    }
}

/// Whether an error of a part says where in it: see [`from_part`].
fn begins_with_path(text: &str) -> bool {
    text.starts_with(['.', '['])
}

fn join(path: &str, text: &str) -> String {
    if begins_with_path(text) { format!("{path}{text}") } else { format!("{path}: {text}") }
}

/// An error with its path, or with `what` where it is of all.
pub(super) fn named(path: &str, text: &str, what: &str) -> String {
    match (path, begins_with_path(text)) {
        (".", true) => text.trim_start_matches('.').to_owned(),
        (".", false) => format!("{what}: {}", text.trim_start_matches(": ")),
        _ => join(path, text),
    }
}

/// An event that is not, or not always, JSON.
pub(super) trait FromWhole: Sized {
    /// Reads all bytes.
    fn from_whole(event: &[u8]) -> Result<Self, StatusError>;
    /// Reads it as part of something else.
    fn from_part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Reads a `T`: from all bytes where they are to be had.
pub(super) fn whole<'de, T: FromWhole, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Reader<T>(PhantomData<T>);
    impl<'de, T: FromWhole> Visitor<'de> for Reader<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an event")
        }
        fn visit_bytes<E: de::Error>(self, event: &[u8]) -> Result<T, E> {
            T::from_whole(event).map_err(E::custom)
        }
        fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
            T::from_part(deserializer)
        }
    }
    deserializer.deserialize_newtype_struct(WHOLE, Reader(PhantomData))
}

/// All bytes, for an event that asks for them.
struct Whole<'a>(&'a [u8]);

#[derive(Debug)]
enum NotRead {
    /// The type reads JSON, as most do.
    NotAsked,
    Refused(String),
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotRead::NotAsked => f.write_str("not asked for"),
            NotRead::Refused(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for NotRead {}

impl de::Error for NotRead {
    fn custom<T: fmt::Display>(message: T) -> NotRead {
        NotRead::Refused(message.to_string())
    }
}

impl<'de> Deserializer<'de> for Whole<'_> {
    type Error = NotRead;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotRead> {
        Err(NotRead::NotAsked)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotRead> {
        if name == WHOLE { visitor.visit_bytes(self.0) } else { Err(NotRead::NotAsked) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Int;
    use std::collections::BTreeMap;

    type Sizes = BTreeMap<String, Vec<Int>>;

    fn refused(json: &str) -> String {
        read::<Sizes>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_path_what_was_expected_and_what_was_found() {
        for (json, expected) in [
            (r#"{"a":[1,"x"]}"#, "a[1]: expected a number, found \"x\""),
            (r#"{"a":[{}]}"#, "a[0]: expected a number, found an object"),
            (r#"{"a":[1.5]}"#, "a[0]: expected a number, found 1.5"),
            (r#"{"a":[true]}"#, "a[0]: expected a number, found true"),
            (r#"{"a":[null]}"#, "a[0]: expected a number, found null"),
            (
                r#"{"a":[18446744073709551615]}"#,
                "a[0]: expected a number of 64 bits, found 18446744073709551615",
            ),
            ("[]", "the event: expected an object, found an array"),
            (r#"{"a":7}"#, "a: expected an array, found 7"),
            ("{\"a\\nb\":7}", "a\\nb: expected an array, found 7"),
            (" ", "the event: empty, expected JSON"),
            ("{", "the event: EOF while parsing an object at line 1 column 1"),
            ("{} x", "the event: trailing characters at line 1 column 4"),
            (r#"{"a":[1e999]}"#, "a[0]: number out of range at line 1 column 11"),
        ] {
            assert_eq!(refused(json), expected, "{json}");
        }
    }

    #[test]
    fn a_path_is_shown_in_part() {
        let name = "ä".repeat(100_000);
        let error = refused(&format!(r#"{{"{name}":7}}"#));
        assert_eq!(error, format!("{}…: expected an array, found 7", "ä".repeat(MAX_PATH)));
    }

    #[test]
    fn what_was_found_is_shown_in_part() {
        let found = refused(&format!(r#"{{"a":["{}"]}}"#, "ä".repeat(1000)));
        assert_eq!(found, format!("a[0]: expected a number, found \"{}…", "ä".repeat(MAX_FOUND - 1)));
    }

    #[test]
    fn the_error_of_a_part_goes_on_with_the_path() {
        assert_eq!(
            from_part::<Sizes>(r#"{"a":["x"]}"#).unwrap_err(),
            ".a[0]: expected a number, found \"x\""
        );
        assert_eq!(from_part::<Vec<Int>>("[true]").unwrap_err(), "[0]: expected a number, found true");
        assert_eq!(from_part::<Int>("true").unwrap_err(), ": expected a number, found true");
        assert_eq!(named("[0]", ".a: no", EVENT), "[0].a: no");
        assert_eq!(named(".", "[0].a: no", EVENT), "[0].a: no");
    }
}
