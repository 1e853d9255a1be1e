//! The fuzz targets' properties of fc-local, on their corpus and on what a seeded generator makes of it.

#[path = "../../fuzz/local.rs"]
mod local;
#[path = "../../fuzz/properties.rs"]
#[allow(dead_code)]
mod properties;
#[path = "../../fuzz/seeded.rs"]
mod seeded;

use seeded::holds_for_all;

const ROUNDS: u32 = 3000;

#[test]
fn replies_are_read_alike_however_they_come() {
    holds_for_all("reply", ROUNDS, local::reply);
}

#[test]
fn chunks_of_one_side_are_the_same_data_for_the_other() {
    holds_for_all("chunked", ROUNDS, local::chunks);
}

#[test]
fn fields_make_exactly_one_message_whoever_sets_them() {
    holds_for_all("headers", ROUNDS, local::headers);
}

#[test]
fn a_template_is_read_or_refused_within_what_its_size_bounds() {
    holds_for_all("template", ROUNDS, local::template);
}
