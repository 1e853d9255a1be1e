//! Ids in the platform's forms, none of them a secret. What they name is not known here.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// `1-67a59f35-150c1267-f381ba1c085c`: an invocation.
pub fn request() -> String {
    let random = random();
    format!("1-{:08x}-{:08x}-{:012x}", seconds(), random >> 32, mixed(random) >> 16)
}

/// `c-67a59f35-150c1267-f381ba1c085c`: an instance.
pub fn instance() -> String {
    let random = random();
    format!("c-{:08x}-{:08x}-{:012x}", seconds(), random >> 32, mixed(random) >> 16)
}

/// A UUID: hooks.
pub fn uuid() -> String {
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The standard library's keyed hash of a counter: random per process, no two the same.
fn random() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut hasher = KEY.get_or_init(RandomState::new).build_hasher();
    hasher.write_u64(COUNTER.fetch_add(1, Ordering::Relaxed));
    hasher.finish()
}

/// A second value from a first one (a multiplicative hash), to spare a second round of the keyed one.
fn mixed(value: u64) -> u64 {
    value.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
