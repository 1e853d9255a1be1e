//! The instances that there are and were, each with what it did when. Whose calls they served is decided elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

/// Instances that are kept: all that live, and of those that ended the last.
const MAX_ENDED: usize = 500;

/// Phases that are kept of one: one that is frozen after each call has two of them for each.
const MAX_PHASES: usize = 400;

/// What an instance does in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Its process runs, its port is not open.
    Starting,
    /// Its Initializer runs.
    Initializing,
    /// Its Initializer has failed, and runs again with the next call.
    Uninitialized,
    Ready,
    Frozen,
    PreStop,
    Stopping,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    pub phase: PhaseKind,
    /// Milliseconds since the epoch.
    pub from: f64,
    pub to: Option<f64>,
    /// The number of its last change.
    #[serde(skip)]
    pub changed: u64,
}

/// A part of a cold start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    pub part: &'static str,
    pub ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Instance {
    pub id: Arc<str>,
    pub function: Arc<str>,
    pub port: u16,
    pub pid: Option<i32>,
    pub started_at: f64,
    /// When calls could use it first.
    pub ready_at: Option<f64>,
    pub ended_at: Option<f64>,
    /// Why it went.
    pub end: Option<String>,
    /// The one that it is in, unless it has ended.
    pub phase: Option<PhaseKind>,
    pub phases: Vec<Phase>,
    pub cold_start: Vec<Part>,
    pub memory_mb: f64,
    pub memory_peak_mb: f64,
    pub memory_limit_mb: u64,
    /// Invocations at once that it takes.
    pub concurrency: usize,
    /// Keys of those that run.
    pub running: Vec<u64>,
    /// Invocations that it has had.
    pub invocations: u64,
}

/// A new instance.
pub struct Started {
    pub id: Arc<str>,
    pub function: Arc<str>,
    pub port: u16,
    pub memory_limit_mb: u64,
    pub concurrency: usize,
}

impl Instance {
    /// Begins a phase, which ends the one before.
    pub fn enter(&mut self, phase: PhaseKind, now: f64, number: u64) {
        if self.phase == Some(phase) || self.ended_at.is_some() {
            return;
        }
        self.leave(now, number);
        if self.phases.len() == MAX_PHASES {
            self.phases.remove(0);
        }
        self.phases.push(Phase { phase, from: now, to: None, changed: number });
        self.phase = Some(phase);
        if phase == PhaseKind::Ready {
            self.ready_at.get_or_insert(now);
        }
    }

    fn leave(&mut self, now: f64, number: u64) {
        if let Some(last) = self.phases.last_mut().filter(|last| last.to.is_none()) {
            (last.to, last.changed) = (Some(now), number);
        }
    }

    pub fn end(&mut self, why: &str, now: f64, number: u64) {
        if self.ended_at.is_none() {
            self.leave(now, number);
            (self.ended_at, self.end, self.phase) = (Some(now), Some(why.to_owned()), None);
            self.running.clear();
        }
    }

    /// With the phases alone that have changed after this number.
    pub fn since(&self, number: u64) -> Instance {
        let phases = self.phases.iter().filter(|phase| phase.changed > number).cloned().collect();
        Instance {
            phases,
            cold_start: self.cold_start.clone(),
            end: self.end.clone(),
            ..self.without_phases()
        }
    }

    fn without_phases(&self) -> Instance {
        Instance {
            id: Arc::clone(&self.id),
            function: Arc::clone(&self.function),
            end: None,
            phases: Vec::new(),
            cold_start: Vec::new(),
            running: self.running.clone(),
            ..*self
        }
    }

    pub fn set_cold_start(&mut self, parts: &[(&'static str, Duration)]) {
        let part = |(part, time): &(&'static str, Duration)| Part { part, ms: time.as_secs_f64() * 1000.0 };
        self.cold_start = parts.iter().map(part).collect();
    }
}

#[derive(Default)]
pub struct Instances {
    numbers: HashMap<Arc<str>, u64>,
    all: BTreeMap<u64, Instance>,
    last: u64,
    ended: usize,
}

impl Instances {
    /// Adds one that is starting; its number.
    pub fn start(&mut self, started: Started, now: f64, change: u64) -> u64 {
        let Started { id, function, port, memory_limit_mb, concurrency } = started;
        self.last += 1;
        let mut instance = Instance {
            id: Arc::clone(&id),
            function,
            port,
            pid: None,
            started_at: now,
            ready_at: None,
            ended_at: None,
            end: None,
            phase: None,
            phases: Vec::new(),
            cold_start: Vec::new(),
            memory_mb: 0.0,
            memory_peak_mb: 0.0,
            memory_limit_mb,
            concurrency,
            running: Vec::new(),
            invocations: 0,
        };
        instance.enter(PhaseKind::Starting, now, change);
        self.numbers.insert(id, self.last);
        self.all.insert(self.last, instance);
        self.last
    }

    /// One by its id, with its number.
    pub fn find(&mut self, id: &str) -> Option<(u64, &mut Instance)> {
        let number = *self.numbers.get(id)?;
        Some((number, self.all.get_mut(&number)?))
    }

    pub fn get(&self, number: u64) -> Option<&Instance> {
        self.all.get(&number)
    }

    pub fn get_mut(&mut self, number: u64) -> Option<&mut Instance> {
        self.all.get_mut(&number)
    }

    /// Whichever ran this call does not any more.
    pub fn leave(&mut self, key: u64) {
        self.all.values_mut().for_each(|one| one.running.retain(|running| *running != key));
    }

    pub fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.all.values()
    }

    /// Takes note that one has ended, and forgets the oldest of those when there are too many.
    pub fn count_ended(&mut self) {
        self.ended += 1;
        if self.ended > MAX_ENDED
            && let Some(oldest) =
                self.all.iter().find(|(_, one)| one.ended_at.is_some()).map(|(number, _)| *number)
            && let Some(gone) = self.all.remove(&oldest)
        {
            self.numbers.remove(&gone.id);
            self.ended -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(id: &str) -> Started {
        Started { id: id.into(), function: "shop".into(), port: 9000, memory_limit_mb: 512, concurrency: 1 }
    }

    #[test]
    fn phases_follow_each_other_without_a_gap() {
        let mut all = Instances::default();
        all.start(started("c-1"), 1.0, 1);
        let (_, one) = all.find("c-1").expect("it");
        one.enter(PhaseKind::Ready, 2.0, 2);
        one.enter(PhaseKind::Ready, 3.0, 3);
        one.enter(PhaseKind::Frozen, 4.0, 4);
        let since: Vec<_> =
            one.since(2).phases.iter().map(|phase| (phase.phase, phase.from, phase.to)).collect();
        assert_eq!(since, [(PhaseKind::Ready, 2.0, Some(4.0)), (PhaseKind::Frozen, 4.0, None)]);
        one.end("stopped: idle", 5.0, 5);
        one.enter(PhaseKind::Ready, 6.0, 6);
        one.end("again", 7.0, 7);
        assert_eq!(
            (one.phases.len(), one.end.as_deref(), one.ended_at),
            (3, Some("stopped: idle"), Some(5.0))
        );
        assert_eq!((one.ready_at, one.phase), (Some(2.0), None));
    }

    #[test]
    fn one_that_never_rests_keeps_its_newest_phases() {
        let mut all = Instances::default();
        all.start(started("c-1"), 0.0, 0);
        let (_, one) = all.find("c-1").expect("it");
        for turn in 1..=1000_u32 {
            one.enter(
                if turn % 2 == 0 { PhaseKind::Ready } else { PhaseKind::Frozen },
                turn.into(),
                turn.into(),
            );
        }
        assert_eq!((one.phases.len(), one.phases.last().map(|phase| phase.from)), (MAX_PHASES, Some(1000.0)));
    }

    #[test]
    fn the_oldest_that_ended_go_and_those_that_live_stay() {
        let mut all = Instances::default();
        all.start(started("lives"), 0.0, 0);
        for number in 0..MAX_ENDED + 5 {
            let id = format!("c-{number}");
            all.start(started(&id), 0.0, 0);
            all.find(&id).expect("it").1.end("idle", 1.0, 1);
            all.count_ended();
        }
        assert_eq!((all.all.len(), all.numbers.len()), (MAX_ENDED + 1, MAX_ENDED + 1));
        assert!(all.find("lives").is_some() && all.find("c-4").is_none() && all.find("c-5").is_some());
    }
}
