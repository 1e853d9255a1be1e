//! What becomes of the record when something is reported, and what of it is new to somebody? Times come in, no clock and no
//! lock is known here.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::instances::{Instance, Instances, PhaseKind, Started};
use super::invocations::{Invocation, Invocations, NewCall, Stage};
use super::journal::{Journal, Subject};
use super::lines::{Line, Lines, NewLine};
use super::metrics::{Load, Metrics, Sample};

/// Invocations that are kept.
pub const MAX_INVOCATIONS: usize = 10_000;

/// Refused calls whose refusal may still be told once more.
const MAX_REFUSED: usize = 1024;

pub struct State {
    pub invocations: Invocations,
    pub instances: Instances,
    pub lines: Lines,
    pub metrics: Metrics,
    journal: Journal,
    waiting: usize,
    running: usize,
    refused: VecDeque<String>,
}

/// How a call ended.
#[derive(Default)]
pub struct Ended<'a> {
    pub status: u16,
    pub x_fc_status: Option<&'a str>,
    /// The platform's name for it, and why.
    pub failure: Option<(&'static str, &'a str)>,
    /// What the function worked on it, in milliseconds, and what of it is billed.
    pub duration: Option<(f64, u64)>,
    pub response_head: &'a [u8],
}

impl Ended<'_> {
    fn has_failed(&self) -> bool {
        self.failure.is_some() || self.x_fc_status.is_some() || self.status >= 500
    }
}

/// What has changed for somebody who knows all until a number.
#[derive(Debug, Default, Serialize)]
pub struct Update {
    /// The number to ask from next.
    pub seq: u64,
    pub invocations: Vec<Invocation>,
    /// With the phases that are new.
    pub instances: Vec<Instance>,
    pub lines: Vec<Line>,
    pub samples: Vec<Sample>,
    /// What came faster than it can be told.
    pub missed: Missed,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Missed {
    pub invocations: u64,
    pub lines: u64,
}

/// How much there is.
#[derive(Debug, Serialize)]
pub struct Overview {
    pub seq: u64,
    pub waiting: usize,
    pub running: usize,
    pub instances: usize,
    pub invocations: Count,
    pub log_lines: Count,
    pub log_bytes: usize,
}

#[derive(Debug, Serialize)]
pub struct Count {
    pub kept: usize,
    /// Older ones that have made room.
    pub forgotten: u64,
}

impl State {
    pub fn new(max_invocations: usize) -> State {
        State {
            invocations: Invocations::new(max_invocations),
            instances: Instances::default(),
            lines: Lines::default(),
            metrics: Metrics::default(),
            journal: Journal::default(),
            waiting: 0,
            running: 0,
            refused: VecDeque::new(),
        }
    }

    /// A call that waits, whose key is higher than all before it.
    pub fn accept(&mut self, key: u64, call: &NewCall<'_>, now: f64) {
        self.invocations.push(key, call, now);
        self.waiting += 1;
        self.journal.note(Subject::Invocation(key));
        self.metrics.at(now, self.load(), |_| {});
    }

    /// The call has an instance.
    pub fn start(&mut self, key: u64, instance: &str, (head, body): (&[u8], Option<&[u8]>), now: f64) {
        self.waiting = self.waiting.saturating_sub(1);
        self.running += 1;
        let (mut ready_at, mut found) = (None, None);
        if let Some((number, instance)) = self.instances.find(instance) {
            instance.running.push(key);
            instance.invocations += 1;
            (ready_at, found) = (instance.ready_at, Some((number, Arc::clone(&instance.id))));
            self.journal.note(Subject::Instance(number));
        }
        self.metrics.at(now, self.load(), |_| {});
        let Some(invocation) = self.invocations.get_mut(key) else { return };
        invocation.stage = Stage::Running;
        invocation.cold = ready_at.is_some_and(|ready_at| ready_at >= invocation.accepted_at);
        (invocation.instance_number, invocation.instance) = found.unzip();
        invocation.started_at = Some(now);
        invocation.queue_ms = Some(now - invocation.accepted_at);
        self.invocations.keep_request(key, head, body);
        self.journal.note(Subject::Invocation(key));
    }

    pub fn end(&mut self, key: u64, ended: Ended<'_>, stage: Stage, now: f64) {
        match stage {
            Stage::Waiting => self.waiting = self.waiting.saturating_sub(1),
            Stage::Running => self.running = self.running.saturating_sub(1),
            Stage::Ended => {}
        }
        let has_failed = ended.has_failed();
        self.metrics.at(now, self.load(), |sample| {
            sample.ended += 1;
            sample.failed += u64::from(has_failed);
        });
        let Some(invocation) = self.invocations.get_mut(key) else {
            return self.instances.leave(key); // newer ones have taken its place
        };
        invocation.stage = Stage::Ended;
        invocation.ended_at = Some(now);
        if stage == Stage::Waiting {
            invocation.queue_ms = Some(now - invocation.accepted_at);
        }
        invocation.status = Some(ended.status).filter(|status| *status > 0);
        let reported = ended.x_fc_status.map(|_| "UnhandledInvocationError");
        let (kind, text) = ended.failure.unzip();
        invocation.error_type = kind.or(reported);
        invocation.error = text.map(Arc::from);
        invocation.x_fc_status = ended.x_fc_status.map(Arc::from);
        invocation.duration_ms = ended.duration.map(|(duration, _)| duration);
        invocation.billed_ms = ended.duration.map(|(_, billed)| billed);
        if let Some(number) = invocation.instance_number
            && let Some(instance) = self.instances.get_mut(number)
        {
            instance.running.retain(|running| *running != key);
            invocation.memory_mb = Some(instance.memory_peak_mb);
            self.journal.note(Subject::Instance(number));
        }
        if !ended.response_head.is_empty() {
            self.invocations.keep_response(key, ended.response_head);
        }
        self.journal.note(Subject::Invocation(key));
    }

    /// Takes note that the refusal of a call that is recorded will be told once more.
    pub fn remember_refused(&mut self, key: u64) {
        let Some(invocation) = self.invocations.get(key) else { return };
        if self.refused.len() == MAX_REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(invocation.request_id.clone());
    }

    /// Whether this refusal is one that is recorded.
    pub fn is_refused(&mut self, request_id: &str) -> bool {
        let place = self.refused.iter().rposition(|refused| refused == request_id);
        place.and_then(|place| self.refused.remove(place)).is_some()
    }

    pub fn start_instance(&mut self, started: Started, now: f64) {
        let change = self.journal.next();
        let number = self.instances.start(started, now, change);
        self.journal.note(Subject::Instance(number));
        self.sample_instances(now);
    }

    /// Changes an instance that there is; `change` gets the number of the change.
    pub fn change_instance(&mut self, id: &str, change: impl FnOnce(&mut Instance, u64)) {
        let number = self.journal.next();
        if let Some((instance, found)) = self.instances.find(id) {
            change(found, number);
            self.journal.note(Subject::Instance(instance));
        }
    }

    pub fn end_instance(&mut self, id: &str, why: &str, now: f64) {
        let lived = self.instances.find(id).is_some_and(|(_, one)| one.ended_at.is_none());
        if lived {
            self.change_instance(id, |instance, number| instance.end(why, now, number));
            self.instances.count_ended();
            self.sample_instances(now);
        }
    }

    pub fn set_memory(&mut self, id: &str, used_mb: f64, now: f64) {
        self.change_instance(id, |instance, _| {
            instance.memory_mb = used_mb;
            instance.memory_peak_mb = instance.memory_peak_mb.max(used_mb);
        });
        self.sample_instances(now);
    }

    fn sample_instances(&mut self, now: f64) {
        let living = self.instances.iter().filter(|one| one.ended_at.is_none());
        let (count, memory) =
            living.fold((0, 0.0), |(count, memory), one| (count + 1, memory + one.memory_mb));
        self.metrics.at(now, self.load(), |sample| (sample.instances, sample.memory_mb) = (count, memory));
    }

    fn load(&self) -> Load {
        Load { running: self.running, waiting: self.waiting }
    }

    /// A line of this function and instance, as far as they are known.
    pub fn line(&mut self, [function, instance]: [Option<&str>; 2], line: &NewLine<'_>) {
        let (of, call) = match instance.and_then(|id| self.instances.find(id)) {
            None => ([function, instance].map(|text| text.map(Arc::from)), None),
            Some((_, found)) => {
                let call = match found.running.as_slice() {
                    [only] => self.invocations.get(*only),
                    all => named(line.text, all.iter().filter_map(|key| self.invocations.get(*key))),
                };
                ([&found.function, &found.id].map(|text| Some(Arc::clone(text))), call)
            }
        };
        let request_id = call.map(|call| call.request_id.as_str());
        self.lines.push(self.journal.next(), of, request_id, line);
    }

    /// What has changed after `seq`, at most so many of each.
    pub fn since(&self, seq: u64, most: usize) -> Update {
        let (changes, is_whole) = self.journal.since(seq);
        let (mut keys, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        let mut missed = Missed { invocations: u64::from(!is_whole), lines: 0 };
        for change in changes {
            match change {
                Subject::Invocation(key) if keys.contains(&key) => {}
                Subject::Invocation(key) if keys.len() < most => drop(keys.insert(key)),
                Subject::Invocation(_) => missed.invocations += 1,
                Subject::Instance(number) => drop(numbers.insert(number)),
            }
        }
        let (lines, missed_lines) = self.lines.after(seq, most);
        missed.lines = missed_lines as u64;
        Update {
            seq: self.journal.last(),
            invocations: keys.iter().filter_map(|key| self.invocations.get(*key)).cloned().collect(),
            instances: numbers
                .iter()
                .filter_map(|number| self.instances.get(*number))
                .map(|one| one.since(seq))
                .collect(),
            lines,
            samples: Vec::new(),
            missed,
        }
    }

    pub fn seq(&self) -> u64 {
        self.journal.last()
    }

    pub fn overview(&self) -> Overview {
        Overview {
            seq: self.seq(),
            waiting: self.waiting,
            running: self.running,
            instances: self.instances.iter().filter(|one| one.ended_at.is_none()).count(),
            invocations: Count { kept: self.invocations.len(), forgotten: self.invocations.forgotten() },
            log_lines: Count { kept: self.lines.len(), forgotten: self.lines.forgotten() },
            log_bytes: self.lines.bytes(),
        }
    }

    pub fn enter(&mut self, id: &str, phase: PhaseKind, now: f64) {
        self.change_instance(id, |instance, number| instance.enter(phase, now, number));
    }

    /// Whatever else it does, it goes on with.
    pub fn thaw(&mut self, id: &str, now: f64) {
        if self.instances.find(id).is_some_and(|(_, one)| one.phase == Some(PhaseKind::Frozen)) {
            self.enter(id, PhaseKind::Ready, now);
        }
    }
}

/// The one of these calls whose id is a word of the text. Few words look like an id; looking for each id is dear when many run.
fn named<'i>(text: &str, calls: impl Iterator<Item = &'i Invocation> + Clone) -> Option<&'i Invocation> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words
        .filter(|word| word.contains('-'))
        .find_map(|word| calls.clone().find(|call| call.request_id == word))
}

#[cfg(test)]
mod tests;
