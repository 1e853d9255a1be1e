use std::time::Duration;

use super::*;

const STATES: [SlotState; 6] = [
    SlotState::Starting,
    SlotState::Initializing,
    SlotState::Uninitialized,
    SlotState::Ready,
    SlotState::Parking,
    SlotState::Stopping,
];

const EVENTS: [SlotEvent; 6] = [
    SlotEvent::Open,
    SlotEvent::Initialize,
    SlotEvent::Park,
    SlotEvent::Succeed,
    SlotEvent::NeedInitializer,
    SlotEvent::Retire,
];

fn starting() -> Slot<()> {
    Slot::new(SlotId(1), 0, 9000, Instant::now(), ())
}

/// A slot in `state`, with the call that started it counted out.
fn idle(state: SlotState) -> Slot<()> {
    let mut slot = starting();
    slot.leave(Instant::now());
    slot.state = state;
    slot
}

#[test]
fn every_pair_of_state_and_event_does_what_the_documented_table_says() {
    let rows: Vec<Vec<&str>> = include_str!("../slot.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! |"))
        .map(|row| row.trim_end_matches('|').split('|').map(str::trim).collect())
        .collect();
    let header = &rows[0];
    assert_eq!((header.len(), rows.len()), (EVENTS.len() + 1, STATES.len() + 2));
    for (state, row) in STATES.iter().zip(&rows[2..]) {
        assert_eq!(format!("{state:?}"), row[0]);
        for (event, (name, cell)) in EVENTS.iter().zip(header[1..].iter().zip(&row[1..])) {
            assert_eq!(format!("{event:?}"), *name);
            let next = state.after(*event).map_or("-".to_owned(), |next| format!("{next:?}"));
            assert_eq!(next, *cell, "{state:?} on {event:?}");
        }
    }
}

#[test]
fn an_event_that_was_overtaken_by_a_stop_changes_nothing() {
    let mut slot = idle(SlotState::Stopping);
    for event in EVENTS {
        assert!(!slot.apply(event, Instant::now()), "{event:?}");
        assert_eq!(slot.state(), SlotState::Stopping);
    }
}

#[test]
fn the_end_of_a_hook_counts_as_use() {
    let start = Instant::now();
    let mut slot = Slot::new(SlotId(1), 0, 9000, start, ());
    let later = start + Duration::from_secs(1);
    assert!(slot.apply(SlotEvent::Open, later));
    assert_eq!(slot.last_used(), start);
    assert!(slot.apply(SlotEvent::Succeed, later));
    assert_eq!(slot.last_used(), later);
}

#[test]
fn a_call_thaws_what_was_frozen_and_only_the_first_one_does() {
    let mut slot = idle(SlotState::Ready);
    assert!(slot.freeze() && slot.is_frozen());
    assert_eq!((slot.enter(), slot.enter()), (true, false));
    assert_eq!((slot.calls(), slot.is_frozen()), (2, false));
}

#[test]
fn only_an_idle_instance_is_frozen() {
    for state in STATES {
        let may_freeze = matches!(state, SlotState::Ready | SlotState::Uninitialized);
        assert_eq!(idle(state).freeze(), may_freeze, "{state:?}");
    }
    let mut in_use = idle(SlotState::Ready);
    in_use.enter();
    assert!(!in_use.freeze());
    let mut checked = idle(SlotState::Ready);
    assert!(checked.begin_health_check() && !checked.freeze());
    checked.end_health_check();
    assert!(checked.freeze());
}

#[test]
fn no_health_check_begins_on_an_instance_that_is_frozen_or_not_ready() {
    for state in STATES {
        assert_eq!(idle(state).begin_health_check(), state == SlotState::Ready, "{state:?}");
    }
    let mut frozen = idle(SlotState::Ready);
    assert!(frozen.freeze() && !frozen.begin_health_check());
    assert!(!frozen.has_health_check());
}

#[test]
fn the_first_reason_to_go_stays() {
    let mut slot = starting();
    slot.condemn("first");
    slot.condemn("second");
    assert_eq!(slot.condemned(), Some("first"));
}

#[test]
fn a_change_of_health_is_told_once() {
    let mut slot = starting();
    assert_eq!(
        [slot.set_healthy(true), slot.set_healthy(false), slot.set_healthy(false)],
        [false, true, false]
    );
}
