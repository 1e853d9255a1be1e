//! `--watch`: what runs finishes, gets PreStop and goes; the next call starts the new code.

use std::os::unix::fs::symlink;

use crate::harness::{Fc, Said as _, python_path, start_with};
use support::{Scratch, wait_until_gone};

const FUNCTION: &str = include_str!("function.py");

fn watched(arguments: &[&str]) -> Fc {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("code")).expect("a directory");
    std::fs::write(scratch.path("code/app.py"), FUNCTION).expect("a file");
    let text = "resources:\n  f:\n    component: fc3\n    props:\n      functionName: local\n      runtime: custom\n      code: ./code\n      customRuntimeConfig: {command: [python3, app.py]}\n";
    let template = scratch.write("s.yaml", text);
    let mut all = vec!["--watch", "-t", template.as_str()];
    all.extend(arguments);
    start_with(scratch, &all, &[])
}

fn version(fc: &Fc, text: &str) {
    let changed = FUNCTION.replace("\"hook says \"", text).replace("b\"done\"", &format!("b\"{text}\""));
    std::fs::write(fc.scratch.path("code/app.py"), changed).expect("a file");
    fc.wait_for_log("the next call starts it anew");
}

#[test]
fn the_next_call_after_a_change_of_the_code_runs_the_new_code() {
    let fc = watched(&["--pre-stop"]);
    assert_eq!(fc.get("/say").text(), "done");
    let pid = fc.get("/").pid();
    version(&fc, "new");
    assert_eq!(fc.get("/say").text(), "new");
    wait_until_gone(pid);
    fc.wait_for_trace("GET /pre-stop /pre-stop", 1);
    fc.wait_for_log("stopped: the code or the template changed");
}

#[test]
fn a_call_in_flight_is_finished_by_the_old_code() {
    let fc = watched(&["--pre-stop", "--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let old = fc.get("/").json()["instance"].as_str().expect("an id").to_owned();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fc.get(&format!("/wait?fifo={}", gate.path)));
        fc.wait_for_trace("waiting", 1);
        version(&fc, "new");
        assert_eq!(fc.get("/say").text(), "new", "beside the old one");
        gate.let_pass(1);
        assert_eq!(waiting.join().expect("answered").text(), old);
    });
    fc.wait_for_log("stopped: the code or the template changed");
}

#[test]
fn a_change_of_the_template_is_used() {
    let fc = watched(&[]);
    assert_eq!(fc.get("/environment").json()["FC_FUNCTION_MEMORY_SIZE"], "512");
    let template = fc.scratch.path("s.yaml");
    let text = std::fs::read_to_string(&template).expect("a template");
    std::fs::write(&template, text.replace("runtime: custom\n", "runtime: custom\n      memorySize: 1024\n"))
        .expect("a file");
    fc.wait_for_log("the next call starts it anew");
    assert_eq!(fc.get("/environment").json()["FC_FUNCTION_MEMORY_SIZE"], "1024");
}

#[test]
fn a_broken_template_is_reported_and_the_last_good_one_kept() {
    let fc = watched(&[]);
    assert_eq!(fc.get("/").status, 200);
    let template = fc.scratch.path("s.yaml");
    std::fs::write(&template, "resources: [").expect("a file");
    fc.wait_for_log("the change is not used");
    assert_eq!(fc.get("/").status, 200);
}

/// Another directory of code, that says `text`, ready to be put into a place at once.
fn other_code(fc: &Fc, name: &str, text: &str) -> String {
    let directory = fc.scratch.path(name);
    std::fs::create_dir(&directory).expect("a directory");
    let changed = FUNCTION.replace("b\"done\"", &format!("b\"{text}\""));
    std::fs::write(format!("{directory}/app.py"), changed).expect("a file");
    directory
}

#[test]
fn code_that_is_removed_and_made_again_is_used_each_time() {
    let fc = watched(&[]);
    assert_eq!(fc.get("/say").text(), "done");
    let said_after = |fc: &Fc, before: usize, text: &str| {
        fc.find_in_log(text, |log| log.get(before..)?.contains(text).then_some(()));
    };
    for text in ["first", "second"] {
        let before = fc.log().len();
        std::fs::remove_dir_all(fc.scratch.path("code")).expect("to be removed");
        said_after(&fc, before, "the change is not used");
        let before = fc.log().len();
        std::fs::rename(other_code(&fc, "next", text), fc.scratch.path("code")).expect("its place is free");
        said_after(&fc, before, "the next call starts it anew");
        assert_eq!(fc.get("/say").text(), text);
    }
    let before = fc.log().len();
    version(&fc, "third"); // also what is written in it afterwards
    said_after(&fc, before, "the next call starts it anew");
    assert_eq!(fc.get("/say").text(), "third");
}

#[test]
fn a_directory_above_the_code_may_be_replaced_or_reached_by_another_link() {
    let scratch = Scratch::new();
    let release = |name: &str, text: &str| {
        std::fs::create_dir_all(scratch.path(&format!("{name}/code"))).expect("a directory");
        let changed = FUNCTION.replace("b\"done\"", &format!("b\"{text}\""));
        scratch.write(&format!("{name}/code/app.py"), &changed);
    };
    release("one", "one");
    release("two", "two");
    release("three", "three");
    symlink("one", scratch.path("current")).expect("a link");
    let code = scratch.path("current/code");
    let command = [python_path(), "app.py".to_owned()];
    let fc = start_with(scratch, &["--isolate", "off", "--watch", "--code", &code], &command);
    assert_eq!(fc.get("/say").text(), "one");
    symlink("two", fc.scratch.path("new")).expect("a link");
    std::fs::rename(fc.scratch.path("new"), fc.scratch.path("current")).expect("a link replaces a link");
    fc.wait_for_log("the next call starts it anew");
    assert_eq!(fc.get("/say").text(), "two");
    std::fs::rename(fc.scratch.path("two"), fc.scratch.path("old")).expect("to be moved");
    fc.wait_for_log("the change is not used");
    std::fs::rename(fc.scratch.path("three"), fc.scratch.path("two")).expect("to be moved");
    fc.wait_for_logs("the next call starts it anew", 2);
    assert_eq!(fc.get("/say").text(), "three");
}

#[test]
fn what_a_changed_template_names_is_watched_also_before_it_is_there() {
    let fc = watched(&[]);
    assert_eq!(fc.get("/say").text(), "done");
    let template = fc.scratch.path("s.yaml");
    let text = std::fs::read_to_string(&template).expect("a template");
    std::fs::write(&template, text.replace("./code", "./other/code")).expect("a file");
    fc.wait_for_log("the change is not used");
    std::fs::create_dir(fc.scratch.path("new")).expect("a directory");
    other_code(&fc, "new/code", "other");
    std::fs::rename(fc.scratch.path("new"), fc.scratch.path("other")).expect("its place is free");
    fc.wait_for_log("the next call starts it anew");
    assert_eq!(fc.get("/say").text(), "other");
}

#[test]
fn a_base_template_is_watched_before_it_is_there() {
    let fc = watched(&[]);
    let template = fc.scratch.path("s.yaml");
    let text = std::fs::read_to_string(&template).expect("a template");
    std::fs::write(&template, format!("extend: base.yaml\n{text}")).expect("a file");
    fc.wait_for_log("the change is not used");
    let base = "resources:\n  f:\n    props:\n      memorySize: 1024\n";
    let base = fc.scratch.write("new", base);
    std::fs::rename(base, fc.scratch.path("base.yaml")).expect("a file");
    fc.wait_for_log("the next call starts it anew");
    assert_eq!(fc.get("/environment").json()["FC_FUNCTION_MEMORY_SIZE"], "1024");
}

#[test]
fn a_template_that_says_what_it_said_stops_nothing() {
    let fc = watched(&[]);
    let pid = fc.get("/").pid();
    let template = fc.scratch.path("s.yaml");
    let text = std::fs::read_to_string(&template).expect("a template");
    std::fs::write(&template, "resources: [").expect("a file");
    fc.wait_for_log("the change is not used");
    std::fs::write(&template, &text).expect("a file");
    fc.wait_for_log("all is as it was before the change that is not used");
    assert_eq!(fc.get("/").pid(), pid);
    assert!(!fc.log().contains("starts it anew"));
}

#[test]
fn code_that_changes_while_the_template_is_broken_is_used_with_the_next_good_one() {
    let fc = watched(&[]);
    let template = fc.scratch.path("s.yaml");
    let text = std::fs::read_to_string(&template).expect("a template");
    std::fs::write(&template, "resources: [").expect("a file");
    fc.wait_for_log("the change is not used");
    std::fs::write(fc.scratch.path("code/app.py"), FUNCTION.replace("b\"done\"", "b\"new\""))
        .expect("a file");
    fc.wait_for_logs("the change is not used", 2);
    std::fs::write(&template, &text).expect("a file");
    fc.wait_for_log("the next call starts it anew");
    assert_eq!(fc.get("/say").text(), "new");
}

#[test]
fn what_python_writes_beside_the_code_is_no_change() {
    let fc = watched(&[]);
    assert_eq!(fc.get("/").status, 200);
    std::fs::create_dir_all(fc.scratch.path("code/__pycache__")).expect("a directory");
    std::fs::write(fc.scratch.path("code/__pycache__/x.pyc"), "x").expect("a file");
    // A real change afterwards shows that the watcher has seen all before it.
    version(&fc, "new");
    assert_eq!(fc.log().matches("starts it anew").count(), 1);
}
