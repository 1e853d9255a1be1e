//! What the log service sends.

use super::loose::{Int, maybe_text};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// There are logs to read (SLS): the event has cursors between which they are, and no logs.
///
/// - **Trigger**: SLS, which calls synchronously, every few seconds to minutes, and sometimes for nothing. Page:
///   [log service triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/simple-log-service-triggers).
/// - **Missing**: all but `source`.
/// - **Delivery**: at least once; a failed one is repeated before the shard goes on. **Idempotency key**: `task_id`, or the shard with its cursors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of the log service")]
pub struct SlsEvent {
    /// What the trigger is configured with: any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Value>,
    /// Where the logs are.
    pub source: SlsSource,
    /// The job behind the trigger.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// The call's id; the same when it is repeated.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// When the last of the logs arrived, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor_time: Option<Time>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Where the logs of an [`SlsEvent`] are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct SlsSource {
    /// The service's address inside of the region.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The project.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub project_name: Option<String>,
    /// The logstore.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub logstore_name: Option<String>,
    /// The shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_id: Option<Int>,
    /// The first log is here.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub begin_cursor: Option<String>,
    /// The last one is before this.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub end_cursor: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
