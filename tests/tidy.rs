//! What every file of the library has to be like.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

fn is_library_code(path: &Path) -> bool {
    !path.ends_with("tests.rs")
}

/// The lines before the tests of the file.
fn production(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"))
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in sources("src").into_iter().chain(sources("examples")) {
        if !path.ends_with("tests.rs") && !path.ends_with("lib.rs") {
            assert!(text.starts_with("//! "), "{} does not open with its question", path.display());
        }
    }
}

#[test]
fn only_the_lifecycle_calls_the_authors_code() {
    for (path, text) in sources("src").into_iter().filter(|(path, _)| is_library_code(path)) {
        let may_call = ["lifecycle.rs", "function.rs", "testing.rs", "server.rs"];
        if may_call.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        for line in production(&text) {
            assert!(!line.contains("catch_unwind"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn only_config_reads_the_environment() {
    for (path, text) in sources("src").into_iter().filter(|(path, _)| is_library_code(path)) {
        if path.ends_with("config.rs") {
            continue;
        }
        for line in production(&text) {
            assert!(!line.contains("env::var"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_codec_knows_no_sockets_clocks_threads_or_environment() {
    for (path, text) in sources("src/http1") {
        for line in production(&text) {
            for name in ["std::net", "std::time", "std::thread", "std::env", "rustix"] {
                assert!(!line.contains(name), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    for (path, text) in sources("src").into_iter().chain(sources("examples")) {
        for mark in ["TODO", "FIXME", "dbg!(", "todo!(", "unimplemented!("] {
            assert!(!text.contains(mark), "{} has {mark}", path.display());
        }
    }
}

/// httparse's `std` chooses its SIMD at run time: ten CPUID instructions, which on a virtual machine are a tenth of a start.
#[test]
fn httparse_does_not_look_for_simd_at_the_start() {
    let arguments = ["tree", "--package", "fc-runtime", "--locked", "--edges", "normal,dev,features"];
    let mut cargo = std::process::Command::new(env!("CARGO"));
    let output = cargo.args(arguments).args(["--invert", "httparse"]).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.starts_with("httparse"), "{tree}");
    assert!(!tree.contains("httparse feature"), "{tree}");
}
