//! One test per row of the platform's table of errors.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Fc, Said as _, start, start_with};
use support::{Scratch, Signal, eventually, get, reserved_port};

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

fn run(arguments: &[&str], command: &[String]) -> Fc {
    start_with(Scratch::new(), arguments, command)
}

#[test]
fn a_failed_event_is_200_with_the_functions_body_and_an_error_type() {
    let fc = start(&[]);
    let response = fc.invoke(r#"{"path":"/fail"}"#);
    assert_eq!(response.status, 200);
    assert_eq!(response.error_type(), Some("UnhandledInvocationError"));
    assert_eq!(response.error_message(), "no luck");
}

#[test]
fn a_timeout_is_200_for_an_event() {
    let fc = start(&["--timeout", "1s"]);
    let response = fc.invoke(r#"{"path":"/hang"}"#);
    assert_eq!((response.status, response.error_type()), (200, Some("UnhandledInvocationError")));
    let message = response.error_message();
    assert!(message.starts_with("Function timed out after 1 seconds (maxMemoryUsage: "), "{message}");
    assert!(message.ends_with("MB)") && !message.contains(" 0.00MB"), "{message}");
}

#[test]
fn a_timeouts_status_for_an_http_call_is_an_option() {
    let hanging = |arguments: &[&str]| start(&[&["--timeout", "1s"], arguments].concat()).get("/hang");
    std::thread::scope(|scope| {
        let default = scope.spawn(|| hanging(&[]));
        let response = hanging(&["--http-timeout-status", "504"]);
        assert_eq!(response.status, 504);
        assert!(response.error_message().starts_with("Function timed out after 1 seconds"));
        assert_eq!(default.join().expect("answered").status, 502);
    });
}

#[test]
fn after_a_timeout_the_next_call_gets_another_instance() {
    let fc = start(&["--timeout", "1s"]);
    let before = fc.get("/").json()["instance"].clone();
    fc.get("/hang");
    let after = fc.get("/").json()["instance"].clone();
    assert_ne!(before, after);
}

#[test]
fn an_exit_is_200_for_an_event_and_502_for_an_http_call() {
    let fc = start(&[]);
    for (response, status) in [(fc.invoke(r#"{"path":"/exit"}"#), 200), (fc.get("/exit"), 502)] {
        assert_eq!((response.status, response.error_type()), (status, Some("UnhandledInvocationError")));
        let message = response.error_message();
        assert!(
            message.starts_with("Process exited unexpectedly before completing request (duration: "),
            "{message}"
        );
        assert!(message.contains("ms, maxMemoryUsage: ") && !message.contains(" 0.00MB"), "{message}");
    }
    assert_eq!(fc.get("/").status, 200, "the next call gets a new instance");
    assert!(!fc.log().contains("still runs"), "it does not");
}

#[test]
fn a_dropped_connection_is_answered_like_an_exit() {
    let fc = start(&[]);
    assert_eq!(fc.invoke(r#"{"path":"/drop"}"#).status, 200);
    let response = fc.get("/drop");
    assert_eq!(response.status, 502);
    assert!(response.error_message().starts_with("Process exited unexpectedly"));
    fc.wait_for_logs("# closed the connection before the end of its response; the process still runs", 2);
}

#[test]
fn a_port_that_never_opens_is_function_not_started() {
    let fc = run(&["--start-timeout", "1s"], &shell("echo waiting; exec sleep 100"));
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!((status, code.as_str()), (412, "FunctionNotStarted"));
    assert!(message.starts_with("Function instance health check failed on port "), "{message}");
    assert!(message.contains(" in 1 seconds.\nLogs:waiting"), "{message}");
}

#[test]
fn another_port_than_the_configured_one_is_named() {
    let other = reserved_port().to_string();
    let fc = start(&["--start-timeout", "1s", "--env", &format!("FIXED_PORT={other}")]);
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!((status, code.as_str()), (412, "FunctionNotStarted"));
    assert!(message.contains(&format!("it listens on {other} instead")), "{message}");
}

#[test]
fn a_wait_for_a_port_is_told_with_where_the_function_listens() {
    let other = reserved_port().to_string();
    let fc = start(&["--env", &format!("FIXED_PORT={other}")]);
    fc.client().send(get("/"));
    let told = "# still waiting for port ";
    let line = fc.find_in_log("where it listens", |log| {
        log.lines().find(|line| line.contains(told)).map(str::to_owned)
    });
    assert!(line.ends_with(&format!(": it listens on {other} instead")), "{line}");
    let nowhere = run(&[], &shell("exec sleep 1000"));
    nowhere.client().send(get("/"));
    nowhere.wait_for_log(": it listens nowhere yet");
}

#[test]
fn a_server_on_loopback_only_is_function_not_started() {
    for host in ["127.0.0.1", "127.0.0.2"] {
        let fc = start(&["--start-timeout", "1s", "--env", &format!("HOST={host}")]);
        let (status, code, message) = fc.get("/").system_error();
        assert_eq!((status, code.as_str()), (412, "FunctionNotStarted"));
        let wanted = format!(": it listens on {host} only, where the platform cannot reach it");
        assert!(message.contains(&wanted) && !message.contains(" seconds"), "{message}");
    }
}

#[test]
fn a_failed_first_health_check_is_function_not_started() {
    let fc = start(&["--health-check", "/health", "--env", "HEALTH=500"]);
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!((status, code.as_str()), (412, "FunctionNotStarted"));
    let wanted =
        "The function http server cannot be started. check function health failed with status code: 500";
    assert_eq!(message, wanted);
}

#[test]
fn an_exit_before_serving_is_ca_exited_even_with_0() {
    for (script, wanted) in [
        (
            "echo bye; exit 2",
            "(code 2, message:no such file or directory) with start command 'sh -c echo bye; exit 2'. Logs:bye",
        ),
        ("exit 0", "(code 0, message:success) with start command 'sh -c exit 0'. Logs:"),
    ] {
        let fc = run(&[], &shell(script));
        let (status, code, message) = fc.get("/").system_error();
        assert_eq!((status, code.as_str()), (412, "CAExited"));
        assert_eq!(message, format!("Function instance exited unexpectedly{wanted}"));
    }
}

#[test]
fn a_missing_start_file_is_ca_file_not_found() {
    let fc = run(&[], &["./no-such-file".to_owned()]);
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!((status, code.as_str()), (412, "CAFileNotFound"));
    assert!(message.contains("./no-such-file"), "{message}");
}

#[test]
fn a_start_file_without_permission_is_ca_exited() {
    let scratch = Scratch::new();
    let file = scratch.write("bootstrap", "#!/bin/sh\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a file of ours");
    let fc = start_with(scratch, &[], &[file]);
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!((status, code.as_str()), (412, "CAExited"));
    assert!(message.contains("(code 13, message:permission denied)"), "{message}");
}

/// The code and the message of a first call to `command`, and the log.
fn refused(scratch: Scratch, command: &str) -> (String, String, String) {
    let fc = start_with(scratch, &[], &[command.to_owned()]);
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!(status, 412, "{message}");
    (code, message, fc.log())
}

/// A file of these bytes that may be run.
fn executable(scratch: &Scratch, text: impl AsRef<[u8]>) -> String {
    let file = scratch.path("bootstrap");
    fs::write(&file, text).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a file of ours");
    file
}

#[test]
fn a_start_that_fails_says_what_is_wrong_and_what_to_do_in_a_line_of_its_own() {
    let noent = "(code 2, message:no such file or directory)";
    let noexec = "(code 8, message:exec format error)";
    let access = "(code 13, message:permission denied)";
    for (text, reason, wrong, remedy) in [
        (
            "#!/bin/sh\r\nexec ./x\r\n",
            noent,
            "has Windows line ends: its first line asks for '/bin/sh\\r'",
            "sed -i",
        ),
        ("#!/usr/bin/nobash\n", noent, "asks for '/usr/bin/nobash': there is no file", "install it"),
        ("#!/usr/bin\n", access, "asks for '/usr/bin': '/usr/bin' is a directory", "name the program"),
        (
            "#!/usr/bin/env no-such-program\n",
            "(code 127, ",
            "asks for 'no-such-program', which no directory of PATH has",
            "install it",
        ),
        ("", noexec, "is empty", "its build has failed"),
        ("exec ./x\n", noexec, "is neither a program for Linux nor a script", "#!/bin/sh"),
        ("\u{feff}#!/bin/sh\n", noexec, "has a byte order mark", "save it without one"),
    ] {
        let scratch = Scratch::new();
        let file = executable(&scratch, text);
        let (code, message, log) = refused(scratch, &file);
        assert_eq!(code, "CAExited", "{message}");
        let (platforms, own) = message.rsplit_once("\nfc-local: ").unwrap_or_else(|| panic!("{message}"));
        assert!(
            platforms.starts_with(&format!("Function instance exited unexpectedly{reason}")),
            "{platforms}"
        );
        assert!(own.contains(wrong) && own.contains(remedy), "{own}");
        // Said before anything is served, and not only to the first caller.
        let said = log.find("cannot start as it is: ").unwrap_or_else(|| panic!("{log}"));
        assert!(
            said < log.find("is served on").expect("an address") && log[said..].contains(remedy),
            "{log}"
        );
    }
}

#[test]
fn a_start_file_that_is_not_there_is_told_from_one_that_is_no_file() {
    for (command, code, wrong) in [
        ("./no-such-file", "CAFileNotFound", "there is no file './no-such-file'"),
        ("no-such-program", "CAFileNotFound", "'no-such-program' is not installed here"),
        ("/usr/bin", "CAExited", "'/usr/bin' is a directory"),
    ] {
        let (found, message, _) = refused(Scratch::new(), command);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(&format!("\nfc-local: {wrong}")), "{message}");
    }
    let scratch = Scratch::new();
    let link = scratch.path("link");
    std::os::unix::fs::symlink("nowhere", &link).expect("a link");
    let (code, message, _) = refused(scratch, &link);
    assert_eq!(code, "CAFileNotFound");
    assert!(message.contains("is a link to 'nowhere', which leads nowhere"), "{message}");
}

#[test]
fn a_missing_shared_library_is_named_with_a_remedy() {
    let printed = "echo './x: error while loading shared libraries: libfoo.so.1: cannot open shared object file' >&2; exit 127";
    let fc = run(&[], &shell(printed));
    let (_, code, message) = fc.get("/").system_error();
    assert_eq!(code, "CAExited");
    assert!(
        message.contains("needs the shared library 'libfoo.so.1'; put the library into the code"),
        "{message}"
    );
}

#[test]
fn what_can_start_is_not_warned_of() {
    let fc = start(&[]);
    assert_eq!(fc.get("/").status, 200);
    assert!(!fc.log().contains("cannot start"), "{}", fc.log());
}

#[test]
fn beyond_the_quota_calls_are_429() {
    let mut fc = start(&["--max-instances", "1"]);
    let gate = fc.scratch.gate("gate");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fc.get(&format!("/wait?fifo={}", gate.path)));
        fc.wait_for_trace("waiting", 1);
        let (status, code, _) = fc.get("/").system_error();
        assert_eq!((status, code.as_str()), (429, "ResourceExhausted"));
        assert_eq!(fc.invoke("").status, 429);
        gate.let_pass(1);
        assert_eq!(waiting.join().expect("answered").status, 200);
    });
    assert!(fc.stop().success());
}

#[test]
fn unknown_functions_versions_and_aliases_are_404() {
    let fc = start(&[]);
    let path = "/2023-03-30/functions/";
    for (target, code, message) in [
        ("other/invocations", "FunctionNotFound", "function 'other' does not exist."),
        ("local/invocations?qualifier=7", "VersionNotFound", "version '7' does not exist."),
        ("local/invocations?qualifier=prod", "AliasNotFound", "alias 'prod' does not exist."),
    ] {
        let response = fc.request("POST", &format!("{path}{target}"), "", b"");
        assert_eq!(response.system_error(), (404, code.to_owned(), message.to_owned()));
    }
    assert_eq!(fc.request("POST", &format!("{path}local/invocations?qualifier=LATEST"), "", b"").status, 200);
}

#[test]
fn a_response_that_is_not_http_or_has_too_large_headers_is_502() {
    let fc = start(&[]);
    for target in ["/garbage", "/big-headers"] {
        let (status, code, _) = fc.get(target).system_error();
        assert_eq!((status, code.as_str()), (502, "BadResponse"), "{target}");
    }
}

#[test]
fn memory_over_the_limit_kills_the_process_and_the_log_names_the_limit() {
    let fc = start(&["--memory", "128", "--timeout", "20s"]);
    let response = fc.get("/hog?mb=200");
    assert_eq!(response.status, 502);
    let message = response.error_message();
    assert!(message.starts_with("Process exited unexpectedly"), "{message}");
    let used: f64 = message
        .split("maxMemoryUsage: ")
        .nth(1)
        .and_then(|rest| rest.strip_suffix("MB)")?.parse().ok())
        .expect("a number of MB");
    assert!(used > 128.0, "{message}");
    fc.wait_for_log("FunctionOOMError");
    fc.wait_for_log("memorySize is 128 MB");
}

#[test]
fn a_caller_that_goes_away_is_logged_and_its_instance_replaced() {
    let fc = start(&[]);
    let before = fc.get("/").json()["instance"].clone();
    let mut caller = fc.client();
    caller.send(get("/hang"));
    fc.wait_for_trace("hanging", 1);
    drop(caller);
    fc.wait_for_log("the client closed the connection before the response");
    assert_ne!(fc.get("/").json()["instance"], before);
}

#[test]
fn a_caller_that_goes_away_while_a_streamed_response_is_silent_is_noticed_at_once() {
    let mut fc = start(&["--timeout", "100s", "--max-instances", "1"]);
    let gate = fc.scratch.gate("gate");
    let target = format!("/stream?fifo={}", gate.path);
    for left in 1..=2 {
        let mut caller = fc.client();
        caller.send(get(&target));
        caller.reply_head();
        assert_eq!(caller.chunk(), b"first");
        drop(caller);
        fc.wait_for_logs("ms: ClientClosedRequest (499)", left);
        eventually("its place is free", || (fc.get("/").status == 200).then_some(()));
    }
    let mut reads_on = fc.client();
    reads_on.send(get(&target));
    reads_on.reply_head();
    assert_eq!(reads_on.chunk(), b"first");
    reads_on.end_sending();
    fc.signal(Signal::INT);
    fc.wait_for_log("stopping when the call in flight is over");
    gate.let_pass(1);
    assert_eq!(reads_on.chunk(), b"second");
    assert!(fc.wait().success(), "and nobody else is waited for");
    assert_eq!(fc.log().matches("ms: ClientClosedRequest (499)").count(), 2, "{}", fc.log());
}
