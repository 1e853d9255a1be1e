//! What a test needs that not every machine has.

use std::env;
use std::io::{self, Write as _};

/// Says on the terminal that something was not tested; a failure when FC_REQUIRE, a list with commas, names
/// it.
pub fn skip(what: &str, reason: &str) {
    let required = env::var("FC_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word == what), "{what} is required, but {reason}");
    // Past the harness, which shows what a test prints only when it fails.
    let _ = writeln!(io::stderr(), "skipped: {what}: {reason}");
}

/// Whether these programs are on the PATH.
pub fn has_programs(programs: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    programs.iter().all(|program| env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}
