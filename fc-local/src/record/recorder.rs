//! Who reports goes through here: what is reported is put down under a lock that is held for no more than that, with the time,
//! and becomes part of the record when somebody looks or when there is much of it. What a report changes is in `state.rs`.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use super::instances::{Instance, PhaseKind, Started};
use super::invocations::{Details, Invocation, NewCall, Stage};
use super::lines::{Line, NewLine, Wanted};
use super::metrics::Sample;
use super::reports::Reports;
use super::state::{Ended, MAX_INVOCATIONS, Overview, State, Update};
use crate::sync::{Mutex, MutexGuard};

/// Lines that are looked at under the lock at a time: whoever searches must not hold up who reports.
const LOOK: usize = 2_000;

/// Reports, and bytes of theirs, that wait before whoever reports next puts them into the record, unless somebody does; and
/// before it waits for that: some milliseconds' worth.
const MANY: (usize, usize) = (512, 1024 * 1024);
const MOST: (usize, usize) = (16_384, 32 * 1024 * 1024);

/// What is recorded, or nothing at all.
pub struct Recorder(Option<Kept>);

struct Kept {
    began: Clock,
    /// Milliseconds from the epoch to that.
    epoch: f64,
    /// Taken before `reports`, so that they come into the record in their order.
    record: Mutex<Record>,
    reports: Mutex<Reports>,
}

/// Whether who reports may spend a moment on the record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CatchUp {
    Later,
    Now,
}

struct Record {
    state: State,
    /// Room for reports, to be used again.
    room: Reports,
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
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = Record { state: State::new(MAX_INVOCATIONS), room: Reports::default() };
        Arc::new(Recorder(Some(Kept {
            began: Clock::now(),
            epoch: since.as_secs_f64() * 1000.0,
            record: Mutex::new(record),
            reports: Mutex::default(),
        })))
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

    /// What happens seldom, reported also by who holds a lock of the functions.
    fn report(&self, report: impl FnOnce(&mut State, f64) + Send + 'static) {
        if let Some(kept) = &self.0 {
            kept.put_down(CatchUp::Later, |reports, now| {
                reports.other(Box::new(move |state: &mut State| report(state, now)));
            });
        }
    }

    /// The same of an instance.
    fn report_of(&self, id: &str, report: impl FnOnce(&mut State, &str, f64) + Send + 'static) {
        if self.is_on() {
            let id = id.to_owned();
            self.report(move |state, now| report(state, &id, now));
        }
    }

    fn look<R>(&self, look: impl FnOnce(&State) -> R) -> Option<R> {
        self.0.as_ref().map(|kept| look(&kept.record_of_all().state))
    }

    /// A call that waits for an instance.
    pub fn accept(recorder: &Arc<Recorder>, call: &NewCall<'_>) -> Call {
        let accept = |reports: &mut Reports, now| reports.accept(call, None, now);
        let key = recorder.0.as_ref().map_or(0, |kept| kept.put_down(CatchUp::Now, accept));
        Call { recorder: Arc::clone(recorder), key, stage: Stage::Waiting }
    }

    /// A call that was refused before it waited for anything. One that did is recorded already.
    pub fn refuse(&self, call: &NewCall<'_>, ended: &Ended<'_>) {
        if let Some(kept) = &self.0 {
            kept.put_down(CatchUp::Now, |reports, now| reports.accept(call, Some(ended), now));
        }
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
        let function = function.into();
        self.report_of(id, move |state, id, now| {
            let started = Started { id: id.into(), function, port, memory_limit_mb, concurrency };
            state.start_instance(started, now);
        });
    }

    pub fn set_process(&self, id: &str, pid: i32) {
        self.report_of(id, move |state, id, _| state.change_instance(id, |one, _| one.pid = Some(pid)));
    }

    pub fn enter(&self, id: &str, phase: PhaseKind) {
        self.report_of(id, move |state, id, now| state.enter(id, phase, now));
    }

    pub fn thaw(&self, id: &str) {
        self.report_of(id, |state, id, now| state.thaw(id, now));
    }

    pub fn set_memory(&self, id: &str, used_mb: f64) {
        self.report_of(id, move |state, id, now| state.set_memory(id, used_mb, now));
    }

    pub fn cold_start(&self, id: &str, parts: &[(&'static str, Duration)]) {
        let parts = parts.to_vec();
        self.report_of(id, move |state, id, _| {
            state.change_instance(id, |one, _| one.set_cold_start(&parts));
        });
    }

    pub fn end_instance(&self, id: &str, why: &str) {
        let why = why.to_owned();
        self.report_of(id, move |state, id, now| state.end_instance(id, &why, now));
    }

    /// A line of the log.
    pub fn line(&self, source: &'static str, function: Option<&str>, instance: Option<&str>, text: &str) {
        let Some(kept) = &self.0 else { return };
        kept.put_down(CatchUp::Now, |reports, at| {
            reports.line([function, instance], &NewLine { at, source, text });
        });
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

    /// One of them, and what was sent.
    pub fn invocation(&self, key: u64) -> Option<(Invocation, Option<Details>)> {
        let find = |state: &State| {
            let found = state.invocations.get(key)?;
            Some((found.clone(), found.sent.and_then(|sent| state.invocations.details(sent))))
        };
        self.look(find).flatten()
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
        let mut found = Vec::new();
        self.search(wanted, 0, before, |line| {
            found.push(line);
            found.len() < count
        });
        found.reverse();
        found
    }

    /// What has changed after `seq`, at most so many of each; of the lines those that are `wanted`.
    pub fn since(&self, seq: u64, most: usize, wanted: &Wanted) -> Update {
        let mut update = self.look(|state| state.since(seq, most)).unwrap_or_default();
        if *wanted != Wanted::default() {
            (update.lines, update.missed.lines) = (Vec::new(), 0);
            self.search(wanted, seq, update.seq.saturating_add(1), |line| {
                match update.lines.len() < most {
                    true => update.lines.push(line),
                    false => update.missed.lines += 1,
                }
                true
            });
            update.lines.reverse();
        }
        update
    }

    /// Hands the lines between two numbers that are `wanted` to `take`, newest first, as long as it goes on.
    fn search(&self, wanted: &Wanted, after: u64, before: u64, mut take: impl FnMut(Line) -> bool) {
        let mut before = before;
        loop {
            let chunk = self.look(|state| state.lines.between(after, before, LOOK)).unwrap_or_default();
            let Some(first) = chunk.first() else { return };
            before = first.seq;
            if !chunk.into_iter().rev().filter(|line| wanted.takes(line)).all(&mut take) {
                return;
            }
        }
    }
}

impl Kept {
    fn now(&self) -> f64 {
        self.epoch + self.began.elapsed().as_secs_f64() * 1000.0
    }

    /// Has `put` put something down. The time is taken under the lock, so that it goes forward from one to the next.
    fn put_down<R>(&self, when: CatchUp, put: impl FnOnce(&mut Reports, f64) -> R) -> R {
        let mut reports = self.reports.lock();
        let done = put(&mut reports, self.now());
        let there = (reports.len(), reports.bytes());
        drop(reports);
        let are = |limit: (usize, usize)| there.0 >= limit.0 || there.1 >= limit.1;
        if are(MOST) {
            drop(self.record_of_all());
        } else if when == CatchUp::Now
            && are(MANY)
            && let Some(mut record) = self.record.try_lock()
        {
            self.catch_up(&mut record);
        }
        done
    }

    /// The record with all that was reported so far.
    fn record_of_all(&self) -> MutexGuard<'_, Record> {
        let mut record = self.record.lock();
        self.catch_up(&mut record);
        record
    }

    fn catch_up(&self, record: &mut Record) {
        let Record { state, room } = record;
        self.reports.lock().exchange(room);
        room.apply(state);
    }
}

impl Call {
    /// It has an instance, and this is sent.
    pub fn start(&mut self, instance: &str, head: &[u8], body: Option<&[u8]>) {
        if let Some(kept) = &self.recorder.0 {
            kept.put_down(CatchUp::Now, |reports, now| reports.start(self.key, instance, head, body, now));
            self.stage = Stage::Running;
        }
    }

    pub fn is_recorded(&self) -> bool {
        self.recorder.is_on()
    }

    pub fn end(&mut self, ended: &Ended<'_>) {
        let stage = mem::replace(&mut self.stage, Stage::Ended);
        if let Some(kept) = self.recorder.0.as_ref().filter(|_| stage != Stage::Ended) {
            kept.put_down(CatchUp::Now, |reports, now| reports.end(self.key, ended, stage, now));
        }
    }

    /// It gets no instance, which whoever answers it tells once more.
    pub fn refuse(mut self, ended: &Ended<'_>) {
        self.end(ended);
        let key = self.key;
        self.recorder.report(move |state, _| state.remember_refused(key));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(&Ended::default());
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
            running.start("c-1", b"", None);
            panic!("in a call");
        }));
        assert!(panicked.is_err());
        let overview = recorder.overview().expect("it is on");
        assert_eq!((overview.running, overview.waiting, overview.invocations.kept), (0, 0, 1));
    }

    #[test]
    fn what_many_report_at_once_is_recorded_whole() {
        let recorder = Recorder::on();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2 * MANY.0 {
                        let mut running = Recorder::accept(&recorder, &call("1-1"));
                        running.start("c-1", b"", None);
                        running.end(&Ended { status: 200, ..Ended::default() });
                    }
                });
            }
        });
        let all = recorder.invocations(u64::MAX, MAX_INVOCATIONS);
        assert!(all.len() == 8 * MANY.0 && all.iter().all(|one| one.status == Some(200)), "{}", all.len());
        assert!(all.is_sorted_by_key(|one| std::cmp::Reverse(one.key)));
        let overview = recorder.overview().expect("it is on");
        assert_eq!((overview.running, overview.waiting), (0, 0));
    }

    #[test]
    fn the_newest_are_kept_in_their_order_and_all_are_counted() {
        let recorder = Recorder::on();
        recorder.start_instance("c-1", "shop", 9000, 512, 2);
        let mut first = Recorder::accept(&recorder, &call("1-first"));
        first.start("c-1", b"", None);
        for number in 0..MAX_INVOCATIONS + 5_000 {
            let mut one = Recorder::accept(&recorder, &call(&format!("1-{number}")));
            one.start("c-1", b"head", None);
            recorder.line("stdout", None, Some("c-1"), &format!("RequestId:1-{number} of"));
            one.end(&Ended { status: if number % 10 == 0 { 500 } else { 200 }, ..Ended::default() });
        }
        let all = recorder.invocations(u64::MAX, usize::MAX);
        let ids = (5_000..MAX_INVOCATIONS + 5_000).rev().map(|number| format!("1-{number}"));
        assert!(all.iter().map(|one| one.request_id.clone()).eq(ids));
        assert!(all.iter().all(|one| recorder.invocation(one.key).is_some_and(|(_, sent)| sent.is_some())));
        let overview = recorder.overview().expect("it is on");
        assert_eq!((overview.running, overview.waiting, overview.invocations.forgotten), (1, 0, 5_001));
        let samples = recorder.samples(0);
        let counted = samples.iter().fold((0, 0), |sum, one| (sum.0 + one.ended, sum.1 + one.failed));
        assert_eq!(counted, (15_000, 1_500));
        let instance = recorder.instances().remove(0);
        assert_eq!((instance.invocations, instance.running), (15_001, vec![1]), "one goes on");
        let lines = recorder.lines(&Wanted::default(), u64::MAX, usize::MAX);
        assert_eq!(lines.len(), 15_000);
        for (number, line) in lines.iter().enumerate() {
            assert_eq!(line.request_id, Some(format!("1-{number}")), "a request that went before its lines");
        }
        first.end(&Ended::default());
        assert_eq!(recorder.overview().expect("it is on").running, 0);
        assert_eq!(recorder.instances().remove(0).running, [0; 0], "though it has made room");
        assert_eq!(recorder.samples(0).iter().map(|one| one.ended).sum::<u64>(), 15_001);
    }

    #[test]
    fn a_refusal_is_recorded_once() {
        let recorder = Recorder::on();
        let full = || Ended { status: 429, failure: Some(("ResourceExhausted", "full")), ..Ended::default() };
        Recorder::accept(&recorder, &call("1-1")).refuse(&full());
        recorder.refuse(&call("1-1"), &full());
        recorder.refuse(&call("1-2"), &full());
        let ids: Vec<_> =
            recorder.invocations(u64::MAX, 9).iter().map(|one| one.request_id.clone()).collect();
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
        let texts = |lines: Vec<Line>| lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(recorder.lines(&Wanted::default(), u64::MAX, 2)), ["line 5998", "line 5999"]);
        assert_eq!(texts(recorder.lines(&wanted("line 17"), u64::MAX, 1)), ["line 1799"]);
        let first = recorder.lines(&wanted("line 1"), u64::MAX, 5000);
        assert_eq!((first.len(), &*first[0].text), (1111, "line 1"));
        assert_eq!(texts(recorder.lines(&wanted("line 1"), first[1].seq, 9)), ["line 1"]);
    }

    #[test]
    fn whoever_follows_some_lines_misses_none_of_them_for_others() {
        let recorder = Recorder::on();
        let say = |text: &str, times: usize| {
            (0..times).for_each(|_| recorder.line("stdout", None, None, text));
        };
        say("mine, from before", 1);
        let seq = recorder.seq();
        say("mine", 3);
        say("chatter", 2 * LOOK);
        say("mine", 1);
        say("chatter", 7);
        let wanted = |text: &str| Wanted { text: Some(text.to_owned()), ..Wanted::default() };
        let found = |wanted: &Wanted, most| {
            let update = recorder.since(seq, most, wanted);
            let seqs: Vec<u64> = update.lines.iter().map(|line| line.seq).collect();
            assert!(seqs.is_sorted() && seqs.iter().all(|at| *at > seq), "{seqs:?}");
            (seqs.len(), update.missed.lines)
        };
        let all = 2 * LOOK as u64 + 11;
        assert_eq!(found(&wanted("mine"), 5), (4, 0));
        assert_eq!(found(&wanted("mine"), 3), (3, 1));
        assert_eq!(found(&wanted("nobody's"), 3), (0, 0));
        assert_eq!(found(&wanted("c"), 3), (3, all - 4 - 3));
        assert_eq!(found(&Wanted::default(), 3), (3, all - 3));
        let newest = recorder.seq();
        assert!(recorder.since(newest, 3, &wanted("mine")).lines.is_empty());
    }

    #[test]
    fn nothing_is_kept_where_nobody_looks() {
        let recorder = Recorder::off();
        let mut call = Recorder::accept(&recorder, &call("1-1"));
        call.start("c-1", b"", None);
        call.end(&Ended::default());
        assert!(recorder.overview().is_none() && recorder.invocations(u64::MAX, 9).is_empty());
    }
}
