//! Request ids: which of those that arrive are believed, and how one is made up.

use crate::date::since_epoch;
use crate::http1::is_field_value;

/// Longer than any id the platform makes; an odder one is replaced, since it goes into log lines.
const MAX_REQUEST_ID: usize = 128;

/// Whether an id that arrived can be taken over.
pub(super) fn is_request_id(id: &str) -> bool {
    (1..=MAX_REQUEST_ID).contains(&id.len()) && id.is_ascii() && is_field_value(id.as_bytes())
}

/// Makes ids in the platform's format, `1-67a59f35-150c1267-f381ba1c085c`: the time and random digits.
pub(super) struct RequestIds {
    state: u64,
}

impl RequestIds {
    /// Seeded by the time and by where the system happened to place this worker: the ids are to
    /// be distinct, not secret, and what std has for randomness is a system call for each worker.
    pub(super) fn new() -> RequestIds {
        let place = Box::new(0u8);
        let address = &raw const *place as u64;
        RequestIds { state: since_epoch().as_nanos() as u64 ^ address.rotate_left(32) }
    }

    pub(super) fn make(&mut self, id: &mut String) {
        let mut text = *b"1-00000000-00000000-000000000000";
        hexadecimal(&mut text[2..10], since_epoch().as_secs());
        hexadecimal(&mut text[11..19], self.next());
        hexadecimal(&mut text[20..], self.next());
        id.push_str(std::str::from_utf8(&text).unwrap_or_default()); // it is ASCII
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The lowest digits of `number`, as many as `out` takes.
fn hexadecimal(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_request_ids_have_the_platforms_format_and_differ() {
        let mut ids = RequestIds::new();
        let (mut first, mut second) = (String::new(), String::new());
        ids.make(&mut first);
        ids.make(&mut second);
        assert_ne!(first, second);
        let lengths: Vec<_> = first.split('-').map(str::len).collect();
        assert_eq!(lengths, [1, 8, 8, 12], "{first}");
        assert!(first.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()), "{first}");
    }

    #[test]
    fn an_id_that_would_harm_a_log_line_is_not_taken_over() {
        for id in ["1-67a59f35-150c1267-f381ba1c085c", "a", &"x".repeat(MAX_REQUEST_ID)] {
            assert!(is_request_id(id), "{id}");
        }
        for id in ["", "a\nb", "\u{e9}", " a", &"x".repeat(MAX_REQUEST_ID + 1)] {
            assert!(!is_request_id(id), "{id:?}");
        }
    }
}
