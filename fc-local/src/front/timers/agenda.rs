//! Which timers are due at a moment? The moment is handed in, so that no test waits. Who fires them is not known here.

use jiff::{SignedDuration, Timestamp};

use crate::function::Timer;

/// A firing that is later than this has been missed: the machine slept, or its clock was set. On a busy machine a thread is late
/// by less.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// The timers of all functions, each with its next firing.
#[derive(Default)]
pub struct Agenda {
    entries: Vec<Entry>,
    /// The last look.
    looked: Option<Timestamp>,
}

struct Entry {
    /// The place of its function.
    function: usize,
    timer: Timer,
    next: Option<Timestamp>,
}

/// A firing whose time has come.
#[derive(Debug, PartialEq)]
pub struct Due {
    pub function: usize,
    pub timer: Timer,
    /// When it was to be.
    pub time: Timestamp,
    /// Whether it is too late for it.
    pub is_late: bool,
    pub next: Option<Timestamp>,
}

impl Agenda {
    /// The timers that the function at a place has from now on; those of them that it did not have before.
    pub fn set(&mut self, function: usize, timers: &[Timer], now: Timestamp) -> Vec<Timer> {
        self.entries.retain(|entry| entry.function != function || timers.contains(&entry.timer));
        let mut new = Vec::new();
        for timer in timers {
            let is_known = |entry: &Entry| entry.function == function && entry.timer == *timer;
            if !self.entries.iter().any(is_known) {
                let next = timer.is_enabled.then(|| timer.schedule.after(now)).flatten();
                self.entries.push(Entry { function, timer: timer.clone(), next });
                new.push(timer.clone());
            }
        }
        new
    }

    /// When a timer fires next.
    pub fn next_of(&self, function: usize, name: &str) -> Option<Timestamp> {
        let is_it = |entry: &&Entry| entry.function == function && entry.timer.name == name;
        self.entries.iter().find(is_it)?.next
    }

    /// When the next of all fires.
    pub fn next(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(|entry| entry.next).min()
    }

    /// What is due. Each timer is so once, however much time has passed: of firings that were missed there is no storm.
    pub fn look(&mut self, now: Timestamp) -> Vec<Due> {
        let went_back = self.looked.is_some_and(|looked| looked.duration_since(now) > LATE);
        self.looked = Some(now);
        let mut due = Vec::new();
        for entry in &mut self.entries {
            match entry.next {
                Some(time) if time <= now => {
                    entry.next = following(&entry.timer, time, now);
                    due.push(Due {
                        function: entry.function,
                        timer: entry.timer.clone(),
                        time,
                        is_late: now.duration_since(time) > LATE,
                        next: entry.next,
                    });
                }
                Some(_) if went_back => entry.next = entry.timer.schedule.after(now),
                _ => {}
            }
        }
        due.sort_by_key(|due| due.time);
        due
    }
}

/// The first firing after `now`; one of an interval stays in step with that at `time`.
fn following(timer: &Timer, time: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let Some(interval) = timer.schedule.interval() else { return timer.schedule.after(now) };
    let passed = now.duration_since(time).as_secs() / interval.as_secs().max(1) + 1;
    let passed = i32::try_from(passed).ok()?;
    time.checked_add(interval.checked_mul(passed)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::schedule::Schedule;

    fn at(text: &str) -> Timestamp {
        format!("2026-01-02T{text}Z").parse().expect("a time")
    }

    fn timer(name: &str, expression: &str) -> Timer {
        Timer {
            name: name.to_owned(),
            qualifier: "LATEST".to_owned(),
            schedule: Schedule::parse(expression).expect("a schedule"),
            is_enabled: true,
            payload: String::new(),
        }
    }

    fn agenda(expression: &str, now: &str) -> Agenda {
        let mut agenda = Agenda::default();
        agenda.set(0, &[timer("t", expression)], at(now));
        agenda
    }

    /// What a look at a moment finds: for which times, and which are missed.
    fn look(agenda: &mut Agenda, now: &str) -> Vec<(String, bool)> {
        let due = agenda.look(at(now));
        due.iter().map(|due| (due.time.strftime("%H:%M:%S").to_string(), due.is_late)).collect()
    }

    fn fires(time: &str) -> Vec<(String, bool)> {
        vec![(time.to_owned(), false)]
    }

    #[test]
    fn a_timer_fires_once_when_its_time_has_come() {
        let mut agenda = agenda("0 */5 * * * *", "03:04:00");
        assert_eq!(agenda.next(), Some(at("03:05:00")));
        assert_eq!(look(&mut agenda, "03:04:59.999"), []);
        assert_eq!(look(&mut agenda, "03:05:00"), fires("03:05:00"));
        assert_eq!(look(&mut agenda, "03:05:00.001"), []);
        assert_eq!(look(&mut agenda, "03:10:02"), fires("03:10:00"));
        assert_eq!(agenda.next(), Some(at("03:15:00")));
    }

    #[test]
    fn an_interval_stays_in_step() {
        let mut agenda = agenda("@every 10s", "03:00:03");
        assert_eq!(look(&mut agenda, "03:00:12"), []);
        assert_eq!(look(&mut agenda, "03:00:14"), fires("03:00:13"));
        assert_eq!(look(&mut agenda, "03:00:23"), fires("03:00:23"));
        assert_eq!(
            look(&mut agenda, "03:00:55"),
            fires("03:00:33"),
            "one for those that a busy machine missed"
        );
        assert_eq!(agenda.next(), Some(at("03:01:03")));
    }

    #[test]
    fn a_machine_that_slept_fires_no_storm() {
        for expression in ["@every 1s", "* * * * * *"] {
            let mut agenda = agenda(expression, "03:00:00");
            assert_eq!(look(&mut agenda, "09:00:00"), [("03:00:01".to_owned(), true)], "{expression}");
            assert_eq!(look(&mut agenda, "09:00:00.5"), [], "{expression}");
            assert_eq!(look(&mut agenda, "09:00:01"), fires("09:00:01"), "{expression}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_a_timer_waiting() {
        for (expression, next) in [("@every 10m", "02:10:00"), ("0 0 * * * *", "03:00:00")] {
            let mut agenda = agenda(expression, "05:00:00");
            assert_eq!(look(&mut agenda, "05:01:00"), []);
            assert_eq!(look(&mut agenda, "02:00:00"), [], "{expression}");
            assert_eq!(agenda.next(), Some(at(next)), "{expression}");
        }
        let mut agenda = agenda("0 0 * * * *", "05:59:00");
        assert_eq!(look(&mut agenda, "06:00:00"), fires("06:00:00"));
        assert_eq!(look(&mut agenda, "05:59:59.9"), [], "a step of a time server repeats nothing");
        assert_eq!(look(&mut agenda, "06:00:00.1"), []);
    }

    #[test]
    fn a_changed_configuration_keeps_what_has_not_changed() {
        let mut agenda = Agenda::default();
        let (one, two) = (timer("one", "@every 10m"), timer("two", "@every 10m"));
        assert_eq!(agenda.set(0, &[one.clone(), two.clone()], at("03:00:00")).len(), 2);
        let other = Timer { schedule: Schedule::parse("@every 1h").expect("a schedule"), ..two };
        assert_eq!(agenda.set(0, &[one.clone(), other.clone()], at("03:05:00")), [other]);
        let next = |name| agenda.next_of(0, name);
        assert_eq!((next("one"), next("two")), (Some(at("03:10:00")), Some(at("04:05:00"))));
        assert_eq!(agenda.set(1, &[one], at("03:05:00")).len(), 1, "another function's");
        assert!(agenda.set(0, &[], at("03:06:00")).is_empty());
        assert_eq!(agenda.next(), Some(at("03:15:00")), "that of the other function");
    }

    #[test]
    fn a_timer_that_is_not_enabled_never_fires() {
        let mut agenda = Agenda::default();
        let off = Timer { is_enabled: false, ..timer("t", "* * * * * *") };
        agenda.set(0, &[off], at("03:00:00"));
        assert_eq!((agenda.next(), look(&mut agenda, "04:00:00")), (None, Vec::new()));
    }
}
