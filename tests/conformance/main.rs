//! The runner of `make conformance`, on a small suite of this repository's own: the public ones need a network.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use support::{Scratch, example_path, run_to_end};

fn run(folder: &Path) -> Option<Output> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: conformance: there is no python3");
        return None;
    }
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/run.py");
    let mut command = Command::new("python3");
    command.arg(runner).arg("--own").arg(folder).env("CONFORMANCE_SERVER", example_path("echo"));
    Some(run_to_end(&mut command, support::WATCHDOG))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn a_suite_that_the_server_conforms_to_passes() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/own");
    let Some(output) = run(&own) else { return };
    let cases = fs::read_dir(own).unwrap().count();
    assert!(output.status.success(), "{}", said(&output));
    let row = said(&output).lines().last().unwrap().to_owned();
    let figures: Vec<_> = row.split_whitespace().collect();
    assert_eq!(figures, ["own", &cases.to_string(), &cases.to_string(), "0", "0"], "{row}");
}

#[test]
fn a_deviation_that_is_not_listed_fails() {
    let suite = Scratch::new();
    for (name, text) in [
        ("refused", "refuse\nGET / HTTP/1.1\\r\\n\n\\r\\n\n"),
        ("accepted", "accept\nGET /\\r\\n\n\\r\\n\n"),
        ("answered", "accept\nGET / HTTP/1.1\\r\\n\n"),
    ] {
        suite.write(&format!("{name}.http"), text);
    }
    let Some(output) = run(Path::new(&suite.path(""))) else { return };
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    for found in [
        "refused | expected: refuse, found: accept",
        "accepted | expected: accept, found: refuse",
        "answered | expected: accept, found: incomplete",
    ] {
        assert!(said(&output).contains(found), "no {found:?} in {}", said(&output));
    }
}
