//! Runs the commands of an author.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use support::{clean_command, empty_directory, run_to_end};

pub use support::skip;

/// The repository: the directory of the library, with the Makefile.
pub const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The example that is shipped: it has all three hooks.
pub const FUNCTION: &str = "stateful";

/// Longer than a release build on a slow machine, the longest of all waits.
const BUILD_WATCHDOG: Duration = Duration::from_secs(600);

/// An empty directory for one test; it stays for whoever wants to look.
pub fn scratch(name: &str) -> PathBuf {
    empty_directory(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("ship").join(name))
}

/// What `make package` of this repository makes, once for all tests: `target/fc`, with `function` and
/// `function.zip`.
pub fn packaged() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let out = scratch("package").join("target/fc");
        succeed(&mut make("package", FUNCTION, &out));
        out
    })
}

/// `make` of this repository for one of its examples, with the results in `out`.
pub fn make(target: &str, function: &str, out: &Path) -> Command {
    let mut command = clean_command("make");
    command.current_dir(CHECKOUT).arg(target);
    command.arg(format!("FUNCTION={function}")).arg(format!("OUT={}", out.display()));
    // The tool as cargo built it for this test.
    command.arg(format!("FC_LOCAL={}", env!("CARGO_BIN_EXE_fc-local")));
    command
}

pub fn fc_local() -> Command {
    clean_command(env!("CARGO_BIN_EXE_fc-local"))
}

/// Runs `command` to its end, which must be a good one; what it printed on standard output.
pub fn succeed(command: &mut Command) -> String {
    let output = finish(command);
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, both(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs `command` to an end other than success; what it printed on standard error.
pub fn fail(command: &mut Command) -> String {
    let output = finish(command);
    assert!(!output.status.success(), "{command:?} succeeded\n{}", both(&output));
    String::from_utf8(output.stderr).expect("UTF-8")
}

pub fn finish(command: &mut Command) -> Output {
    run_to_end(command, BUILD_WATCHDOG)
}

pub fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
