//! What does the console say of a function? What it is configured as, secrets hidden, and where it is reached. How much it
//! does is not known here.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::served::{Served, ServedFunction, on_this_machine};
use crate::front::Timers;
use crate::function::{HttpTrigger, Initializer, InitializerKind, Sender, Timer, variables};

pub fn all(served: &Served) -> Value {
    let functions = served.functions.iter().enumerate();
    let functions: Vec<Value> = functions.map(|(place, one)| of(served, place, one)).collect();
    json!({ "functions": functions })
}

fn of(served: &Served, place: usize, one: &ServedFunction) -> Value {
    let function = one.platform.function();
    let variables: Vec<Value> =
        function.variables.iter().map(|(name, value)| variable(name, value)).collect();
    let triggers: Vec<Value> = function
        .http_triggers()
        .map(|trigger| http_trigger(trigger, function.http_trigger.as_ref() == Some(trigger)))
        .chain(function.timers.iter().map(|timer| self::timer(timer, served.timers.as_deref(), place)))
        .chain(function.senders.iter().map(sender))
        .collect();
    let health = function.health.as_ref();
    let timer = (!function.timers.is_empty()).then_some("timer");
    let samples: Vec<&str> = timer.into_iter().chain(function.samples()).collect();
    json!({
        "name": function.name,
        "region": function.region,
        "runtime": function.runtime,
        "command": function.command,
        "code": function.code.display().to_string(),
        "memory_mb": function.memory_mb,
        "timeout_ms": function.timeout.as_millis() as u64,
        "concurrency": function.concurrency,
        "port": function.port,
        "async_retries": function.asynchronous.retries,
        "initializer": function.initializer.as_ref().map(initializer),
        "pre_stop": function.pre_stop.as_ref().map(|hook| format!("GET /pre-stop, {} s", hook.timeout.as_secs())),
        "health_check": health.map(|check| format!("GET {}, every {} s", check.path, check.period.as_secs())),
        "variables": variables,
        "triggers": triggers,
        "event_samples": samples,
        "url": format!("http://{}/", on_this_machine(one.address)),
        "invocations_url": format!("http://{}{}", on_this_machine(served.main), invocations_path(&function.name)),
    })
}

/// What a segment of a path cannot have: all but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the API takes an event for a function.
pub fn invocations_path(name: &str) -> String {
    format!("/2023-03-30/functions/{}/invocations", utf8_percent_encode(name, RESERVED))
}

fn variable(name: &str, value: &str) -> Value {
    let is_hidden = variables::is_secret(name, value);
    let shown = (!is_hidden).then_some(value);
    json!({ "name": name, "value": shown, "hidden": is_hidden })
}

fn http_trigger(trigger: &HttpTrigger, is_served: bool) -> Value {
    let methods =
        if trigger.methods.is_empty() { "any method".to_owned() } else { trigger.methods.join(", ") };
    let closed = if trigger.disables_internet_url { ", by a custom domain alone" } else { "" };
    let unserved = if is_served { "" } else { ", not served here" };
    let auth = if trigger.auth_type.is_empty() { "anonymous" } else { &trigger.auth_type };
    json!({
        "type": "http",
        "name": trigger.name,
        "served": is_served,
        "text": format!("{methods}, {auth}{closed}{unserved}"),
    })
}

/// A timer of the function at a place.
fn timer(timer: &Timer, timers: Option<&Timers>, place: usize) -> Value {
    let (is_served, when) = match timers {
        _ if !timer.is_enabled => (false, ", does not fire: enable is false".to_owned()),
        None => (false, ", does not fire: --no-timers".to_owned()),
        Some(timers) => {
            let next = timers.next(place, &timer.name);
            (true, next.map(|next| format!(", next at {}", timer.schedule.shown(next))).unwrap_or_default())
        }
    };
    json!({
        "type": "timer",
        "name": timer.name,
        "served": is_served,
        "text": format!("{}{when}", timer.schedule.text()),
    })
}

/// One that somebody else would fire.
fn sender(sender: &Sender) -> Value {
    let sample = sender.sample.map(|sample| format!(": its sample is '{sample}'")).unwrap_or_default();
    json!({
        "type": sender.kind,
        "name": sender.name,
        "served": false,
        "text": format!("does not fire here{sample}"),
    })
}

fn initializer(initializer: &Initializer) -> String {
    let seconds = initializer.timeout.as_secs();
    match &initializer.kind {
        InitializerKind::Code => format!("POST /initialize, {seconds} s"),
        InitializerKind::Command(words) => format!("{}, {seconds} s", words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_told() {
        assert_eq!(variable("COLOUR", "red"), json!({"name": "COLOUR", "value": "red", "hidden": false}));
        assert_eq!(
            variable("DB_PASSWORD", "x"),
            json!({"name": "DB_PASSWORD", "value": null, "hidden": true})
        );
        assert!(!variable("URL", "mysql://u:p@h/").to_string().contains("u:p"));
    }

    #[test]
    fn a_trigger_of_another_system_is_told_with_its_sample() {
        let of = |kind: &str, sample| sender(&Sender { kind: kind.into(), name: "t".into(), sample });
        assert_eq!(
            of("oss", Some("oss")),
            json!({"type": "oss", "name": "t", "served": false, "text": "does not fire here: its sample is 'oss'"})
        );
        assert_eq!(of("nobodys", None)["text"], "does not fire here");
    }

    #[test]
    fn a_name_is_a_segment_of_a_path() {
        assert_eq!(invocations_path("svc$f"), "/2023-03-30/functions/svc%24f/invocations");
        assert_eq!(invocations_path("my-f_1"), "/2023-03-30/functions/my-f_1/invocations");
    }
}
