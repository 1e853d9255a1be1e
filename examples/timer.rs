//! Runs at the times that a timer is set to. The trigger's payload, JSON here, says what is to be done:
//! `cargo run --example timer --features events`, and
//! `curl -d '{"triggerTime":"2026-01-02T03:04:05Z","triggerName":"nightly","payload":"{\"keep_days\":30}"}' localhost:9000/invoke`.

use fc_runtime::events::TimerEvent;
use fc_runtime::{Context, Request, Response, StatusError};
use std::time::Duration;

#[derive(serde::Deserialize)]
#[serde(default)]
struct Cleanup {
    keep_days: u64,
}

impl Default for Cleanup {
    fn default() -> Cleanup {
        Cleanup { keep_days: 7 }
    }
}

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve_fn(clean_up)
}

fn clean_up(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
    let timer: TimerEvent = request.event()?;
    let cleanup: Cleanup = serde_json::from_str(timer.payload.as_deref().unwrap_or("{}"))?;

    // A failed run is repeated: the timer's own time is the same then, and the present one is not.
    let fired = timer.trigger_time.parse().ok_or_else(|| StatusError::new(400, "no time"))?;
    let days = Duration::from_secs(cleanup.keep_days.saturating_mul(86_400));
    let before = fired.checked_sub(days).ok_or_else(|| StatusError::new(400, "too many days"))?;

    let seconds = before.duration_since(std::time::UNIX_EPOCH)?.as_secs();
    log::info!("{} cleans up what is older than {seconds}", timer.trigger_name);
    Ok(Response::json(&serde_json::json!({ "before": seconds })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fc_runtime::testing::Call;

    #[test]
    fn what_is_older_is_counted_from_the_timers_own_time() {
        let timer = TimerEvent {
            trigger_time: "1970-01-31T00:00:00Z".into(),
            trigger_name: "nightly".into(),
            payload: Some("{\"keep_days\":29}".into()),
            ..TimerEvent::default()
        };
        let response = Call::event(&timer).send(&clean_up);
        assert_eq!((response.status(), response.text()), (200, "{\"before\":86400}"));
    }
}
