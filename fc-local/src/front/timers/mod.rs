//! The timer triggers of all functions: who fires them, and with which event? When one is due is in `agenda.rs`, what becomes of
//! an asynchronous invocation in `async_queue.rs`.

mod agenda;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Serialize;

use super::async_queue::New;
use super::gateway::Gateway;
use super::served::Served;
use crate::function::Timer;
use crate::id;
use crate::sync::{Condvar, Mutex};
use agenda::{Agenda, Due};

/// How long a look at the clock holds: a machine that slept, or whose clock was set, is noticed so late at the most.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Fires what is due, on a thread of its own.
pub struct Timers {
    gateway: Arc<Gateway>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    agenda: Agenda,
    is_closed: bool,
}

/// The event of a firing, as the platform sends it.
#[derive(Serialize)]
struct TimerEvent<'a> {
    #[serde(rename = "triggerTime")]
    trigger_time: String,
    #[serde(rename = "triggerName")]
    trigger_name: &'a str,
    payload: &'a str,
}

impl Timers {
    /// For the functions of `gateway`; nothing fires yet.
    pub fn new(gateway: Arc<Gateway>) -> Arc<Timers> {
        Arc::new(Timers { gateway, state: Mutex::default(), changed: Condvar::default() })
    }

    /// Fires from now on, and says when.
    pub fn start(self: &Arc<Timers>) -> Result<()> {
        self.reload();
        let timers = Arc::clone(self);
        let run = move || timers.run();
        thread::Builder::new().name("timers".to_owned()).spawn(run).context("cannot start a thread")?;
        Ok(())
    }

    /// Says of which timers nothing is heard, since they are switched off.
    pub fn announce_off(&self) {
        for served in self.gateway.functions() {
            let function = served.platform.function();
            let names: Vec<String> =
                function.timers.iter().map(|timer| format!("'{}'", timer.name)).collect();
            if !names.is_empty() {
                let text = format!("--no-timers: {} of {} will not fire", names.join(", "), function.name);
                served.platform.log().event(None, &text);
            }
        }
    }

    /// Takes the timers of changed configurations.
    pub fn reload(&self) {
        let now = Timestamp::now();
        let mut state = self.state.lock();
        for (place, served) in self.gateway.functions().iter().enumerate() {
            let function = served.platform.function();
            for timer in state.agenda.set(place, &function.timers, now) {
                let next = state.agenda.next_of(place, &timer.name);
                let text = match next {
                    _ if !timer.is_enabled => format!("{} will not fire: enable is false", of(&timer)),
                    Some(next) => {
                        format!("{} fires next at {}", of(&timer), timer.schedule.shown(next))
                    }
                    None => format!("{} will not fire again", of(&timer)),
                };
                served.platform.log().event(None, &text);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// When a timer of the function at a place fires next.
    pub fn next(&self, function: usize, timer: &str) -> Option<Timestamp> {
        let state = self.state.lock();
        state.agenda.next_of(function, timer).filter(|_| !state.is_closed)
    }

    /// Nothing fires any longer.
    pub fn stop(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn run(&self) {
        let mut state = self.state.lock();
        while !state.is_closed {
            let now = Timestamp::now();
            let due = state.agenda.look(now);
            if due.is_empty() {
                let left = |next: Timestamp| Duration::try_from(next.duration_since(now)).unwrap_or_default();
                let wait = state.agenda.next().map_or(LOOK_EVERY, |next| left(next).min(LOOK_EVERY));
                state = self.changed.wait_timeout(state, wait);
                continue;
            }
            // Under the lock: once a stop has it, nothing fires.
            for due in &due {
                if let Some(served) = self.gateway.functions().get(due.function) {
                    fire(served, due);
                }
            }
        }
    }
}

/// As a line of the log names it.
fn of(timer: &Timer) -> String {
    format!("timer '{}' ({})", timer.name, timer.schedule.text())
}

fn fire(served: &Served, due: &Due) {
    let Due { timer, time, next, is_late, .. } = due;
    let shown = |moment: &Timestamp| timer.schedule.shown(*moment);
    let next = next.as_ref().map_or("never again".to_owned(), |next| format!("next at {}", shown(next)));
    let log = served.platform.log();
    if *is_late {
        let text = format!("{} has missed {}: this machine stood still; {next}", of(timer), shown(time));
        return log.warn(None, &text);
    }
    let request_id = id::request();
    let new = New { trigger: "timer", ..New::event(event(timer, *time), request_id.clone()) };
    match served.queue.push(new) {
        Ok(_) => log.event(None, &format!("{request_id} {} fires; {next}", of(timer))),
        Err(failure) => log.warn(None, &format!("{} could not fire: {failure}; {next}", of(timer))),
    }
}

/// The event of a firing that was due at `time`.
fn event(timer: &Timer, time: Timestamp) -> Vec<u8> {
    let event = TimerEvent {
        trigger_time: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        trigger_name: &timer.name,
        payload: &timer.payload,
    };
    serde_json::to_vec(&event).unwrap_or_default() // texts become JSON always
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::schedule::Schedule;

    #[test]
    fn the_event_is_the_platforms() {
        let timer = Timer {
            name: "t".to_owned(),
            qualifier: "LATEST".to_owned(),
            schedule: Schedule::parse("CRON_TZ=Asia/Shanghai 0 0 4 * * *").expect("a schedule"),
            is_enabled: true,
            payload: "{\"a\": \"é\n\"}".to_owned(),
        };
        let event = event(&timer, "2026-01-02T20:00:00.25Z".parse().expect("a time"));
        assert_eq!(
            String::from_utf8(event).expect("text"),
            r#"{"triggerTime":"2026-01-02T20:00:00Z","triggerName":"t","payload":"{\"a\": \"é\n\"}"}"#
                .replace('\n', "\\n")
        );
    }
}
