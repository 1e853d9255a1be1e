//! `fc-local new`: a project that builds, passes its tests, ships and runs without a line changed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{CHECKOUT, fail, fc_local, scratch, succeed};
use support::{Scratch, clean_command, reserved_port};

#[test]
fn a_new_project_builds_passes_its_tests_ships_and_runs() {
    // Inside of a checkout, whose workspace it is no member of.
    let project = scratch("new").join("greeter");
    new_project(&project);
    let author = |program: &str| author(&project, program);
    succeed(author("cargo").args(["fmt", "--check"]));
    let tests = succeed(author("make").arg("test"));
    assert!(tests.contains("3 passed"), "{tests}");
    let help = succeed(&mut author("make"));
    assert!(help.contains("make package"), "{help}");
    let package = succeed(author("make").arg("package"));
    assert!(package.contains("target/fc/function.zip: "), "{package}");
    let answer = succeed(author("fc-local").args([
        "invoke",
        "--event",
        "Ada",
        "--port",
        &reserved_port().to_string(),
    ]));
    assert_eq!(answer.trim_end(), "Hello, Ada!");
}

#[test]
fn a_project_for_a_trigger_passes_its_test_and_takes_the_sample() {
    for event in ["timer", "api-gateway", "kafka", "tablestore"] {
        let project = scratch(&format!("new-{event}")).join("triggered");
        succeed(fc_local().arg("new").arg(&project).args(["--runtime", CHECKOUT, "--event", event]));
        fs::copy(Path::new(CHECKOUT).join("Cargo.lock"), project.join("Cargo.lock")).expect("a lock file");
        succeed(author(&project, "cargo").args(["fmt", "--check"]));
        let tests = succeed(author(&project, "make").arg("test"));
        assert!(tests.contains("1 passed"), "{event}: {tests}");
        if event == "timer" {
            let said = succeed(author(&project, "make").arg("event"));
            assert!(said.contains("{\"key\":\"value\"}"), "{said}");
        }
    }
    assert!(fail(fc_local().args(["new", "other", "--event", "os"])).contains("did you mean 'oss'?"));
}

#[test]
fn a_new_project_builds_outside_of_a_checkout_too() {
    let directory = Scratch::new();
    let project = PathBuf::from(directory.path("outsider"));
    new_project(&project);
    succeed(author(&project, "cargo").arg("check"));
}

fn new_project(path: &Path) {
    succeed(fc_local().arg("new").arg(path).args(["--runtime", CHECKOUT]));
    // The dependencies that this checkout has, so that nothing is fetched.
    fs::copy(Path::new(CHECKOUT).join("Cargo.lock"), path.join("Cargo.lock")).expect("a lock file");
}

/// `program` as the author of `project` runs it.
fn author(project: &Path, program: &str) -> Command {
    let mut command = clean_command(program);
    command.current_dir(project).env("PATH", path_with_fc_local()).env("CARGO_NET_OFFLINE", "true");
    // Outside of the project, where it outlives it: the next run of this test compiles the project alone.
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-target"));
    command
}

/// As for an author who installed it.
fn path_with_fc_local() -> std::ffi::OsString {
    let tool = PathBuf::from(env!("CARGO_BIN_EXE_fc-local"));
    let directory = tool.parent().expect("a directory").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([directory].into_iter().chain(env::split_paths(&path))).expect("a path")
}

#[test]
fn a_project_depends_on_the_checkout_that_made_the_tool_unless_told_otherwise() {
    let project = scratch("new-here").join("a-1");
    succeed(fc_local().arg("new").arg(&project));
    let manifest = fs::read_to_string(project.join("Cargo.toml")).expect("a manifest");
    let checkout = fs::canonicalize(CHECKOUT).expect("this checkout");
    let dependency = format!("fc-runtime = {{ path = \"{}\" }}", checkout.display());
    assert!(manifest.contains(&dependency) && manifest.contains("name = \"a-1\""), "{manifest}");
}

/// A file that is replaced while it runs is another file to the system: what runs goes on, and nothing is "busy".
#[test]
fn a_function_is_built_again_while_it_runs() {
    let project = scratch("new-busy").join("greeter");
    new_project(&project);
    succeed(author(&project, "make").arg("static"));
    let bootstrap = project.join("target/fc/function/bootstrap");
    let mut running =
        clean_command(&bootstrap).env("PORT", reserved_port().to_string()).spawn().expect("it runs");
    let main = project.join("src/main.rs");
    let text = fs::read_to_string(&main).expect("its source");
    fs::write(&main, text.replace("\"initialized\"", "\"begins anew\"")).expect("another source");
    succeed(author(&project, "make").arg("static"));
    let built = fs::read(&bootstrap).expect("the binary");
    assert!(built.windows(11).any(|window| window == b"begins anew"), "the old binary is still there");
    assert!(running.try_wait().expect("a child").is_none(), "what ran has ended");
    running.kill().expect("it runs");
    running.wait().expect("it has ended");
}

#[test]
fn what_cannot_be_a_project_is_refused_and_nothing_is_touched() {
    let directory = scratch("new-refused");
    let new = |name: &str| {
        let mut command = fc_local();
        command.current_dir(&directory).args(["new", name]);
        command
    };
    for name in ["1st", "-", "a b", "a.b", "naïve", &"a".repeat(65)] {
        let error = fail(new("--").arg(name));
        assert!(error.contains("cannot be a function's name"), "{name}: {error}");
    }
    assert!(fail(&mut new("..")).contains("does not end in a name"));
    fs::create_dir(directory.join("taken")).expect("a directory");
    assert!(fail(&mut new("taken")).contains("exists already"));
    assert!(fail(new("other").args(["--runtime", "taken"])).contains("no checkout of fc-runtime"));
    let missing = fail(new("other").args(["--runtime", "nowhere"]));
    assert!(missing.contains("--runtime nowhere: No such file"), "{missing}");
    assert!(fail(&mut new("build")).contains("cannot be a function's name: cargo has a directory"));
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 1);
    assert_eq!(fs::read_dir(directory.join("taken")).expect("a directory").count(), 0);
}
