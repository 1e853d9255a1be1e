//! What the data transmission service sends.

use super::loose::{Flag, Id, Int, maybe_text};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A change of a database's row, in a [`Batch`](super::Batch).
///
/// - **Trigger**: DTS. Page: [DTS triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/dts-triggers-1).
/// - **Missing**: any field; an insert has no `before_image`, a delete no `after_image`.
/// - **Delivery**: at least once, in batches, in the order of the partition. **Idempotency key**: `topic_partition` and `offset` together, or `id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a message of DTS")]
pub struct DtsMessage {
    /// The change's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Where it is read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_partition: Option<DtsTopicPartition>,
    /// The position in the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<Int>,
    /// When it was made, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_timestamp: Option<Time>,
    /// `INSERT`, `UPDATE`, `DELETE`, `DDL` and so on.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub operation_type: Option<String>,
    /// The table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<DtsSchema>,
    /// The row before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_image: Option<DtsImage>,
    /// The row after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_image: Option<DtsImage>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Where a [`DtsMessage`] is read from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct DtsTopicPartition {
    /// A hash; 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<Int>,
    /// The partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<Int>,
    /// The topic.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct DtsSchema {
    /// Its columns, in the order of an image's values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_fields: Option<Vec<DtsField>>,
    /// Its columns by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_index: Option<BTreeMap<String, Option<DtsField>>>,
    /// An id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<String>,
    /// The database.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub database_name: Option<String>,
    /// The table's name.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub table_name: Option<String>,
    /// The primary key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_index_info: Option<DtsIndex>,
    /// Unique indexes; the vendor shows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_index_info: Option<Value>,
    /// Foreign keys; the vendor shows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign_index_info: Option<Value>,
    /// Other indexes; the vendor shows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normal_index_info: Option<Value>,
    /// The kind of database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_info: Option<DtsDatabase>,
    /// How many rows there are, or 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_rows: Option<Int>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct DtsField {
    /// Its name.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub field_name: Option<String>,
    /// The number of its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_data_type_num: Option<Int>,
    /// Whether it is of the primary key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_primary_key: Option<Flag>,
    /// Whether it is of a unique index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_unique_key: Option<Flag>,
    /// Its place, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_position: Option<Int>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An index of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct DtsIndex {
    /// `PrimaryKey`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub index_type: Option<String>,
    /// Its columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_fields: Option<Vec<DtsField>>,
    /// How many values it has, or 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<Int>,
    /// Whether they may be null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nullable: Option<Flag>,
    /// Whether it is the first unique index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_first_unique_index: Option<Flag>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The kind of database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct DtsDatabase {
    /// `MySQL`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub database_type: Option<String>,
    /// Its version.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct DtsImage {
    /// Its table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_schema: Option<DtsSchema>,
    /// Its values, in the order of the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Option<DtsValue>>>,
    /// Its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Int>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A value of a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct DtsValue {
    /// A number as it is, text and bytes as a Java `ByteBuffer`: [`bytes`](Self::bytes) reads that.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// How text is encoded, as `utf8mb4`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl DtsImage {
    /// The value of a column, by its name. `None` where there is no such column, or its value is null.
    pub fn value(&self, column: &str) -> Option<&DtsValue> {
        let columns = self.record_schema.as_ref()?.record_fields.as_ref()?;
        let at = columns.iter().position(|it| it.field_name.as_deref() == Some(column))?;
        self.values.as_ref()?.get(at)?.as_ref()
    }
}

impl DtsValue {
    /// The bytes of a value that is a Java `ByteBuffer`, from its position to its limit.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let number =
            |name: &str| self.data.get(name).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
        let all = self.data.get("hb")?.as_array()?;
        // Java's bytes have a sign.
        let byte = |it: &Value| it.as_i64().filter(|byte| (-128..=255).contains(byte)).map(|byte| byte as u8);
        let offset = number("offset").unwrap_or(0);
        let start = offset.checked_add(number("position").unwrap_or(0))?;
        let end =
            number("limit").and_then(|limit| limit.checked_add(offset)).unwrap_or(all.len()).min(all.len());
        all.get(start..end)?.iter().map(byte).collect()
    }

    /// The text of a value that is a Java `ByteBuffer` in UTF-8, or of one that is text already. `None` for another
    /// [`charset`](Self::charset), of which there are the [`bytes`](Self::bytes).
    pub fn text(&self) -> Option<String> {
        if let Value::String(text) = &self.data {
            return Some(text.clone());
        }
        let charset = self.charset.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_utf8 = charset.is_empty() || charset.starts_with("utf8") || charset == "utf-8";
        let bytes = self.bytes().filter(|bytes| is_utf8 || charset.ends_with("ascii") && bytes.is_ascii())?;
        String::from_utf8(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(data: Value) -> DtsValue {
        DtsValue { data, ..DtsValue::default() }
    }

    #[test]
    fn a_byte_buffer_is_read_from_its_position_to_its_limit() {
        let buffer = |offset, position, limit| json!({"hb": [104, 195, 164, 33], "offset": offset, "position": position, "limit": limit});
        for (data, text) in [
            (buffer(0, 0, 4), Some("hä!")),
            (buffer(0, 0, 11), Some("hä!")),
            (buffer(1, 0, 2), Some("ä")),
            (buffer(0, 3, 4), Some("!")),
            (buffer(0, 2, 3), None),
            (buffer(9, 0, 4), None),
            (buffer(u64::MAX, 1, 1), None),
            (json!({"hb": [-61, -92]}), Some("ä")),
            (json!({"hb": ["x"]}), None),
            (json!({"hb": [300]}), None),
            (json!({"hb": [-129]}), None),
            (json!("text"), Some("text")),
            (json!(115), None),
        ] {
            assert_eq!(value(data.clone()).text().as_deref(), text, "{data}");
        }
    }

    #[test]
    fn text_in_another_charset_is_not_guessed() {
        let of = |charset: &str, bytes: &[u8]| {
            DtsValue { charset: Some(charset.into()), ..value(json!({"hb": bytes})) }.text()
        };
        for charset in ["utf8mb4", "UTF8", "utf-8", "us-ascii"] {
            assert_eq!(of(charset, b"hi").as_deref(), Some("hi"), "{charset}");
        }
        for (charset, bytes) in
            [("utf16", &b"\0h\0i"[..]), ("latin1", "ä".as_bytes()), ("ascii", "ä".as_bytes())]
        {
            assert_eq!(of(charset, bytes), None, "{charset}");
        }
    }

    #[test]
    fn a_value_is_found_by_its_columns_name() {
        let image = json!({
            "recordSchema": {"recordFields": [{"fieldName": "id"}, {"fieldName": "gone"}]},
            "values": [{"data": 115}, null],
        });
        let image: DtsImage = serde_json::from_value(image).unwrap();
        assert_eq!(image.value("id").unwrap().data, 115);
        assert_eq!((image.value("gone"), image.value("other")), (None, None));
    }
}
