use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn slots(max_instances: usize, concurrency: usize) -> Slots<()> {
    Slots::new(Limits { max_instances, concurrency, port: 9000 })
}

/// A slot on `port` that is starting, with the call that starts it.
fn starting(slots: &mut Slots<()>, port: u16, now: Instant) -> SlotId {
    slots.add(port, now, ())
}

fn apply(slots: &mut Slots<()>, id: SlotId, events: &[SlotEvent], now: Instant) {
    for event in events {
        assert!(slots.get_mut(id).expect("a slot").apply(*event, now), "{event:?}");
    }
}

/// A ready slot with so many `calls`, last used at `now`.
fn ready(slots: &mut Slots<()>, calls: usize, now: Instant) -> SlotId {
    let id = starting(slots, 9000, now);
    apply(slots, id, &[SlotEvent::Open, SlotEvent::Succeed], now);
    let slot = slots.get_mut(id).expect("a slot");
    slot.leave(now);
    for _ in 0..calls {
        slot.enter();
    }
    id
}

#[test]
fn the_instance_used_last_is_used_first() {
    let start = Instant::now();
    let mut slots = slots(10, 2);
    ready(&mut slots, 0, start);
    let recent = ready(&mut slots, 1, start + 2 * SECOND);
    ready(&mut slots, 0, start + SECOND);
    ready(&mut slots, 2, start + 3 * SECOND);
    assert_eq!(slots.choose(), Choice::Use(recent));
}

#[test]
fn a_new_instance_is_started_only_when_all_are_saturated() {
    let now = Instant::now();
    let mut slots = slots(2, 1);
    assert_eq!(slots.choose(), Choice::Start);
    ready(&mut slots, 1, now);
    assert_eq!(slots.choose(), Choice::Start);
    ready(&mut slots, 1, now);
    let saturated = NoRoom::Saturated { instances: 2, concurrency: 1, max_instances: 2 };
    assert_eq!(slots.choose(), Choice::Refuse(saturated));
}

#[test]
fn a_starting_instance_with_room_is_waited_for() {
    let now = Instant::now();
    let mut slots = slots(10, 2);
    let first = starting(&mut slots, 9000, now);
    assert_eq!(slots.choose(), Choice::Join(first));
    slots.get_mut(first).expect("a slot").enter();
    apply(&mut slots, first, &[SlotEvent::Open], now);
    assert_eq!(slots.choose(), Choice::Start);
}

#[test]
fn a_second_instance_waits_until_the_first_has_opened_its_port() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let first = starting(&mut slots, 9000, now);
    assert_eq!(slots.choose(), Choice::AwaitFirst(first));
    apply(&mut slots, first, &[SlotEvent::Open], now);
    assert_eq!(slots.choose(), Choice::Start, "beside one that has");
    starting(&mut slots, 9001, now);
    assert_eq!(slots.choose(), Choice::Start, "and a third one does not wait for the second");
}

#[test]
fn a_first_instance_waits_until_its_port_is_no_longer_held() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let stopping = ready(&mut slots, 0, now);
    assert_eq!(slots.retire(stopping, now), Some(&()));
    assert_eq!(slots.choose(), Choice::AwaitPort);
    slots.remove(stopping);
    assert_eq!(slots.choose(), Choice::Start);
}

#[test]
fn the_port_of_one_that_is_stopping_is_waited_for_only_when_it_is_the_first_ones() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let other = starting(&mut slots, 9001, now);
    apply(&mut slots, other, &[SlotEvent::Open], now);
    slots.retire(other, now);
    assert_eq!(slots.choose(), Choice::Start, "nobody holds it");
    let stopping = ready(&mut slots, 0, now);
    slots.retire(stopping, now);
    ready(&mut slots, 1, now);
    assert_eq!(slots.choose(), Choice::Start, "another one is up");
}

#[test]
fn an_uninitialized_instance_is_initialized_before_another_is_started() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let id = starting(&mut slots, 9000, now);
    apply(&mut slots, id, &[SlotEvent::Open, SlotEvent::NeedInitializer], now);
    slots.leave(id, None, now);
    assert_eq!(slots.choose(), Choice::Initialize(id));
}

#[test]
fn a_parked_instance_is_waited_for() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let id = ready(&mut slots, 0, now);
    apply(&mut slots, id, &[SlotEvent::Park], now);
    assert_eq!(slots.choose(), Choice::Join(id));
}

#[test]
fn condemned_stopping_and_outdated_instances_serve_nobody_and_do_not_count() {
    let now = Instant::now();
    let mut slots = slots(1, 1);
    let outdated = ready(&mut slots, 1, now);
    assert_eq!(slots.renew(1, 9001), [], "it is in use");
    let condemned = ready(&mut slots, 1, now);
    slots.get_mut(condemned).expect("a slot").condemn("test");
    let stopping = ready(&mut slots, 0, now);
    slots.retire(stopping, now);
    assert_eq!(slots.choose(), Choice::Start);
    assert!(slots.get(outdated).is_some() && !slots.is_any_up());
}

#[test]
fn an_unhealthy_instance_gets_no_calls_and_makes_room_at_the_limit() {
    let now = Instant::now();
    for (max_instances, calls, wanted) in [
        (2, 0, Choice::Start),
        (1, 0, Choice::Replace(SlotId(0))),
        (1, 1, Choice::Refuse(NoRoom::Saturated { instances: 1, concurrency: 1, max_instances: 1 })),
    ] {
        let mut slots = slots(max_instances, 1);
        let sick = ready(&mut slots, calls, now);
        slots.get_mut(sick).expect("a slot").set_healthy(false);
        assert_eq!(slots.choose(), wanted);
    }
}

#[test]
fn a_function_that_ignores_its_port_has_one_instance() {
    let mut slots = slots(10, 1);
    let ignores = IgnoresPort::ListensAt { opened: 9000, told: 9001 };
    slots.learn(Ports::One(ignores.clone()));
    assert_eq!(slots.choose(), Choice::Start);
    let only = ready(&mut slots, 1, Instant::now());
    assert_eq!(slots.choose(), Choice::Refuse(NoRoom::OneInstance(ignores.clone())));
    slots.renew(1, 9000);
    assert_eq!(slots.choose(), Choice::Start, "another configuration may know its port");
    slots.learn(Ports::One(ignores));
    assert_eq!(slots.choose(), Choice::AwaitPort, "the older instance has it");
    slots.remove(only);
    assert_eq!(slots.choose(), Choice::Start);
    ready(&mut slots, 1, Instant::now());
    slots.stop_starting();
    assert_eq!(slots.choose(), Choice::Refuse(NoRoom::Stopping), "nobody waits for it during a stop");
}

#[test]
fn the_only_instance_is_replaced_when_it_is_unhealthy() {
    let mut slots = slots(10, 1);
    slots.learn(Ports::One(IgnoresPort::ListensAt { opened: 9000, told: 9001 }));
    let only = ready(&mut slots, 0, Instant::now());
    assert_eq!(slots.choose(), Choice::Use(only));
    slots.get_mut(only).expect("it is there").set_healthy(false);
    assert_eq!(slots.choose(), Choice::Replace(only));
}

#[test]
fn nothing_is_started_while_stopping_and_what_runs_still_serves() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    slots.stop_starting();
    assert_eq!(slots.choose(), Choice::Refuse(NoRoom::Stopping));
    let id = ready(&mut slots, 0, now);
    assert_eq!(slots.choose(), Choice::Use(id));
    slots.close();
    assert_eq!(slots.choose(), Choice::Refuse(NoRoom::Stopping), "and nothing serves once closed");
}

#[test]
fn a_call_that_leaves_says_what_is_to_be_done() {
    let now = Instant::now();
    let mut slots = slots(10, 2);
    let id = ready(&mut slots, 2, now);
    assert_eq!(slots.leave(id, None, now), Left::Nothing, "another one is there");
    assert_eq!(slots.leave(id, None, now), Left::Idle);
    let condemned = ready(&mut slots, 2, now);
    assert_eq!(slots.leave(condemned, Some("test"), now), Left::Nothing);
    assert_eq!(slots.leave(condemned, None, now), Left::Condemned("test"));
    slots.remove(id);
    assert_eq!(slots.leave(id, None, now), Left::Nothing, "it has gone meanwhile");
}

#[test]
fn an_instance_of_an_older_configuration_goes_at_once_or_with_its_last_call() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let (idle, in_use, parked) =
        (ready(&mut slots, 0, now), ready(&mut slots, 1, now), ready(&mut slots, 0, now));
    apply(&mut slots, parked, &[SlotEvent::Park], now);
    assert_eq!(slots.renew(1, 9000), [idle]);
    assert_eq!(slots.leave(in_use, None, now), Left::Condemned(CHANGED));
}

#[test]
fn a_slot_that_is_retired_before_its_port_is_open_is_gone() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let id = starting(&mut slots, 9000, now);
    assert_eq!(slots.retire(id, now), None);
    assert!(slots.is_empty());
}

#[test]
fn a_slot_is_retired_once() {
    let now = Instant::now();
    let mut slots = slots(10, 1);
    let id = ready(&mut slots, 0, now);
    assert_eq!([slots.retire(id, now).is_some(), slots.retire(id, now).is_some()], [true, false]);
}

#[test]
fn what_is_known_of_ports_only_grows_until_the_configuration_changes() {
    let mut slots = slots(10, 1);
    let ignores = |told| IgnoresPort::ListensAt { opened: 9000, told };
    assert!(slots.learn(Ports::OneEach(ignores(9001))));
    assert!(!slots.learn(Ports::OneEach(ignores(9002))) && !slots.learn(Ports::AsTold));
    assert_eq!(slots.ports(), &Ports::OneEach(ignores(9001)));
    assert!(slots.learn(Ports::One(ignores(9001))));
    assert!(!slots.learn(Ports::OneEach(ignores(9001))));
    slots.renew(1, 9000);
    assert_eq!(slots.ports(), &Ports::AsTold);
}
