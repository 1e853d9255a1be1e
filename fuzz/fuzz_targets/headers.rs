#![no_main]

#[path = "../local.rs"]
#[allow(dead_code)]
mod local;
#[path = "../properties.rs"]
#[allow(dead_code)]
mod properties;

libfuzzer_sys::fuzz_target!(|input: &[u8]| local::headers(input));
