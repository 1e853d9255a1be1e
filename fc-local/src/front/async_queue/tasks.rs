//! Which asynchronous invocations does a function have, and what is known of each? Those that wait or run, and of task mode those
//! that have ended, within bounds. The time is handed in; what becomes of one is in `life.rs`, who runs it is not known here.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::life::{Life, Moment, Rules, Status, Stop};
use crate::front::event::LateCall;

/// How many may wait or run: more are a loop that calls itself.
const MAX_OPEN: usize = 10_000;

/// What their payloads may take, in bytes: with the largest ones that is 2,048 of them.
const MAX_OPEN_BYTES: usize = 256 * 1024 * 1024;

/// How many that have ended are remembered, the newest ones; the platform remembers those of seven days.
const MAX_ENDED: usize = 10_000;

/// What they may take, in bytes.
const MAX_ENDED_BYTES: usize = 64 * 1024 * 1024;

/// What a task takes beside its payloads.
const TASK_BYTES: usize = 1024;

/// The platform's limit for what is remembered of a result, in bytes.
const MAX_RETURNED: usize = 1024 * 1024;

/// One that is to be accepted.
pub struct New {
    /// The caller's own name for it; else its request id.
    pub id: Option<String>,
    pub request_id: String,
    pub payload: Vec<u8>,
    /// What made it: `async`, or a trigger's type.
    pub trigger: &'static str,
    /// The HTTP call that it is, with the payload as its body; else it is an event.
    pub call: Option<LateCall>,
    pub delay: Duration,
    /// Whether it can be asked for: task mode.
    pub is_tracked: bool,
}

impl New {
    /// An event that is due at once.
    pub fn event(payload: Vec<u8>, request_id: String) -> New {
        New {
            id: None,
            request_id,
            payload,
            trigger: "async",
            call: None,
            delay: Duration::ZERO,
            is_tracked: false,
        }
    }
}

pub struct Task {
    pub id: String,
    pub request_id: String,
    pub payload: Arc<[u8]>,
    trigger: &'static str,
    call: Option<Arc<LateCall>>,
    pub life: Life,
    pub instance: Option<String>,
    /// Why it has failed.
    pub error: Option<&'static str>,
    pub returned: Vec<u8>,
    /// Whether its result has reached a function.
    pub is_delivered: Option<bool>,
    is_tracked: bool,
    should_stop: Arc<AtomicBool>,
}

/// Why one is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// As many wait as may.
    Full,
    /// There is one of this name.
    Exists(String),
}

/// What is to be run.
pub struct Taken {
    pub number: u64,
    pub request_id: String,
    pub payload: Arc<[u8]>,
    pub trigger: &'static str,
    pub call: Option<Arc<LateCall>>,
    /// How often the function has failed it before.
    pub failures: u32,
    pub should_stop: Arc<AtomicBool>,
}

/// What came of a look at the next one.
pub enum Look {
    Run(Taken),
    /// It has waited for too long.
    Expired(u64),
    /// Nothing is due before then.
    Wait(Option<Instant>),
}

/// Which ones a list is to have.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub prefix: String,
    pub status: Option<Status>,
    /// When they were accepted, in milliseconds since 1970.
    pub begin: Option<u128>,
    pub end: Option<u128>,
    pub ascending: bool,
    pub limit: usize,
    /// The number of the first one.
    pub first: Option<u64>,
}

/// By numbers, which are in the order of their acceptance.
#[derive(Default)]
pub struct Tasks {
    all: BTreeMap<u64, Task>,
    next: u64,
    numbers: HashMap<String, u64>,
    due: BTreeSet<(Instant, u64)>,
    open: usize,
    open_bytes: usize,
    ended: VecDeque<u64>,
    ended_bytes: usize,
}

impl Tasks {
    /// Accepts one; its id.
    pub fn add(&mut self, new: New, now: Moment) -> Result<String, Refused> {
        let New { id, request_id, payload, trigger, call, delay, is_tracked } = new;
        let id = id.unwrap_or_else(|| request_id.clone());
        if is_tracked && self.numbers.contains_key(&id) {
            return Err(Refused::Exists(id));
        }
        let bytes = payload.len() + call.as_ref().map_or(0, LateCall::bytes);
        if self.open >= MAX_OPEN || self.open_bytes.saturating_add(bytes) > MAX_OPEN_BYTES {
            return Err(Refused::Full);
        }
        let number = self.next;
        self.next += 1;
        self.open += 1;
        self.open_bytes += bytes;
        if is_tracked {
            self.numbers.insert(id.clone(), number);
        }
        let task = Task {
            id: id.clone(),
            request_id,
            payload: payload.into(),
            trigger,
            call: call.map(Arc::new),
            life: Life::begin(now, delay),
            instance: None,
            error: None,
            returned: Vec::new(),
            is_delivered: None,
            is_tracked,
            should_stop: Arc::default(),
        };
        self.due.extend(task.life.due().map(|due| (due, number)));
        self.all.insert(number, task);
        Ok(id)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.due.len()
    }

    /// The one that has waited longest of those that are due.
    pub fn look(&mut self, now: Moment, rules: &Rules) -> Look {
        let Some((due, number)) = self.due.first().copied() else { return Look::Wait(None) };
        if due > now.at {
            return Look::Wait(Some(due));
        }
        self.due.remove(&(due, number));
        let Some(task) = self.all.get_mut(&number) else { return Look::Wait(Some(now.at)) };
        if !task.life.take(now, rules) {
            return Look::Expired(number);
        }
        Look::Run(Taken {
            number,
            request_id: task.request_id.clone(),
            payload: Arc::clone(&task.payload),
            trigger: task.trigger,
            call: task.call.clone(),
            failures: task.life.failures(),
            should_stop: Arc::clone(&task.should_stop),
        })
    }

    /// Changes one.
    pub fn change<T>(&mut self, number: u64, change: impl FnOnce(&mut Task) -> T) -> Option<T> {
        let task = self.all.get_mut(&number)?;
        let before = task.life.due();
        let changed = change(task);
        let after = task.life.due();
        if before != after {
            if let Some(due) = before {
                self.due.remove(&(due, number));
            }
            self.due.extend(after.map(|due| (due, number)));
        }
        Some(changed)
    }

    /// Remembers or forgets one that has ended.
    pub fn close(&mut self, number: u64) {
        let Some(task) = self.all.get_mut(&number) else { return };
        self.open = self.open.saturating_sub(1);
        self.open_bytes = self.open_bytes.saturating_sub(task.asked_bytes());
        if task.returned.len() > MAX_RETURNED {
            task.returned = Vec::new();
        }
        if !task.is_tracked {
            self.all.remove(&number);
            return;
        }
        self.ended_bytes += task.bytes();
        self.ended.push_back(number);
        while self.ended.len() > MAX_ENDED || self.ended_bytes > MAX_ENDED_BYTES {
            let Some(oldest) = self.ended.pop_front().and_then(|oldest| self.all.remove(&oldest)) else {
                break;
            };
            self.ended_bytes = self.ended_bytes.saturating_sub(oldest.bytes());
            self.numbers.remove(&oldest.id);
        }
    }

    /// Forgets all that wait; how many there were.
    pub fn lose_waiting(&mut self) -> usize {
        let lost = std::mem::take(&mut self.due);
        lost.iter().for_each(|(_, number)| drop(self.all.remove(number)));
        lost.len()
    }

    /// Stops the one with this id. One that waits has ended then, and is to be closed.
    pub fn stop(&mut self, id: &str, now: Moment) -> Option<(u64, Stop)> {
        let number = *self.numbers.get(id)?;
        let stop = self.change(number, |task| {
            let stop = task.life.stop(now);
            if stop == Stop::Soon {
                task.should_stop.store(true, Ordering::SeqCst);
            }
            stop
        })?;
        Some((number, stop))
    }

    pub fn get(&self, id: &str) -> Option<&Task> {
        self.all.get(self.numbers.get(id)?)
    }

    pub fn numbered(&self, number: u64) -> Option<&Task> {
        self.all.get(&number)
    }

    /// A page of those that can be asked for, and the number that the next one begins with.
    pub fn list(&self, query: &Query) -> (Vec<&Task>, Option<u64>) {
        let mut found: Vec<(u64, &Task)> = Vec::new();
        let all: Box<dyn Iterator<Item = (&u64, &Task)>> = if query.ascending {
            Box::new(self.all.range(query.first.unwrap_or(0)..))
        } else {
            Box::new(self.all.range(..=query.first.unwrap_or(u64::MAX)).rev())
        };
        for (number, task) in all.filter(|(_, task)| task.is_tracked && query.has(task)) {
            if found.len() >= query.limit {
                return (found.into_iter().map(|(_, task)| task).collect(), Some(*number));
            }
            found.push((*number, task));
        }
        (found.into_iter().map(|(_, task)| task).collect(), None)
    }
}

impl Task {
    fn bytes(&self) -> usize {
        self.asked_bytes() + self.returned.len() + TASK_BYTES
    }

    fn asked_bytes(&self) -> usize {
        self.payload.len() + self.call.as_deref().map_or(0, LateCall::bytes)
    }
}

impl Query {
    fn has(&self, task: &Task) -> bool {
        let accepted = task.life.accepted().unix.as_millis();
        task.id.starts_with(&self.prefix)
            && self.status.is_none_or(|status| task.life.status() == status)
            && self.begin.is_none_or(|begin| accepted >= begin)
            && self.end.is_none_or(|end| accepted <= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Moment {
        Moment { at: Instant::now(), unix: Duration::from_secs(1000) }
    }

    fn rules() -> Rules {
        Rules { retries: 1, max_age: Duration::from_secs(60), first_delay: SECOND }
    }

    fn new(id: &str) -> New {
        New {
            trigger: "async",
            id: Some(id.to_owned()),
            request_id: format!("1-{id}"),
            payload: b"event".to_vec(),
            call: None,
            delay: Duration::ZERO,
            is_tracked: true,
        }
    }

    /// The next that is due, which has to be there.
    fn take(tasks: &mut Tasks, now: Moment) -> Taken {
        match tasks.look(now, &rules()) {
            Look::Run(taken) => taken,
            _ => panic!("nothing is due"),
        }
    }

    fn end(tasks: &mut Tasks, number: u64, now: Moment) {
        tasks.change(number, |task| task.life.succeed(now));
        tasks.close(number);
    }

    #[test]
    fn they_run_in_the_order_in_which_they_were_accepted_or_are_due() {
        let (mut tasks, now) = (Tasks::default(), start());
        let delayed = New { delay: 2 * SECOND, ..new("delayed") };
        for new in [delayed, new("a"), new("b")] {
            tasks.add(new, now).expect("room");
        }
        assert_eq!(
            (take(&mut tasks, now).request_id, take(&mut tasks, now).request_id),
            ("1-a".into(), "1-b".into())
        );
        assert!(matches!(tasks.look(now, &rules()), Look::Wait(Some(due)) if due == now.at + 2 * SECOND));
        assert_eq!(take(&mut tasks, now.plus(2 * SECOND)).request_id, "1-delayed");
        assert!(matches!(tasks.look(now, &rules()), Look::Wait(None)));
    }

    #[test]
    fn one_that_failed_is_due_again_after_its_delay() {
        let (mut tasks, now) = (Tasks::default(), start());
        tasks.add(new("a"), now).expect("room");
        let taken = take(&mut tasks, now);
        tasks.change(taken.number, |task| task.life.fail("UnhandledInvocationError", now, &rules()));
        assert!(matches!(tasks.look(now, &rules()), Look::Wait(Some(due)) if due == now.at + SECOND));
        let again = take(&mut tasks, now.plus(SECOND));
        assert_eq!((again.number, again.failures), (taken.number, 1));
        tasks.change(again.number, |task| task.life.throttle("FunctionResourceExhausted", now, &rules()));
        assert!(
            matches!(tasks.look(now.plus(61 * SECOND), &rules()), Look::Expired(number) if number == again.number)
        );
    }

    #[test]
    fn an_id_is_taken_for_as_long_as_it_is_remembered() {
        let (mut tasks, now) = (Tasks::default(), start());
        assert_eq!(tasks.add(new("a"), now), Ok("a".to_owned()));
        assert_eq!(tasks.add(new("a"), now), Err(Refused::Exists("a".to_owned())));
        let number = take(&mut tasks, now).number;
        end(&mut tasks, number, now);
        assert_eq!(tasks.add(new("a"), now), Err(Refused::Exists("a".to_owned())), "it has ended");
        let untracked = || New { is_tracked: false, ..new("b") };
        assert!(tasks.add(untracked(), now).is_ok() && tasks.add(untracked(), now).is_ok());
        assert!(tasks.get("b").is_none() && tasks.get("a").is_some());
        let unnamed = New { id: None, ..new("c") };
        assert_eq!(tasks.add(unnamed, now), Ok("1-c".to_owned()));
    }

    #[test]
    fn no_more_wait_than_so_many_of_so_many_bytes() {
        let (mut tasks, now) = (Tasks::default(), start());
        for number in 0..MAX_OPEN {
            tasks.add(new(&number.to_string()), now).expect("room");
        }
        assert_eq!(tasks.add(new("more"), now), Err(Refused::Full));
        let number = take(&mut tasks, now).number;
        assert_eq!(tasks.add(new("more"), now), Err(Refused::Full), "one that runs counts");
        end(&mut tasks, number, now);
        assert_eq!(tasks.add(new("more"), now), Ok("more".to_owned()));
        assert_eq!((tasks.lose_waiting(), tasks.waiting()), (MAX_OPEN, 0));

        let mut tasks = Tasks::default();
        let large = |id: usize| New { payload: vec![0; MAX_OPEN_BYTES / 4], ..new(&id.to_string()) };
        let accepted = (0..5).map(|id| tasks.add(large(id), now).is_ok()).collect::<Vec<_>>();
        assert_eq!(accepted, [true, true, true, true, false]);
    }

    #[test]
    fn of_those_that_have_ended_the_newest_are_remembered() {
        let (mut tasks, now) = (Tasks::default(), start());
        for number in 0..MAX_ENDED + 2 {
            tasks.add(new(&number.to_string()), now).expect("room");
            let number = take(&mut tasks, now).number;
            end(&mut tasks, number, now);
        }
        assert!(tasks.get("1").is_none() && tasks.get("2").is_some());
        assert_eq!((tasks.all.len(), tasks.numbers.len(), tasks.open), (MAX_ENDED, MAX_ENDED, 0));

        let mut tasks = Tasks::default();
        let returned = MAX_RETURNED;
        for id in 0..100 {
            tasks.add(new(&id.to_string()), now).expect("room");
            let number = take(&mut tasks, now).number;
            tasks.change(number, |task| task.returned = vec![0; returned]);
            end(&mut tasks, number, now);
        }
        assert!(
            tasks.ended_bytes <= MAX_ENDED_BYTES && tasks.get("99").is_some() && tasks.get("30").is_none()
        );
        tasks.add(new("large"), now).expect("room");
        let number = take(&mut tasks, now).number;
        tasks.change(number, |task| task.returned = vec![0; returned + 1]);
        end(&mut tasks, number, now);
        assert_eq!(tasks.get("large").map(|task| task.returned.len()), Some(0));
    }

    #[test]
    fn one_that_waits_stops_at_once_and_one_that_runs_is_told() {
        let (mut tasks, now) = (Tasks::default(), start());
        tasks.add(new("waits"), now).expect("room");
        let (number, stop) = tasks.stop("waits", now).expect("a task");
        assert_eq!((stop, tasks.waiting()), (Stop::Done, 0));
        tasks.close(number);
        tasks.add(new("runs"), now).expect("room");
        let taken = take(&mut tasks, now);
        assert!(!taken.should_stop.load(Ordering::SeqCst));
        assert_eq!(tasks.stop("runs", now), Some((taken.number, Stop::Soon)));
        assert!(taken.should_stop.load(Ordering::SeqCst));
        assert_eq!(tasks.stop("none", now), None);
    }

    #[test]
    fn a_list_has_what_is_asked_for_in_pages() {
        let (mut tasks, now) = (Tasks::default(), start());
        for (seconds, id) in ["a1", "b1", "a2", "a3"].into_iter().enumerate() {
            tasks.add(new(id), now.plus(SECOND * seconds as u32)).expect("room");
        }
        tasks.add(New { is_tracked: false, ..new("a4") }, now).expect("room");
        take(&mut tasks, now.plus(9 * SECOND));
        let list = |query: Query| {
            let (found, next) = tasks.list(&query);
            (found.into_iter().map(|task| task.id.as_str()).collect::<Vec<_>>().join(" "), next)
        };
        let all = || Query { limit: 20, ..Query::default() };
        for (query, wanted, next) in [
            (all(), "a3 a2 b1 a1", None),
            (Query { ascending: true, ..all() }, "a1 b1 a2 a3", None),
            (Query { prefix: "a".to_owned(), ..all() }, "a3 a2 a1", None),
            (Query { status: Some(Status::Dequeued), ..all() }, "a1", None),
            (Query { begin: Some(1_001_000), end: Some(1_002_000), ..all() }, "a2 b1", None),
            (Query { limit: 2, ..all() }, "a3 a2", Some(1)),
            (Query { limit: 2, first: Some(1), ..all() }, "b1 a1", None),
            (Query { limit: 3, ascending: true, ..all() }, "a1 b1 a2", Some(3)),
            (Query { limit: 3, ascending: true, first: Some(3), ..all() }, "a3", None),
        ] {
            let told = format!("{query:?}");
            assert_eq!(list(query), (wanted.to_owned(), next), "{told}");
        }
    }
}
