//! The Initializer: each outcome of both types, and what the platform makes of it.

use crate::harness::{Fc, Said as _, example, python, start, start_with};
use support::{Reply, Scratch, wait_until_gone};

/// How often the function was asked to initialize, and by how many instances.
fn initializations(fc: &Fc) -> (usize, usize) {
    let lines: Vec<String> =
        fc.trace().into_iter().filter(|line| line.starts_with("POST /initialize /initialize")).collect();
    let mut instances: Vec<&str> = lines.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    instances.sort_unstable();
    instances.dedup();
    (lines.len(), instances.len())
}

fn fails(fc: &Fc, wanted: &str) {
    for response in [fc.get("/"), fc.invoke("{}")] {
        is_failure(&response, wanted);
    }
}

fn is_failure(response: &Reply, wanted: &str) {
    assert_eq!((response.status, response.error_type()), (200, Some("InitializationError")));
    let message = response.error_message();
    assert!(message.contains(wanted), "{message}");
}

#[test]
fn it_runs_once_per_instance_before_the_first_call() {
    let fc = start(&["--initializer"]);
    for _ in 0..3 {
        assert_eq!(fc.get("/").status, 200);
    }
    assert_eq!(initializations(&fc), (1, 1));
    assert!(fc.trace()[0].starts_with("POST /initialize /initialize"));
}

#[test]
fn it_is_not_called_unless_configured() {
    let fc = start(&[]);
    assert_eq!(fc.get("/").status, 200);
    assert_eq!(initializations(&fc), (0, 0));
}

#[test]
fn after_400_and_404_the_same_instance_is_tried_again() {
    for status in ["400", "404"] {
        let fc = start(&["--initializer", "--env", &format!("INITIALIZE={status}")]);
        fails(&fc, &format!("POST /initialize returned status code {status}: hook says {status}"));
        assert_eq!(initializations(&fc), (2, 1), "one try per call, on one instance");
    }
}

#[test]
fn after_500_and_any_other_status_the_next_call_gets_a_new_instance() {
    for status in ["500", "503", "302"] {
        let fc = start(&["--initializer", "--env", &format!("INITIALIZE={status}")]);
        fails(&fc, &format!("status code {status}"));
        assert_eq!(initializations(&fc), (2, 2), "one try per call, each on an instance of its own");
    }
}

#[test]
fn a_timeout_is_reported_and_the_instance_replaced() {
    let fc = start(&["--initializer", "--initializer-timeout", "1s", "--env", "INITIALIZE=hang"]);
    // Side by side, each on an instance of its own.
    std::thread::scope(|scope| {
        let event = scope.spawn(|| fc.invoke("{}"));
        is_failure(&fc.get("/"), "Function initialization timed out after 1 seconds");
        let event = event.join().expect("answered");
        is_failure(&event, "Function initialization timed out after 1 seconds");
    });
    assert_eq!(initializations(&fc), (2, 2));
}

#[test]
fn a_dropped_connection_is_reported_and_the_instance_replaced() {
    let fc = start(&["--initializer", "--env", "INITIALIZE=drop"]);
    fails(&fc, "Process exited unexpectedly before completing request");
    assert_eq!(initializations(&fc), (2, 2));
}

#[test]
fn any_2xx_is_a_success() {
    let fc = start(&["--initializer", "--env", "INITIALIZE=204"]);
    assert_eq!(fc.get("/").json()["method"], "GET");
}

#[test]
fn a_command_runs_beside_the_server_in_the_instances_environment() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    // The server answers the command, which therefore runs after it is up.
    let script = format!(
        "import os,urllib.request as u; u.urlopen('http://127.0.0.1:'+os.environ['FC_CUSTOM_LISTEN_PORT']+'/'); \
         open('{out}','a').write(os.environ['FC_INSTANCE_ID']+os.environ['SECRET'])"
    );
    let command = format!("python3 -c \"{script}\"");
    let fc = start_with(
        scratch,
        &["--env", "SECRET=abc", "--initializer-command", &command, "--initializer-timeout", "20s"],
        &python(),
    );
    let instance = fc.get("/").json()["instance"].as_str().expect("an id").to_owned();
    assert_eq!(fc.get("/").status, 200);
    let written = std::fs::read_to_string(out).expect("the command ran");
    assert_eq!(written, format!("{instance}abc"), "once, in the instance's environment");
}

#[test]
fn a_commands_exit_code_and_stderr_are_shown_and_it_is_not_repeated_on_that_instance() {
    let scratch = Scratch::new();
    let runs = scratch.path("runs");
    let command =
        format!("sh -c 'echo $FC_INSTANCE_ID >> {runs}; echo to-stdout; echo no database >&2; exit 7'");
    let fc = start_with(scratch, &["--initializer-command", &command], &python());
    fails(&fc, "the command exited with code 7: no database");
    let runs = std::fs::read_to_string(runs).expect("it ran");
    let instances: std::collections::BTreeSet<&str> = runs.lines().collect();
    assert_eq!((runs.lines().count(), instances.len()), (2, 2));
    fc.wait_for_log("i no database");
    fc.wait_for_log("i to-stdout");
}

#[test]
fn a_commands_output_is_not_part_of_the_functions_log() {
    use base64::Engine as _;
    let fc = start(&["--initializer-command", "sh -c 'echo hidden >&2'"]);
    let response = fc.invoke_with("x-fc-log-type: Tail\r\n", r#"{"path":"/say","text":"shown"}"#);
    let log = response.header("x-fc-log-result").expect("a log");
    let log = base64::engine::general_purpose::STANDARD.decode(log).expect("base64");
    assert_eq!(String::from_utf8_lossy(&log), "shown\n");
}

#[test]
fn a_command_is_killed_with_its_group_at_the_timeout() {
    let scratch = Scratch::new();
    let pids = scratch.path("pids");
    let command = format!("sh -c 'sleep 1000 & echo $! > {pids}; echo slow >&2; wait'");
    let fc =
        start_with(scratch, &["--initializer-command", &command, "--initializer-timeout", "1s"], &python());
    let message = fc.get("/").error_message();
    assert!(message.contains("the command timed out after 1 seconds: slow"), "{message}");
    let pid = std::fs::read_to_string(pids).expect("it ran").trim().parse().expect("a pid");
    wait_until_gone(pid);
}

#[test]
fn a_script_runs_in_the_chosen_shell() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    let script = scratch.write("init.sh", &format!("echo \"$0 ${{BASH_VERSION:+bash}}\" > {out}\n"));
    let fc = start_with(scratch, &["--initializer-script", &script, "--shell", "/bin/bash"], &python());
    assert_eq!(fc.get("/").status, 200);
    assert_eq!(std::fs::read_to_string(out).expect("it ran").trim(), "/bin/bash bash");
}

#[test]
fn calls_that_wait_for_one_initialization_share_its_outcome() {
    let fc = start(&["--initializer", "--concurrency", "8", "--env", "INITIALIZE=404"]);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| fc.get("/"))).collect();
        for call in calls {
            assert_eq!(call.join().expect("answered").error_type(), Some("InitializationError"));
        }
    });
    assert_eq!(initializations(&fc).1, 1, "on one instance");
}

#[test]
fn the_examples_initializer_runs_under_fc_local() {
    let scratch = Scratch::new();
    let fc = start_with(scratch, &["--initializer", "--pre-stop"], &example("hello"));
    assert_eq!(fc.get("/").status, 200);
    fc.wait_for_log("cold start");
}

#[test]
fn a_shell_that_is_not_installed_is_named_without_its_script() {
    let scratch = Scratch::new();
    let script = scratch.write("init", "echo first line\necho second line\n");
    let arguments = ["--initializer-script", &script, "--shell", "/no/such/zsh"];
    let fc = start_with(scratch, &arguments, &python());
    assert!(
        fc.log().contains("the Initializer of local cannot run: there is no file '/no/such/zsh'"),
        "{}",
        fc.log()
    );
    let message = fc.get("/").error_message();
    let wanted = "Function initialization failed: there is no file '/no/such/zsh'; ";
    assert!(message.starts_with(wanted) && !message.contains("first line"), "{message}");
}
