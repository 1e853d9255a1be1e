//! Values that are sent in two types: numbers as text, booleans as text, names as numbers. How a field is called is
//! not known here.

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// A whole number that may be sent as text: where the vendor's tables say "String" its samples have a number, or the
/// other way round. It is written as it came.
///
/// ```
/// # use fc_runtime::events::Int;
/// let size: Int = serde_json::from_str("\"9\"")?;
/// assert!(size == 9 && size.value == 9);
/// assert_eq!(serde_json::to_string(&size)?, "\"9\"");
/// # anyhow::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Int {
    /// The number.
    pub value: i64,
    /// Whether it is sent as text.
    pub is_text: bool,
}

impl From<i64> for Int {
    fn from(value: i64) -> Int {
        Int { value, is_text: false }
    }
}

impl PartialEq<i64> for Int {
    fn eq(&self, value: &i64) -> bool {
        self.value == *value
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_text { serializer.collect_str(&self.value) } else { serializer.serialize_i64(self.value) }
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Int, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Int;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Int, E> {
                Ok(value.into())
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Int, E> {
                let signed = i64::try_from(value);
                signed
                    .map(Int::from)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &"a number of 64 bits"))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Int, E> {
                let value = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
                Ok(Int { value, is_text: true })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A boolean that may be sent as text, `"true"` or `"false"`. It is written as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flag {
    /// The boolean.
    pub value: bool,
    /// Whether it is sent as text.
    pub is_text: bool,
}

impl From<bool> for Flag {
    fn from(value: bool) -> Flag {
        Flag { value, is_text: false }
    }
}

impl PartialEq<bool> for Flag {
    fn eq(&self, value: &bool) -> bool {
        self.value == *value
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_text { serializer.collect_str(&self.value) } else { serializer.serialize_bool(self.value) }
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flag, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Flag;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Flag, E> {
                Ok(value.into())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Flag, E> {
                let value = text.eq_ignore_ascii_case("true");
                if !value && !text.eq_ignore_ascii_case("false") {
                    return Err(E::invalid_value(Unexpected::Str(text), &self));
                }
                Ok(Flag { value, is_text: true })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// An id that is a number in some sources and text in others. `Display` writes either.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Id {
    /// Sent as a number.
    Number(i64),
    /// Sent as text.
    Text(String),
}

impl Default for Id {
    fn default() -> Id {
        Id::Text(String::new())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => f.write_str(text),
        }
    }
}

impl From<i64> for Id {
    fn from(number: i64) -> Id {
        Id::Number(number)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Id {
        Id::Text(text.to_owned())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Id::Number(number) => serializer.serialize_i64(*number),
            Id::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        number_or_text(deserializer, Id::Number, Id::Text)
    }
}

/// Reads a value that is a whole number or text, and may be any text.
pub(super) fn number_or_text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    number: fn(i64) -> T,
    text: fn(String) -> T,
) -> Result<T, D::Error> {
    struct Reader<T>(fn(i64) -> T, fn(String) -> T);
    impl<T> Visitor<'_> for Reader<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or text")
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
            Ok(self.0(value))
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
            let signed = i64::try_from(value);
            signed
                .map(self.0)
                .map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &"a number of 64 bits"))
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            Ok(self.1(text.to_owned()))
        }
        fn visit_string<E: de::Error>(self, text: String) -> Result<T, E> {
            Ok(self.1(text))
        }
    }
    deserializer.deserialize_any(Reader(number, text))
}

/// Text, or what else JSON has without a structure, as text: an account's number, say.
struct Text(String);

/// Up to here a double is every integer.
const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_string<E: de::Error>(self, text: String) -> Result<Text, E> {
                Ok(Text(text))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Text, E> {
                // An integer that is read as a double has lost digits.
                match serde_json::Number::from_f64(value) {
                    Some(number) if value.fract() != 0.0 || value.abs() < EXACT => {
                        Ok(Text(number.to_string()))
                    }
                    _ => Err(E::invalid_value(de::Unexpected::Float(value), &"text or a number of 64 bits")),
                }
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// For a field that has to be there.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Text::deserialize(deserializer).map(|text| text.0)
}

/// For a field that may be missing or null.
pub(super) fn maybe_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
}

/// For a field whose empty text is a missing one.
pub(super) fn text_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(maybe_text(deserializer)?.unwrap_or_default())
}

/// For a list of names, of which a single one may stand alone.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Reader;
    impl<'de> Visitor<'de> for Reader {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of text")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(vec![text.to_owned()])
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = list.next_element::<Text>()? {
                texts.push(text.0);
            }
            Ok(texts)
        }
    }
    struct Texts(Vec<String>);
    impl<'de> Deserialize<'de> for Texts {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Texts, D::Error> {
            deserializer.deserialize_any(Reader).map(Texts)
        }
    }
    Ok(Option::<Texts>::deserialize(deserializer)?.map(|texts| texts.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written<T: Serialize + serde::de::DeserializeOwned>(json: &str) -> Result<String, serde_json::Error> {
        serde_json::to_string(&serde_json::from_str::<T>(json)?)
    }

    #[test]
    fn what_is_sent_in_one_type_is_written_in_it() {
        for json in ["9", "\"9\"", "-9223372036854775808", "\"9223372036854775807\""] {
            assert_eq!(written::<Int>(json).unwrap(), json);
        }
        for json in ["true", "\"false\""] {
            assert_eq!(written::<Flag>(json).unwrap(), json);
        }
        for json in ["7", "\"7\"", "\"321****\"", "\"\""] {
            assert_eq!(written::<Id>(json).unwrap(), json);
        }
    }

    #[test]
    fn what_means_no_number_or_no_boolean_is_refused() {
        for json in ["\"x\"", "\"\"", "1.5", "1e3", "9223372036854775808", "null", "[]", "true", "\" 1\""] {
            assert!(written::<Int>(json).is_err(), "{json}");
        }
        for json in ["\"yes\"", "1", "null", "{}"] {
            assert!(written::<Flag>(json).is_err(), "{json}");
        }
        for json in ["1.5", "true", "[]", "18446744073709551615"] {
            assert!(written::<Id>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn text_takes_what_has_no_structure() {
        for (json, expected) in
            [("\"a\"", "a"), ("1", "1"), ("-1", "-1"), ("1.5", "1.5"), ("1.0", "1.0"), ("true", "true")]
        {
            let read = text(&mut serde_json::Deserializer::from_str(json)).unwrap();
            assert_eq!(read, expected);
        }
        for json in ["null", "[]", "{}", "12345678901234567890123", "1e300"] {
            assert!(text(&mut serde_json::Deserializer::from_str(json)).is_err(), "{json}");
        }
    }
}
