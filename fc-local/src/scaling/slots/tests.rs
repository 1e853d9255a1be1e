use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Choice, Phase, Slots};
use crate::function::Function;

fn slots(concurrency: usize) -> Slots {
    Slots::new(Arc::new(Function { concurrency, ..Function::example() }))
}

/// A ready slot with `in_flight` calls, last used `age` ago.
fn ready(slots: &mut Slots, in_flight: usize, age: Duration) -> u64 {
    let (id, _) = slots.add(9000, Instant::now() - age);
    let slot = slots.get(id).expect("just added");
    (slot.phase, slot.in_flight) = (Phase::Ready, in_flight);
    id
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_instance_used_last_is_used_first() {
    let mut slots = slots(2);
    ready(&mut slots, 0, 3 * SECOND);
    let recent = ready(&mut slots, 1, SECOND);
    ready(&mut slots, 2, Duration::ZERO);
    assert!(matches!(slots.choose(10), Choice::Use(id) if id == recent));
}

#[test]
fn a_new_instance_is_started_only_when_all_are_saturated() {
    let mut slots = slots(1);
    assert!(matches!(slots.choose(2), Choice::Start));
    ready(&mut slots, 1, SECOND);
    assert!(matches!(slots.choose(2), Choice::Start));
    ready(&mut slots, 1, SECOND);
    assert!(matches!(slots.choose(2), Choice::Refuse(_)));
}

#[test]
fn a_starting_instance_with_room_is_waited_for() {
    let mut slots = slots(2);
    let (id, _) = slots.add(9000, Instant::now());
    assert!(matches!(slots.choose(10), Choice::Join(joined, _) if joined == id));
    slots.get(id).expect("added").in_flight = 2;
    assert!(matches!(slots.choose(10), Choice::Start));
}

#[test]
fn an_uninitialized_instance_is_initialized_before_another_is_started() {
    let mut slots = slots(1);
    let id = ready(&mut slots, 0, SECOND);
    slots.get(id).expect("added").phase = Phase::Uninitialized;
    assert!(matches!(slots.choose(10), Choice::Initialize(chosen) if chosen == id));
}

#[test]
fn condemned_stopping_and_outdated_instances_serve_nobody_and_do_not_count() {
    let mut slots = slots(1);
    let condemned = ready(&mut slots, 0, SECOND);
    slots.get(condemned).expect("added").condemned = Some("test");
    let stopping = ready(&mut slots, 0, SECOND);
    slots.get(stopping).expect("added").phase = Phase::Stopping;
    ready(&mut slots, 0, SECOND);
    slots.generation += 1;
    assert!(matches!(slots.choose(1), Choice::Start));
}

#[test]
fn an_unhealthy_instance_gets_no_calls_and_makes_room_at_the_limit() {
    let mut slots = slots(1);
    let sick = ready(&mut slots, 0, SECOND);
    slots.get(sick).expect("added").healthy = false;
    assert!(matches!(slots.choose(2), Choice::Start));
    assert!(matches!(slots.choose(1), Choice::Replace(id) if id == sick));
}

#[test]
fn a_function_that_ignores_its_port_has_one_instance() {
    let mut slots = slots(1);
    slots.single = Some("why".to_owned());
    assert!(matches!(slots.choose(10), Choice::Start));
    ready(&mut slots, 1, SECOND);
    assert!(matches!(slots.choose(10), Choice::Refuse(why) if why == "why"));
}

#[test]
fn nothing_is_started_while_closing() {
    let mut slots = slots(1);
    slots.closing = true;
    assert!(matches!(slots.choose(10), Choice::Refuse(_)));
}
