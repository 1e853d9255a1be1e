//! `--watch`: what runs finishes, gets PreStop and goes; the next call starts the new code.

use crate::harness::{Fc, Said as _, start_with};
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
