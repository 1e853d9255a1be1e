//! Who reports goes through here: one lock, held for a moment, and a clock. What a report changes is in `state.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use super::instances::{Instance, PhaseKind, Started};
use super::invocations::{Details, Invocation, Stage};
use super::lines::{Line, Wanted};
use super::metrics::Sample;
pub use super::state::{Ended, NewCall};
use super::state::{MAX_INVOCATIONS, Overview, State, Update};
use crate::sync::Mutex;

/// Lines that are looked at under the lock at a time: whoever searches must not hold up who reports.
const LOOK: usize = 2_000;

/// What is recorded, or nothing at all.
pub struct Recorder(Option<Kept>);

struct Kept {
    began: Clock,
    /// Milliseconds from the epoch to that.
    epoch: f64,
    state: Mutex<State>,
}

/// A call from its acceptance on: it ends with its end, or when it is dropped.
pub struct Call {
    recorder: Arc<Recorder>,
    key: u64,
    stage: Stage,
}

impl Recorder {
    /// Keeps the newest.
    pub fn on() -> Arc<Recorder> {
        let epoch =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0);
        let state = Mutex::new(State::new(MAX_INVOCATIONS));
        Arc::new(Recorder(Some(Kept { began: Clock::now(), epoch, state })))
    }

    /// Keeps nothing: nobody will look.
    pub fn off() -> Arc<Recorder> {
        Arc::new(Recorder(None))
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Milliseconds since the epoch, by a clock that only goes forward.
    pub fn now(&self) -> f64 {
        self.0.as_ref().map_or(0.0, Kept::now)
    }

    fn report(&self, report: impl FnOnce(&mut State, f64)) {
        if let Some(kept) = &self.0 {
            let now = kept.now();
            report(&mut kept.state.lock(), now);
        }
    }

    fn look<R>(&self, look: impl FnOnce(&State) -> R) -> Option<R> {
        self.0.as_ref().map(|kept| look(&kept.state.lock()))
    }

    /// A call that waits for an instance.
    pub fn accept(recorder: &Arc<Recorder>, call: &NewCall<'_>) -> Call {
        let mut key = 0;
        recorder.report(|state, now| key = state.accept(call, now));
        Call { recorder: Arc::clone(recorder), key, stage: Stage::Waiting }
    }

    /// A call that was refused before it waited for anything. One that did is recorded already.
    pub fn refuse(&self, call: &NewCall<'_>, ended: Ended<'_>) {
        self.report(|state, now| {
            if !state.is_refused(call.request_id) {
                let key = state.accept(call, now);
                state.end(key, ended, Stage::Waiting, now);
            }
        });
    }

    /// An instance whose process is started.
    pub fn start_instance(
        &self,
        id: &str,
        function: &str,
        port: u16,
        memory_limit_mb: u64,
        concurrency: usize,
    ) {
        self.report(|state, now| {
            let started = Started { id, function: function.into(), port, memory_limit_mb, concurrency };
            state.start_instance(started, now);
        });
    }

    pub fn set_process(&self, id: &str, pid: i32) {
        self.report(|state, _| state.change_instance(id, |instance, _| instance.pid = Some(pid)));
    }

    pub fn enter(&self, id: &str, phase: PhaseKind) {
        self.report(|state, now| state.enter(id, phase, now));
    }

    pub fn thaw(&self, id: &str) {
        self.report(|state, now| state.thaw(id, now));
    }

    pub fn set_memory(&self, id: &str, used_mb: f64) {
        self.report(|state, now| state.set_memory(id, used_mb, now));
    }

    pub fn cold_start(&self, id: &str, parts: &[(&'static str, Duration)]) {
        self.report(|state, _| state.change_instance(id, |instance, _| instance.set_cold_start(parts)));
    }

    pub fn end_instance(&self, id: &str, why: &str) {
        self.report(|state, now| state.end_instance(id, why, now));
    }

    /// A line of the log.
    pub fn line(&self, source: &'static str, function: Option<&str>, instance: Option<&str>, text: &str) {
        self.report(|state, now| state.line(source, function, instance, text, now));
    }

    pub fn seq(&self) -> u64 {
        self.look(State::seq).unwrap_or(0)
    }

    pub fn overview(&self) -> Option<Overview> {
        self.look(State::overview)
    }

    pub fn instances(&self) -> Vec<Instance> {
        self.look(|state| state.instances.iter().cloned().collect()).unwrap_or_default()
    }

    pub fn invocation(&self, key: u64) -> Option<Invocation> {
        self.look(|state| state.invocations.get(key).cloned()).flatten()
    }

    /// The newest `count` with a key below `before`, newest first.
    pub fn invocations(&self, before: u64, count: usize) -> Vec<Invocation> {
        let newest = |state: &State| {
            let older = state.invocations.iter().rev().skip_while(|one| one.key >= before);
            older.take(count).cloned().collect()
        };
        self.look(newest).unwrap_or_default()
    }

    pub fn samples(&self, from_second: u64) -> Vec<Sample> {
        self.look(|state| state.metrics.since(from_second)).unwrap_or_default()
    }

    /// The newest `count` lines before `seq` that are `wanted`, oldest first.
    pub fn lines(&self, wanted: &Wanted, before: u64, count: usize) -> Vec<Line> {
        let (mut found, mut before) = (Vec::new(), before);
        while found.len() < count {
            let chunk = self.look(|state| state.lines.before(before, LOOK)).unwrap_or_default();
            let Some(first) = chunk.first() else { break };
            before = first.seq;
            found.extend(chunk.into_iter().rev().filter(|line| wanted.takes(line)).take(count - found.len()));
        }
        found.reverse();
        found
    }

    /// What has changed after `seq`, at most so many of each.
    pub fn since(&self, seq: u64, most: usize) -> Update {
        self.look(|state| state.since(seq, most)).unwrap_or_default()
    }
}

impl Kept {
    fn now(&self) -> f64 {
        self.epoch + self.began.elapsed().as_secs_f64() * 1000.0
    }
}

impl Call {
    /// It has an instance. What is sent is asked for only when it is kept.
    pub fn start(&mut self, instance: &str, details: impl FnOnce() -> Details) {
        if self.recorder.is_on() {
            let details = details();
            self.recorder.report(|state, now| state.start(self.key, instance, details, now));
            self.stage = Stage::Running;
        }
    }

    pub fn is_recorded(&self) -> bool {
        self.recorder.is_on()
    }

    pub fn end(&mut self, ended: Ended<'_>) {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        if stage != Stage::Ended {
            self.recorder.report(|state, now| state.end(self.key, ended, stage, now));
        }
    }

    /// It gets no instance, which whoever answers it tells once more.
    pub fn refuse(mut self, ended: Ended<'_>) {
        self.end(ended);
        self.recorder.report(|state, _| state.remember_refused(self.key));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Ended::default());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn call(request_id: &str) -> NewCall<'_> {
        NewCall { request_id, function: "shop", trigger: "api", method: "POST", path: "/invoke", retries: 0 }
    }

    #[test]
    fn a_call_is_counted_out_when_it_panics() {
        let recorder = Recorder::on();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut running = Recorder::accept(&recorder, &call("1-1"));
            running.start("c-1", Details::default);
            panic!("in a call");
        }));
        assert!(panicked.is_err());
        let overview = recorder.overview().expect("it is on");
        assert_eq!((overview.running, overview.waiting, overview.invocations.kept), (0, 0, 1));
    }

    #[test]
    fn a_refusal_is_recorded_once() {
        let recorder = Recorder::on();
        let full = || Ended { status: 429, failure: Some(("ResourceExhausted", "full")), ..Ended::default() };
        Recorder::accept(&recorder, &call("1-1")).refuse(full());
        recorder.refuse(&call("1-1"), full());
        recorder.refuse(&call("1-2"), full());
        let ids: Vec<_> =
            recorder.invocations(u64::MAX, 9).iter().map(|one| one.request_id.to_string()).collect();
        assert_eq!(ids, ["1-2", "1-1"]);
        assert_eq!(recorder.overview().expect("it is on").waiting, 0);
    }

    #[test]
    fn lines_are_searched_from_the_newest_back() {
        let recorder = Recorder::on();
        for number in 0..3 * LOOK {
            recorder.line("stdout", None, None, &format!("line {number}"));
        }
        let wanted = |text: &str| Wanted { text: Some(text.to_owned()), ..Wanted::default() };
        let texts = |lines: Vec<Line>| lines.iter().map(|line| line.text.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(recorder.lines(&Wanted::default(), u64::MAX, 2)), ["line 5998", "line 5999"]);
        assert_eq!(texts(recorder.lines(&wanted("line 17"), u64::MAX, 1)), ["line 1799"]);
        let first = recorder.lines(&wanted("line 1"), u64::MAX, 5000);
        assert_eq!((first.len(), &*first[0].text), (1111, "line 1"));
        assert_eq!(texts(recorder.lines(&wanted("line 1"), first[1].seq, 9)), ["line 1"]);
    }

    #[test]
    fn nothing_is_kept_where_nobody_looks() {
        let recorder = Recorder::off();
        let mut call = Recorder::accept(&recorder, &call("1-1"));
        call.start("c-1", || unreachable!("nothing is kept"));
        call.end(Ended::default());
        assert!(recorder.overview().is_none() && recorder.invocations(u64::MAX, 9).is_empty());
    }
}
