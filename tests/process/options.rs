//! Options: set in code, by the environment, and what a process says of them.

use crate::subject::{start_limited, threads};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use support::{Lines, Process, Scratch, example_command, get, post, reserved_port, until};

#[test]
fn options_set_in_code_keep_signals_and_exit_codes() {
    let process = Process::start("options", &[]);
    assert_eq!(process.request(post("/", "you")).text(), "Hello, you!");
    assert_eq!(process.request(post("/", &"x".repeat(65))).status, 413);
    process.signal("TERM");
    assert_eq!(process.end().0, Some(0));
    let output = example_command("options").env("FCRT_MAX_WORKERS", "auto").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error, "error: FCRT_MAX_WORKERS=\"auto\": expected a whole number from 1\n");
    let output = example_command("hello").env("FCRT_METRICS_PATH", "/metrics").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.starts_with("error: FCRT_METRICS_PATH=\"/metrics\": expected hooks off"), "{error}");
}

#[test]
fn a_functions_own_variables_do_not_stop_its_start() {
    let own = [("MAX_WORKERS", "auto"), ("HOOKS", "https://h/"), ("IDLE_TIMEOUT", "never")];
    let process = Process::start("hello", &own);
    assert_eq!(process.request(get("/")).status, 200);
    process.signal("TERM");
    let (code, out, err) = process.end();
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(!out.contains("WARN"), "{out}");
}

#[test]
fn an_option_that_there_is_none_of_is_a_warning_that_names_the_nearest() {
    let mut process = Process::start("hello", &[("FCRT_LIFECYCLE_MARKS", "off"), ("FCRT_HOOK", "off")]);
    let lines = Lines::default();
    Lines::follow(process.child.stdout.take().unwrap(), std::slice::from_ref(&lines));
    for warning in [
        "[WARN] FCRT_HOOK is unknown; nearest: FCRT_HOOKS\n",
        "[WARN] FCRT_LIFECYCLE_MARKS is unknown; nearest: FCRT_LIFECYCLE_LINES\n",
    ] {
        lines.wait_until(warning, |text| text.contains(warning).then_some(()));
    }
}

/// What a process says of one call of it in a trace.
fn lines_of_a_call(variables: &[(&str, &str)]) -> Vec<String> {
    let process = Process::start("stateful", variables);
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let call = format!(
        "POST /invoke HTTP/1.1\r\nHost: h\r\nX-Fc-Request-Id: id-1\r\n{trace}Content-Length: 3\r\n\r\nyou"
    );
    assert_eq!(process.request(call).text(), "Hello, you!");
    process.signal("TERM");
    let (code, out, err) = process.end();
    assert_eq!((code, err.as_str()), (Some(0), ""));
    out.lines().map(str::to_owned).collect()
}

#[test]
fn the_log_is_json_where_that_is_asked_for_and_the_platforms_own_lines_are_not() {
    let all = lines_of_a_call(&[("FCRT_LOG_FORMAT", "json"), ("ALIYUN_FC_LOG_LEVEL", "verbose")]);
    let (platforms, logged): (Vec<_>, Vec<_>) = all.into_iter().partition(|line| line.starts_with("FC "));
    assert_eq!(platforms[..2], ["FC Invoke Start RequestId: id-1", "FC Invoke End RequestId: id-1"]);
    let logged: Vec<serde_json::Value> =
        logged.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let find = |message: &str| {
        let found = logged.iter().find(|object| object["message"] == message);
        found.unwrap_or_else(|| panic!("{message}: {logged:?}"))
    };
    let warning = "ALIYUN_FC_LOG_LEVEL=\"verbose\" counts as info: expected debug, info, warn or error";
    assert_eq!((&find(warning)["level"], find(warning).get("request_id")), (&"WARN".into(), None));
    let initialized = find("initialized");
    assert_eq!((&initialized["level"], &initialized["target"]), (&"INFO".into(), &"stateful".into()));
    assert_eq!(initialized["request_id"], "id-1");
    assert_eq!(initialized["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(find("1 greetings to flush").get("trace_id"), None, "the stop is no call of that trace");
}

#[test]
fn the_log_begins_at_the_platforms_level_unless_rust_log_says_another() {
    let has_line = |variables| lines_of_a_call(variables).iter().any(|line| line.contains("[INFO] "));
    assert!(has_line(&[("ALIYUN_FC_LOG_LEVEL", "Info")]));
    assert!(!has_line(&[("ALIYUN_FC_LOG_LEVEL", "WARN")]));
    assert!(has_line(&[("ALIYUN_FC_LOG_LEVEL", "WARN"), ("RUST_LOG", "info")]));
    let lines = lines_of_a_call(&[]);
    let line = " id-1 [INFO] trace_id=4bf92f3577b34da6a3ce929d0e0e4736 initialized";
    assert!(lines.iter().any(|it| it.ends_with(line)), "{lines:?}");
}

#[test]
fn a_terminal_is_told_the_address_and_a_pipe_is_not() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let side = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let port = reserved_port();
    let mut command = example_command("hello");
    command.env("PORT", port.to_string()).stdout(Stdio::from(side));
    let mut child = command.spawn().unwrap();
    let lines = Lines::default();
    Lines::follow(File::from(terminal), std::slice::from_ref(&lines));
    let line = lines.wait_until("the address", |text| text.lines().next().map(str::to_owned));
    assert_eq!(line, format!("listening on http://0.0.0.0:{port}"));
    child.kill().unwrap();
    child.wait().unwrap();

    let process = Process::start("hello", &[("FCRT_LIFECYCLE_LINES", "off")]);
    assert_eq!(process.request(get("/")).status, 200);
    process.signal("TERM");
    assert_eq!(process.end().1, "");
}

#[test]
fn a_main_thread_with_too_little_stack_runs_no_code_of_the_function() {
    let process = Process::start("hello", &[]);
    assert_eq!(threads(&process), 1, "as much as is asked for: it is the first worker");
    process.signal("KILL");
    process.end();
    let process = start_limited("hello", "-s 1024", &[]);
    until("another thread waits", || threads(&process) > 1);
    assert_eq!(process.request(get("/")).status, 200);
    process.signal("TERM");
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn a_pre_stop_that_failed_ends_with_code_1_and_one_line() {
    let process = Process::start("stateful", &[("FLUSH_PATH", "/no/such/folder/flushed")]);
    assert_eq!(process.request(post("/", "you")).status, 200);
    process.signal("TERM");
    let (code, _, err) = process.end();
    assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
    assert!(err.starts_with("error: pre_stop: /no/such/folder/flushed: "), "{err}");
}

#[test]
fn a_pre_stop_that_is_cut_off_ends_with_code_1_and_one_line() {
    let scratch = Scratch::new();
    let fifo = scratch.path("read-by-nobody");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let process = Process::start("stateful", &[("FLUSH_PATH", &fifo), ("FCRT_DRAIN_TIMEOUT", "0.1")]);
    assert_eq!(process.request(post("/", "you")).status, 200);
    process.signal("TERM");
    let (code, _, err) = process.end();
    assert_eq!((code, err.as_str()), (Some(1), "error: pre_stop: not done in time\n"));
}

#[test]
fn a_process_whose_standard_error_nobody_reads_ends_all_the_same() {
    let taken = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let (unread, mut full) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&full, true).unwrap();
    while full.write(&[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&full, false).unwrap();
    let mut child = example_command("hello")
        .env("PORT", taken.local_addr().unwrap().port().to_string())
        .stderr(Stdio::from(full))
        .spawn()
        .unwrap();
    until("it has ended", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(unread);
}
