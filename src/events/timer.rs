//! What a timer sends.

use super::loose::{maybe_text, text};
use super::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A timer fired.
///
/// - **Trigger**: timer, which calls asynchronously. Page: [time triggers](https://help.aliyun.com/zh/functioncompute/fc/user-guide/time-triggers).
/// - **Missing**: `payload`.
/// - **Delivery**: at least once: a failed invocation is repeated (3 times by default), and around a change to or from daylight saving time a
///   firing may be doubled or lost. **Idempotency key**: `trigger_name` and `trigger_time` together.
///
/// ```
/// use fc_runtime::events::TimerEvent;
/// # use fc_runtime::{Context, Request, Response};
/// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
///     let event: TimerEvent = request.event()?;
///     Ok(format!("{} at {}", event.trigger_name, event.trigger_time).into())
/// }
/// # use fc_runtime::testing::Call;
/// let event = TimerEvent { trigger_name: "nightly".into(), trigger_time: "2026-01-02T03:04:05Z".into(), ..Default::default() };
/// assert_eq!(Call::event(&event).send(&invoke).text(), "nightly at 2026-01-02T03:04:05Z");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of a timer")]
pub struct TimerEvent {
    /// When it fired.
    pub trigger_time: Time,
    /// The name of the trigger.
    #[serde(deserialize_with = "text")]
    pub trigger_name: String,
    /// The text that the trigger is configured with; JSON in it is not parsed.
    #[serde(default, deserialize_with = "maybe_text", skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
