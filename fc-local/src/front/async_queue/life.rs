//! What becomes of an asynchronous invocation, from its acceptance to its end? The vendor's states ("Asynchronous tasks") and
//! retries ("Error handling"). The time is handed in, so that no test waits; who runs it is not known here.
//!
//! ```text
//! Enqueued ── take ──> Dequeued ── run ──> Running ── succeed ──> Succeeded
//!                 └──> Expired        ^        ├── fail, throttle ──> Retrying ── take ──> Dequeued
//!                                     └────────┘                 └──> Failed; Invalid without an instance
//! any of these that has not ended ── stop ──> Stopped, by way of Stopping where it runs
//! ```

use std::time::{Duration, Instant};

/// How long an invocation is tried for which there is no room.
const THROTTLED_FOR: Duration = Duration::from_secs(5 * 3600);

/// The shortest delay before the next try of one for which there is no room: without any it would not wait at all.
const LEAST_DELAY: Duration = Duration::from_millis(50);

/// How often a delay doubles.
const MOST_DOUBLINGS: u32 = 20;

/// A moment on both clocks: the one that waits are measured by, and the one that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: Instant,
    /// Since 1970.
    pub unix: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Enqueued,
    Dequeued,
    Running,
    Retrying,
    Stopping,
    Succeeded,
    Failed,
    Stopped,
    Expired,
    Invalid,
}

/// What an invocation's function is configured with.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How often one that the function failed is tried again.
    pub retries: u32,
    /// How long it may wait from its acceptance until it is taken.
    pub max_age: Duration,
    /// The delay before the first retry, which doubles with each.
    pub first_delay: Duration,
}

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub status: Status,
    pub unix: Duration,
    /// The error that led to it.
    pub error: Option<&'static str>,
}

pub struct Life {
    status: Status,
    changes: Vec<Change>,
    accepted: Moment,
    due: Instant,
    /// How often the function has failed it.
    failures: u32,
    /// How often there was no room for it in a row.
    throttles: u32,
    throttled_since: Option<Instant>,
    /// How often it was tried.
    tries: u32,
    began: Option<Moment>,
    ended: Option<Moment>,
}

/// What a stop comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has stopped, and will not run.
    Done,
    /// It runs, and stops soon.
    Soon,
    /// It had ended before.
    Ended(Status),
}

#[cfg(test)]
impl Moment {
    pub fn plus(self, time: Duration) -> Moment {
        Moment { at: self.at + time, unix: self.unix + time }
    }
}

impl Status {
    /// The vendor's word.
    pub fn name(self) -> &'static str {
        match self {
            Status::Enqueued => "Enqueued",
            Status::Dequeued => "Dequeued",
            Status::Running => "Running",
            Status::Retrying => "Retrying",
            Status::Stopping => "Stopping",
            Status::Succeeded => "Succeeded",
            Status::Failed => "Failed",
            Status::Stopped => "Stopped",
            Status::Expired => "Expired",
            Status::Invalid => "Invalid",
        }
    }

    pub fn of_name(name: &str) -> Option<Status> {
        use Status::{Dequeued, Enqueued, Expired, Failed, Invalid};
        use Status::{Retrying, Running, Stopped, Stopping, Succeeded};
        let all =
            [Enqueued, Dequeued, Running, Retrying, Stopping, Succeeded, Failed, Stopped, Expired, Invalid];
        all.into_iter().find(|status| status.name() == name)
    }

    pub fn is_end(self) -> bool {
        use Status::{Expired, Failed, Invalid, Stopped, Succeeded};
        matches!(self, Succeeded | Failed | Stopped | Expired | Invalid)
    }
}

impl Rules {
    fn delay(&self, doublings: u32) -> Duration {
        self.first_delay.saturating_mul(1 << doublings.min(MOST_DOUBLINGS))
    }
}

impl Life {
    /// One that is accepted, to run after a delay.
    pub fn begin(now: Moment, delay: Duration) -> Life {
        let mut life = Life {
            status: Status::Enqueued,
            changes: Vec::new(),
            accepted: now,
            due: now.at + delay,
            failures: 0,
            throttles: 0,
            throttled_since: None,
            tries: 0,
            began: None,
            ended: None,
        };
        life.become_(Status::Enqueued, now, None);
        life
    }

    /// It is taken to be run; `false` when it has waited for too long.
    pub fn take(&mut self, now: Moment, rules: &Rules) -> bool {
        self.tries += 1;
        if now.at.saturating_duration_since(self.accepted.at) > rules.max_age {
            self.tries -= 1;
            self.end(Status::Expired, now, Some("EventAgeExceeded"));
            return false;
        }
        self.become_(Status::Dequeued, now, None);
        true
    }

    /// An instance has it.
    pub fn run(&mut self, now: Moment) {
        self.began = Some(now);
        (self.throttles, self.throttled_since) = (0, None);
        if self.status != Status::Stopping {
            self.become_(Status::Running, now, None);
        }
    }

    pub fn succeed(&mut self, now: Moment) {
        self.end(Status::Succeeded, now, None);
    }

    /// The function has failed it.
    pub fn fail(&mut self, error: &'static str, now: Moment, rules: &Rules) {
        if self.status == Status::Stopping {
            return self.end(Status::Stopped, now, None);
        }
        if self.failures >= rules.retries {
            return self.end(Status::Failed, now, Some(error));
        }
        self.retry(error, now, rules.delay(self.failures));
        self.failures += 1;
    }

    /// There was no room for it. That is no attempt.
    pub fn throttle(&mut self, error: &'static str, now: Moment, rules: &Rules) {
        if self.status == Status::Stopping {
            return self.end(Status::Stopped, now, None);
        }
        let since = *self.throttled_since.get_or_insert(now.at);
        if now.at.saturating_duration_since(since) >= THROTTLED_FOR {
            return self.end(Status::Failed, now, Some(error));
        }
        self.retry(error, now, rules.delay(self.throttles).max(LEAST_DELAY));
        self.throttles += 1;
    }

    /// There is no instance that could run it, nor will there be one.
    pub fn give_up(&mut self, error: &'static str, now: Moment) {
        self.end(Status::Invalid, now, Some(error));
    }

    /// Its end is asked for.
    pub fn stop(&mut self, now: Moment) -> Stop {
        match self.status {
            ended if ended.is_end() => Stop::Ended(ended),
            Status::Enqueued | Status::Retrying => {
                self.end(Status::Stopped, now, None);
                Stop::Done
            }
            Status::Stopping => Stop::Soon,
            _ => {
                self.become_(Status::Stopping, now, None);
                Stop::Soon
            }
        }
    }

    /// What was asked to stop has.
    pub fn stopped(&mut self, now: Moment) {
        self.end(Status::Stopped, now, None);
    }

    fn retry(&mut self, error: &'static str, now: Moment, delay: Duration) {
        self.due = now.at + delay;
        self.become_(Status::Retrying, now, Some(error));
    }

    fn end(&mut self, status: Status, now: Moment, error: Option<&'static str>) {
        self.ended = Some(now);
        self.become_(status, now, error);
    }

    fn become_(&mut self, status: Status, now: Moment, error: Option<&'static str>) {
        self.status = status;
        self.changes.push(Change { status, unix: now.unix, error });
    }

    pub fn status(&self) -> Status {
        self.status
    }

    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether it waits to be taken, and until when.
    pub fn due(&self) -> Option<Instant> {
        matches!(self.status, Status::Enqueued | Status::Retrying).then_some(self.due)
    }

    pub fn accepted(&self) -> Moment {
        self.accepted
    }

    pub fn ended(&self) -> Option<Moment> {
        self.ended
    }

    /// How often the function has failed it before.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// How long its last run took, or takes.
    pub fn duration(&self, now: Moment) -> Option<Duration> {
        let end = self.ended.map_or(now.at, |ended| ended.at);
        Some(end.saturating_duration_since(self.began?.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Moment {
        Moment { at: Instant::now(), unix: Duration::from_secs(1_700_000_000) }
    }

    fn rules() -> Rules {
        Rules { retries: 3, max_age: Duration::from_secs(18_000), first_delay: Duration::from_millis(500) }
    }

    fn names(life: &Life) -> Vec<&'static str> {
        life.changes().iter().map(|change| change.status.name()).collect()
    }

    /// Takes one that is due now, and runs it.
    fn attempt(life: &mut Life, now: Moment, rules: &Rules) {
        assert!(life.take(now, rules));
        life.run(now);
    }

    #[test]
    fn one_that_succeeds_passes_through_the_states_of_the_platform() {
        let now = start();
        let mut life = Life::begin(now, Duration::ZERO);
        assert_eq!((life.due(), life.status()), (Some(now.at), Status::Enqueued));
        attempt(&mut life, now.plus(SECOND), &rules());
        assert_eq!((life.due(), life.duration(now.plus(3 * SECOND))), (None, Some(2 * SECOND)));
        life.succeed(now.plus(5 * SECOND));
        assert_eq!(names(&life), ["Enqueued", "Dequeued", "Running", "Succeeded"]);
        assert_eq!(life.duration(now.plus(60 * SECOND)), Some(4 * SECOND));
        assert_eq!((life.tries(), life.failures(), life.ended()), (1, 0, Some(now.plus(5 * SECOND))));
        let seconds: Vec<u64> =
            life.changes().iter().map(|change| change.unix.as_secs() - now.unix.as_secs()).collect();
        assert_eq!(seconds, [0, 1, 1, 5]);
    }

    #[test]
    fn one_that_fails_is_tried_again_as_often_as_is_configured_with_growing_delays() {
        for retries in 0..=8 {
            let rules = Rules { retries, ..rules() };
            let mut now = start();
            let mut life = Life::begin(now, Duration::ZERO);
            let mut delays = Vec::new();
            loop {
                attempt(&mut life, now, &rules);
                life.fail("UnhandledInvocationError", now, &rules);
                let Some(due) = life.due() else { break };
                delays.push(due.duration_since(now.at).as_millis());
                now = now.plus(due.duration_since(now.at));
            }
            assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16000, 32000, 64000][..retries as usize]);
            assert_eq!((life.status(), life.tries()), (Status::Failed, retries + 1));
            assert_eq!(
                life.changes().last().and_then(|change| change.error),
                Some("UnhandledInvocationError")
            );
        }
    }

    #[test]
    fn one_without_room_is_tried_for_five_hours_which_are_no_attempts() {
        let (rules, begin) = (rules(), start());
        let mut now = begin;
        let mut life = Life::begin(now, Duration::ZERO);
        let mut delays = Vec::new();
        loop {
            let rules = Rules { max_age: Duration::MAX, ..rules };
            assert!(life.take(now, &rules));
            life.throttle("FunctionResourceExhausted", now, &rules);
            let Some(due) = life.due() else { break };
            delays.push(due.duration_since(now.at).as_millis());
            now = now.plus(due.duration_since(now.at));
        }
        assert_eq!(delays[..6], [500, 1000, 2000, 4000, 8000, 16000]);
        assert!(now.at.duration_since(begin.at) >= THROTTLED_FOR && delays.len() < 20, "{delays:?}");
        assert_eq!((life.status(), life.failures()), (Status::Failed, 0));
    }

    #[test]
    fn room_begins_the_delays_anew_and_none_is_no_delay() {
        let rules = Rules { first_delay: Duration::ZERO, ..rules() };
        let now = start();
        let mut life = Life::begin(now, Duration::ZERO);
        let delay = |life: &Life| life.due().map(|due| due.duration_since(now.at));
        for wanted in [LEAST_DELAY, LEAST_DELAY] {
            assert!(life.take(now, &rules));
            life.throttle("FunctionResourceExhausted", now, &rules);
            assert_eq!(delay(&life), Some(wanted));
        }
        attempt(&mut life, now, &rules);
        life.fail("UnhandledInvocationError", now, &rules);
        assert_eq!((delay(&life), life.failures()), (Some(Duration::ZERO), 1));
        let rules = Rules { first_delay: SECOND, ..rules };
        for wanted in [SECOND, 2 * SECOND] {
            assert!(life.take(now, &rules));
            life.throttle("FunctionResourceExhausted", now, &rules);
            assert_eq!(delay(&life), Some(wanted), "the delays begin with the first");
        }
    }

    #[test]
    fn one_that_is_delayed_waits_and_one_that_waits_too_long_expires() {
        let now = start();
        let rules = Rules { max_age: 10 * SECOND, ..rules() };
        let mut life = Life::begin(now, 10 * SECOND);
        assert_eq!(life.due(), Some(now.at + 10 * SECOND));
        assert!(life.take(now.plus(10 * SECOND), &rules));
        let mut life = Life::begin(now, Duration::ZERO);
        assert!(!life.take(now.plus(10 * SECOND + Duration::from_millis(1)), &rules));
        assert_eq!((life.status(), life.tries()), (Status::Expired, 0));
        let mut retried = Life::begin(now, Duration::ZERO);
        attempt(&mut retried, now, &rules);
        retried.fail("UnhandledInvocationError", now, &rules);
        assert!(!retried.take(now.plus(11 * SECOND), &rules), "a retry is too old too");
    }

    #[test]
    fn one_that_is_stopped_runs_no_more() {
        let (now, rules) = (start(), rules());
        let mut waiting = Life::begin(now, Duration::ZERO);
        assert_eq!(waiting.stop(now), Stop::Done);
        assert_eq!((waiting.due(), waiting.stop(now)), (None, Stop::Ended(Status::Stopped)));

        let mut running = Life::begin(now, Duration::ZERO);
        attempt(&mut running, now, &rules);
        assert_eq!((running.stop(now), running.stop(now)), (Stop::Soon, Stop::Soon));
        running.fail("UnhandledInvocationError", now, &rules);
        assert_eq!(names(&running), ["Enqueued", "Dequeued", "Running", "Stopping", "Stopped"]);

        let mut starting = Life::begin(now, Duration::ZERO);
        assert!(starting.take(now, &rules));
        assert_eq!(starting.stop(now), Stop::Soon);
        starting.run(now);
        assert_eq!(starting.status(), Status::Stopping);
        starting.throttle("FunctionResourceExhausted", now, &rules);
        assert_eq!(starting.status(), Status::Stopped);

        let mut done = Life::begin(now, Duration::ZERO);
        attempt(&mut done, now, &rules);
        assert_eq!(done.stop(now), Stop::Soon);
        done.succeed(now);
        assert_eq!(done.status(), Status::Succeeded, "it was quicker");
    }

    #[test]
    fn one_without_an_instance_is_invalid_at_once() {
        let (now, rules) = (start(), rules());
        let mut life = Life::begin(now, Duration::ZERO);
        assert!(life.take(now, &rules));
        life.give_up("CAExited", now);
        assert_eq!((life.status(), life.due()), (Status::Invalid, None));
    }

    #[test]
    fn states_have_the_vendors_names() {
        for status in [Status::Enqueued, Status::Stopping, Status::Expired] {
            assert_eq!(Status::of_name(status.name()), Some(status));
        }
        assert_eq!(Status::of_name("running"), None);
    }
}
