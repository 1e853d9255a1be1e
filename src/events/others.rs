//! What else there is in an event that is not always JSON: as JSON's values, and the same in both forms again. Which fields are known
//! is not known here.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Bytes are kept as an array of numbers, a double that is no number as null.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    let all = BTreeMap::<String, Kept>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|(name, kept)| (name, kept.0)).collect())
}

/// A null is one in CBOR too, for which serde's unit is none.
pub(super) fn serialize<S: Serializer>(all: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(all.iter().map(|(name, value)| (name, Written(value))))
}

struct Written<'a>(&'a Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_none(),
            Value::Array(all) => serializer.collect_seq(all.iter().map(Written)),
            Value::Object(all) => self::serialize(all, serializer),
            value => value.serialize(serializer),
        }
    }
}

struct Kept(Value);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Kept, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Kept;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Kept, E> {
                Ok(Kept(value.into()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Kept, E> {
                Ok(Kept(value.into()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Kept, E> {
                Ok(Kept(value.into()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Kept, E> {
                Ok(Kept(value.into()))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Kept, E> {
                Ok(Kept(text.into()))
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Kept, E> {
                Ok(Kept(bytes.into()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Kept, E> {
                Ok(Kept(Value::Null))
            }
            fn visit_none<E: de::Error>(self) -> Result<Kept, E> {
                Ok(Kept(Value::Null))
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kept, D::Error> {
                Kept::deserialize(deserializer)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Kept, A::Error> {
                let mut all = Vec::new();
                while let Some(Kept(value)) = list.next_element()? {
                    all.push(value);
                }
                Ok(Kept(all.into()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
                let mut all = Map::new();
                while let Some((name, Kept(value))) = map.next_entry::<String, Kept>()? {
                    all.insert(name, value);
                }
                Ok(Kept(all.into()))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
