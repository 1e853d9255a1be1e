//! What the CDN sends.

use super::loose::{Id, Int, maybe_text, text_or_empty, texts};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something happened to domains of the CDN.
///
/// - **Trigger**: CDN, which calls synchronously. Page: [CDN triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/overview-27-1).
/// - **Missing**: all but `events`.
/// - **Delivery**: at least once. **Idempotency key**: `trace_id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of the CDN")]
pub struct CdnEvent {
    /// What happened, one record each.
    pub events: Vec<CdnRecord>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One thing that happened to a domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct CdnRecord {
    /// `LogFileCreated`, `CachedObjectsRefreshed`, `CachedObjectsPushed`, `CachedObjectsBlocked`, `CdnDomainStarted`, `CdnDomainStopped`, `CdnDomainAdded` or `CdnDomainDeleted`.
    #[serde(default, deserialize_with = "text_or_empty", skip_serializing_if = "String::is_empty")]
    pub event_name: String,
    /// `cdn`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    /// `1.0.0`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub event_version: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<Time>,
    /// The region.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The record's id.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Whose domain it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_identity: Option<CdnUserIdentity>,
    /// Which domain it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<CdnResource>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_parameter: Option<CdnParameter>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Whose domain it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct CdnUserIdentity {
    /// The account.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub ali_uid: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Which domain it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct CdnResource {
    /// Its name.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What happened to a domain: which fields there are depends on the record's `event_name`. The vendor's tables call the numbers strings, its samples do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct CdnParameter {
    /// The domain: always.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `LogFileCreated`: when the log begins, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// `LogFileCreated`: when the log ends, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
    /// `LogFileCreated`: its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<Int>,
    /// `LogFileCreated`: where it is to be had.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub file_path: Option<String>,
    /// `CachedObjects…`: which files or directories.
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "Option::is_none")]
    pub object_path: Option<Vec<String>>,
    /// `CachedObjects…`: when it was asked for, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_time: Option<Time>,
    /// `CachedObjects…`: when it was done, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete_time: Option<Time>,
    /// `CachedObjects…`: `File` or `Directory`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub object_type: Option<String>,
    /// `CachedObjects…`: the task's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<Id>,
    /// `CdnDomainStarted`, `CdnDomainStopped`: the domain's state, as `online`.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
