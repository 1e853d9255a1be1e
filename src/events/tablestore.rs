//! What a table's stream sends: CBOR, and JSON from the console.

use super::loose::{maybe_text, text};
use super::others;
use super::read::{EVENT, FromWhole, expected_and_found, from_json, named, path_of, whole};
use super::time::Time;
use crate::api::StatusError;
use cbor4ii::core::utils::SliceReader;
use cbor4ii::serde::DecodeError;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::fmt;

/// RFC 8949 section 3.4.6: what follows is CBOR.
const SELF_DESCRIBED: &[u8] = &[0xd9, 0xd9, 0xf7];

/// Rows of a table have changed.
///
/// It is CBOR on the wire, and JSON where the vendor's console tests a function: `Request::event` reads both.
///
/// - **Trigger**: Tablestore, which calls synchronously, and gives the function a minute at the most. Page:
///   [Tablestore triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/tablestore-triggers).
/// - **Missing**: all but `records`; a deleted row has no columns.
/// - **Delivery**: at least once, in the order of the row. A failed invocation is repeated until the stream's data expire, and holds up what
///   comes after it. **Idempotency key**: the primary key with `info.timestamp`.
///
/// ```
/// use fc_runtime::events::TablestoreEvent;
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let event: TablestoreEvent = request.event()?;
///     for record in &event.records {
///         log::info!("{} of {:?}", record.kind, record.primary_key("id"));
///     }
///     Ok("".into())
/// }
/// # use fc_runtime::testing::Call;
/// let event: TablestoreEvent = serde_json::from_str(
///     r#"{"Version":"Sync-v1","Records":[{"Type":"PutRow","PrimaryKey":[{"ColumnName":"id","Value":7}]}]}"#,
/// )?;
/// assert_eq!(Call::event(&event).send(&invoke).status(), 200); // in CBOR, as on the platform
/// # anyhow::Ok(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "PascalCase", expecting = "the event of a table")]
pub struct TablestoreEvent {
    /// `Sync-v1`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The changes, one record each.
    pub records: Vec<TableRecord>,
    /// What else there is.
    #[serde(flatten, with = "others")]
    pub other: Map<String, Value>,
}

/// The change of a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object")]
pub struct TableRecord {
    /// `Type`: `PutRow`, `UpdateRow` or `DeleteRow`.
    #[serde(rename = "Type", deserialize_with = "text")]
    pub kind: String,
    /// When it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<TableInfo>,
    /// The columns of the row's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<Vec<TableKey>>,
    /// What has changed in the other columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<TableColumn>>,
    /// What else there is.
    #[serde(flatten, with = "others")]
    pub other: Map<String, Value>,
}

/// When a row has changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object")]
pub struct TableInfo {
    /// In microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
    /// What else there is.
    #[serde(flatten, with = "others")]
    pub other: Map<String, Value>,
}

/// A column of a row's key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object")]
pub struct TableKey {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub column_name: String,
    /// Its value: an integer, text or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<TableValue>,
    /// What else there is.
    #[serde(flatten, with = "others")]
    pub other: Map<String, Value>,
}

/// The change of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object")]
pub struct TableColumn {
    /// `Type`: `Put`, `DeleteOneVersion` or `DeleteAllVersions`.
    #[serde(
        rename = "Type",
        default,
        deserialize_with = "maybe_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub column_name: String,
    /// Its value; missing where it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<TableValue>,
    /// The version, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
    /// What else there is.
    #[serde(flatten, with = "others")]
    pub other: Map<String, Value>,
}

/// A value of a table. In JSON bytes are an array of numbers; a double that is no number has no form there.
#[derive(Clone, Debug, PartialEq)]
pub enum TableValue {
    /// An integer of 64 bits.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// A double.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Default for TableValue {
    fn default() -> TableValue {
        TableValue::Text(String::new())
    }
}

impl TableRecord {
    /// The value of a column of the key, by its name.
    pub fn primary_key(&self, column: &str) -> Option<&TableValue> {
        self.primary_key.iter().flatten().find(|it| it.column_name == column)?.value.as_ref()
    }

    /// The new value of another column, by its name; `None` where it is deleted or has not changed.
    pub fn column(&self, column: &str) -> Option<&TableValue> {
        self.columns.iter().flatten().find(|it| it.column_name == column)?.value.as_ref()
    }
}

impl Serialize for TableValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            TableValue::Integer(value) => serializer.serialize_i64(*value),
            TableValue::Boolean(value) => serializer.serialize_bool(*value),
            TableValue::Double(value) => serializer.serialize_f64(*value),
            TableValue::Text(value) => serializer.serialize_str(value),
            TableValue::Blob(value) => serializer.serialize_bytes(value),
        }
    }
}

impl<'de> Deserialize<'de> for TableValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TableValue, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = TableValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a boolean, text or bytes")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<TableValue, E> {
                Ok(TableValue::Integer(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<TableValue, E> {
                let signed = i64::try_from(value).map(TableValue::Integer);
                signed.map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &"a number of 64 bits"))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<TableValue, E> {
                Ok(TableValue::Boolean(value))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<TableValue, E> {
                Ok(TableValue::Double(value))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TableValue, E> {
                Ok(TableValue::Text(text.to_owned()))
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<TableValue, E> {
                Ok(TableValue::Blob(bytes.to_vec()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<TableValue, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element()? {
                    bytes.push(byte);
                }
                Ok(TableValue::Blob(bytes))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Whether this is CBOR of what CBOR calls a map: no text, and so no JSON, begins with such a byte.
pub(super) fn is_cbor(event: &[u8]) -> bool {
    event.starts_with(SELF_DESCRIBED) || matches!(event.first(), Some(0xa0..=0xbf))
}

impl FromWhole for TablestoreEvent {
    fn from_whole(event: &[u8]) -> Result<TablestoreEvent, StatusError> {
        if !is_cbor(event) {
            return from_json::<AsJson>(event, EVENT).map(|event| event.0);
        }
        let event = event.strip_prefix(SELF_DESCRIBED).unwrap_or(event);
        let mut reader = SliceReader::new(event);
        let mut deserializer = cbor4ii::serde::Deserializer::new(&mut reader);
        let AsJson(read) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let text = match error.inner() {
                DecodeError::Custom(text) => expected_and_found(text),
                DecodeError::Core(error) => broken(error),
            };
            StatusError::new(400, named(&path_of(error.path()), &text, EVENT))
        })?;
        let mut left = deserializer.into_inner();
        match cbor4ii::core::dec::Read::fill(&mut left, 1) {
            Ok(left) if left.as_ref().is_empty() => Ok(read),
            _ => Err(StatusError::new(400, format!("{EVENT}: something follows its CBOR"))),
        }
    }

    fn from_part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TablestoreEvent, D::Error> {
        TablestoreEvent::deserialize(deserializer)
    }
}

fn broken(error: &cbor4ii::core::error::DecodeError<Infallible>) -> String {
    format!("broken CBOR: {error}")
}

/// As a part of something: without a look at all bytes.
#[derive(Deserialize)]
struct AsJson(#[serde(deserialize_with = "TablestoreEvent::deserialize")] TablestoreEvent);

impl<'de> Deserialize<'de> for TablestoreEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TablestoreEvent, D::Error> {
        whole(deserializer)
    }
}

impl Serialize for TablestoreEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TablestoreEvent::serialize(self, serializer)
    }
}
