//! The fuzz targets' properties, on their corpus and on what a seeded generator makes of it.

#[path = "../fuzz/properties.rs"]
mod properties;

#[path = "../fuzz/seeded.rs"]
mod seeded;

use seeded::holds_for_all;

const ROUNDS: u32 = 6000;

#[test]
fn heads_are_read_alike_however_they_come() {
    holds_for_all("head", ROUNDS, properties::head);
}

#[test]
fn chunked_bodies_are_read_alike_however_they_come() {
    holds_for_all("chunked", ROUNDS, properties::chunked);
}

#[test]
fn requests_on_a_connection_are_read_alike_however_they_come() {
    holds_for_all("conversation", ROUNDS, properties::conversation);
}

#[test]
fn a_trailer_line_does_not_end_with_a_bare_carriage_return() {
    assert_eq!(fc_runtime::fuzzing::chunked(b"0\r\nX: y\r\r\n\r\n", &[]), Err(400));
}
