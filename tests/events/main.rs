//! What triggers send, as types: the samples that fc-local prints, whole, changed and broken, and the fuzz target's property.

mod damage;
#[path = "../../fuzz/events.rs"]
mod events;
mod hostile;
mod samples;
#[path = "../../fuzz/seeded.rs"]
mod seeded;
mod table;
mod values;

const ROUNDS: u32 = 2000;

#[test]
fn whatever_is_read_is_read_again_from_what_is_written_of_it() {
    seeded::holds_for_all("event", ROUNDS, events::event);
}
