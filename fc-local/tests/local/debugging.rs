//! Debuggers: while one holds the function no time counts; a function that somebody else starts; one below a debugger.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::harness::{Fc, Said as _, fc_local, python, python_path, start, start_with, wait_until_frozen};
use support::{Program, Scratch, WATCHDOG, eventually, get, reserved_port, run_to_end, state};

/// The calls' time limit, and for how long a debugger holds the function: far beyond it.
const TIMEOUT: &str = "1s";
const HELD: Duration = Duration::from_millis(2500);

const STOPPED: &str = "a debugger has stopped the function: time does not count";

/// A debugger that has stopped a process, until it is told more.
struct Gdb(Program);

/// Has gdb stop `pid`; `None` where it is not installed or not allowed to.
fn gdb(pid: u32) -> Option<Gdb> {
    let mut command = Command::new("gdb");
    command.args(["-q", "-nx", "-iex", "set debuginfod enabled off", "-p", &pid.to_string()]);
    if run_to_end(Command::new("sh").args(["-c", "command -v gdb"]), WATCHDOG).stdout.is_empty() {
        println!("skipped: gdb is not installed");
        return None;
    }
    let gdb = Gdb(Program::start(command.stdin(Stdio::piped())));
    let is_attached = eventually("gdb is attached", || {
        let said = gdb.0.said.text();
        let is_refused =
            said.contains("ptrace: Operation not permitted") || said.contains("Could not attach");
        if is_refused { Some(false) } else { is_held(pid).then_some(true) }
    });
    if !is_attached {
        println!("skipped: this machine lets nobody debug");
    }
    is_attached.then_some(gdb)
}

/// Whether a debugger holds all threads of a process: it takes one after the other.
fn is_held(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten();
    let mut ids = threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok());
    ids.all(|id: u32| state(id) == Some('t'))
}

impl Gdb {
    fn say(&mut self, text: &str) {
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("gdb reads");
    }

    /// Lets the process go.
    fn detach(mut self) {
        self.say("detach\nquit\n");
        self.0.wait();
    }
}

/// More time than any limit of these tests passes.
fn hold() {
    thread::sleep(HELD);
}

#[test]
fn a_call_of_a_function_that_a_debugger_holds_is_not_timed_out() {
    let fc = start(&["--timeout", TIMEOUT, "--no-freeze"]);
    let pid = fc.get("/").pid();
    for stop in 1..=2 {
        let Some(gdb) = gdb(pid) else { return };
        let mut client = fc.client();
        client.send(get("/"));
        fc.wait_for_logs(STOPPED, stop);
        hold();
        client.assert_silent();
        gdb.detach();
        let reply = client.reply();
        assert_eq!((reply.status, reply.pid()), (200, pid), "{reply:?}");
        // The next stop is another one when the end of this one has been seen.
        fc.wait_for_logs("the function goes on after", stop);
        assert_eq!(fc.log().matches(STOPPED).count(), stop, "once for each stop");
    }
    assert!(!fc.log().contains("failed after"), "{}", fc.log());
    // Time passes again.
    let reply = fc.get("/hang");
    assert!(reply.error_message().contains("timed out after 1 seconds"), "{reply:?}");
}

#[test]
fn only_the_time_of_a_stop_does_not_count() {
    let fc = start(&["--timeout", "8s", "--no-freeze"]);
    let pid = fc.get("/").pid();
    let mut client = fc.client();
    client.send(get("/hang"));
    fc.wait_for_trace("hanging", 1);
    let Some(gdb) = gdb(pid) else { return };
    fc.wait_for_log(STOPPED);
    hold();
    hold();
    client.assert_silent();
    gdb.detach();
    assert!(client.reply().error_message().contains("timed out after 8 seconds"));
    fc.wait_for_log(" failed after ");
    let log = fc.log();
    let after =
        log.split(" failed after ").nth(1).and_then(|rest| rest.split('.').next()?.parse::<u64>().ok());
    assert!(after.is_some_and(|after| after > 8000 + 2 * 2500), "{log}");
}

const TEMPLATE: &str = "edition: 3.0.0
resources:
  f:
    component: fc3
    props:
      functionName: local
      runtime: custom
      code: .
      timeout: 20
      customRuntimeConfig:
        healthCheckConfig: {httpGetUrl: /, initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 1, successThreshold: 1}
";

#[test]
fn no_health_check_of_a_function_that_a_debugger_holds_fails() {
    let scratch = Scratch::new();
    let template = scratch.write("s.yaml", TEMPLATE);
    let fc = start_with(scratch, &["-t", &template, "--no-freeze"], &python());
    let pid = fc.get("/").pid();
    let Some(gdb) = gdb(pid) else { return };
    // The check that waits says so.
    fc.wait_for_log(STOPPED);
    hold();
    gdb.detach();
    assert_eq!(fc.get("/").pid(), pid);
    assert!(!fc.log().contains("unhealthy") && !fc.log().contains("health failed"), "{}", fc.log());
}

#[test]
fn hooks_of_a_function_that_a_debugger_holds_have_their_time() {
    let mut fc = start(&[
        "--initializer",
        "--initializer-timeout",
        "1s",
        "--pre-stop",
        "--pre-stop-timeout",
        "1s",
        "--no-freeze",
    ]);
    let pid = fc.get("/").pid();
    let Some(gdb) = gdb(pid) else { return };
    fc.signal(support::Signal::INT);
    fc.wait_for_log(STOPPED);
    hold();
    gdb.detach();
    assert!(fc.wait().success());
    assert!(fc.log().contains("PreStop took") && !fc.log().contains("PreStop timed out"), "{}", fc.log());
    assert_eq!(fc.trace().iter().filter(|line| line.contains("/pre-stop")).count(), 1);
}

#[test]
fn an_instance_is_not_frozen_while_it_is_debugged_and_is_when_it_no_longer_is() {
    let fc = start(&["--timeout", "20s"]);
    let gate = fc.scratch.gate("gate");
    let pid = fc.get("/").pid();
    wait_until_frozen(pid);
    // It runs while a call waits.
    let mut client = fc.client();
    client.send(get(&format!("/wait?fifo={}", gate.path)));
    fc.wait_for_trace("waiting", 1);
    let Some(mut gdb) = gdb(pid) else { return };
    fc.wait_for_log(STOPPED);
    gdb.say("continue&\n");
    fc.wait_for_log("the function goes on after");
    gate.let_pass(1);
    assert_eq!(client.reply().status, 200);
    // Many times what comes before a freeze.
    thread::sleep(Duration::from_millis(300));
    assert!(!matches!(state(pid), Some('T' | 't')), "{:?}", state(pid));
    gdb.say("interrupt\n");
    eventually("gdb stops it", || is_held(pid).then_some(()));
    gdb.detach();
    wait_until_frozen(pid);
    assert_eq!(fc.get("/").pid(), pid);
}

/// gdbserver stops the function before it runs: a start that takes as long as the author does.
fn gdbserver() -> Option<u16> {
    if run_to_end(Command::new("sh").args(["-c", "command -v gdbserver && command -v gdb"]), WATCHDOG)
        .stdout
        .is_empty()
    {
        println!("skipped: gdbserver is not installed");
        return None;
    }
    Some(reserved_port())
}

/// Has a function below gdbserver run.
fn let_run(port: u16) {
    let target = format!("target remote 127.0.0.1:{port}");
    let arguments =
        ["-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", &target, "-ex", "detach"];
    run_to_end(Command::new("gdb").args(arguments), WATCHDOG);
}

#[test]
fn a_start_that_a_debugger_holds_is_not_timed_out() {
    let Some(port) = gdbserver() else { return };
    let mut command = ["gdbserver".to_owned(), "--once".to_owned(), format!("127.0.0.1:{port}")].to_vec();
    command.extend(python());
    let fc = start_with(Scratch::new(), &["--start-timeout", "8s"], &command);
    let mut client = fc.client();
    client.send(get("/"));
    fc.wait_for_log(STOPPED);
    (0..4).for_each(|_| hold());
    client.assert_silent();
    let_run(port);
    let reply = client.reply();
    assert_eq!(reply.status, 200, "{reply:?}\n{}", fc.log());
    assert_eq!(fc.log().matches(STOPPED).count(), 1);
}

#[test]
fn a_debug_command_runs_the_function_below_it_and_nothing_strikes() {
    let Some(port) = gdbserver() else { return };
    let debug_command = format!("gdbserver --once 127.0.0.1:{port}");
    let arguments = [
        "--debug-command",
        &debug_command,
        "--start-timeout",
        "1s",
        "--timeout",
        "1s",
        "--max-instances",
        "5",
    ];
    let fc = start_with(Scratch::new(), &arguments, &python());
    let gate = fc.scratch.gate("gate");
    fc.wait_for_log(&format!("debugging: the command runs below '{debug_command}'"));
    let mut client = fc.client();
    client.send(get(&format!("/wait?fifo={}", gate.path)));
    fc.wait_for_log(STOPPED);
    hold();
    let_run(port);
    // A second call waits for no other instance: there is one.
    fc.wait_for_trace("waiting", 1);
    let (status, code, message) = fc.get("/").system_error();
    assert_eq!((status, code.as_str()), (429, "ResourceExhausted"), "{message}");
    hold();
    gate.let_pass(1);
    assert_eq!(client.reply().status, 200);
    thread::sleep(Duration::from_millis(300));
    assert!(!matches!(state(fc.get("/").pid()), Some('T')));
}

/// A function that was started by hand with what was printed.
fn by_hand(fc: &Fc, variables: &str) -> Program {
    let script = format!("exec {variables} TRACE={} \"$@\"", fc.scratch.path("trace"));
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).args(python());
    Program::start(&mut command)
}

#[test]
fn a_function_that_somebody_else_starts_is_served_as_any() {
    let scratch = Scratch::new();
    let file = scratch.path("fc.env");
    let arguments = [
        "--attach",
        "--attach-env",
        &file,
        "--env",
        "GREETING=it's \"me\" $HOME",
        "--initializer",
        "--pre-stop",
        "--start-timeout",
        "1s",
        "--timeout",
        "1s",
    ];
    let mut fc = start_with(scratch, &arguments, &[]);
    fc.wait_for_log("debugging: one instance, no time limits");
    let log = fc.log();
    let line = log
        .lines()
        .find_map(|line| line.split(" * ").nth(1).filter(|text| text.starts_with("env ")))
        .expect("a line");
    let written = std::fs::read_to_string(&file).expect("the file");
    for name in [
        "FC_CUSTOM_LISTEN_PORT",
        "FC_FUNCTION_NAME",
        "FC_INSTANCE_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "GREETING",
    ] {
        assert!(
            line.contains(&format!("{name}=")) && written.contains(&format!("{name}=")),
            "{name}: {line}\n{written}"
        );
    }
    for life in 1..=2 {
        // A call waits for the function, however long that takes.
        let mut client = fc.client();
        client.send(get("/environment"));
        fc.wait_for_logs("waiting until your function listens on port", life);
        thread::sleep(Duration::from_millis(1200));
        client.assert_silent();
        let mut function = by_hand(&fc, line);
        let environment = client.reply().json();
        assert_eq!(environment["GREETING"], "it's \"me\" $HOME");
        assert_eq!(environment["FC_FUNCTION_NAME"], "local");
        let pid = fc.get("/").pid();
        assert_eq!(pid, function.pid);
        fc.wait_for_log(&format!("attached to process {pid}"));
        assert_eq!(fc.trace().iter().filter(|line| line.contains("/initialize")).count(), life);
        thread::sleep(Duration::from_millis(300));
        assert!(!matches!(state(pid), Some('T')), "nobody freezes it");
        if life == 1 {
            function.signal(support::Signal::KILL);
            function.wait();
            fc.wait_for_log("your function has gone; the next call waits for another");
        } else {
            assert!(fc.stop().success());
            assert!(fc.trace().iter().any(|line| line.contains("GET /pre-stop")));
            assert!(function.is_running(), "it is its author's");
        }
    }
}

#[test]
fn a_stop_does_not_wait_for_a_function_that_nobody_starts() {
    let mut fc = start_with(Scratch::new(), &["--attach"], &[]);
    let mut client = fc.client();
    client.send(get("/"));
    fc.wait_for_log("waiting until your function listens on port");
    assert!(fc.stop().success());
    assert_eq!(client.reply().status, 429, "{}", client.scene());
}

#[test]
fn a_function_may_be_there_before_it_is_attached_to() {
    let port = reserved_port();
    let mut command = Command::new(python_path());
    command
        .args(&python()[1..])
        .env("FC_CUSTOM_LISTEN_PORT", port.to_string())
        .env("FC_INSTANCE_ID", "c-mine");
    let function = Program::start(&mut command);
    eventually("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let fc = start_with(Scratch::new(), &["--attach", "--port", &port.to_string()], &[]);
    assert_eq!(fc.get("/").pid(), function.pid);
}

#[test]
fn a_debugger_that_is_not_there_is_said_at_the_start() {
    let fc = start_with(Scratch::new(), &["--debug-command", "nosuch :1"], &["true".to_owned()]);
    fc.wait_for_log("the debugger of local cannot start: ");
}

#[test]
fn the_variables_of_a_function_that_is_attached_to_can_be_taken_into_a_shell() {
    let scratch = Scratch::new();
    let file = scratch.path("fc.env");
    let value = "it's \"me\" $HOME `id` \\";
    let variable = format!("VALUE={value}");
    let fc = start_with(scratch, &["--attach", "--attach-env", &file, "--env", &variable], &[]);
    let line = format!("its variables are in {file}; for a shell: ");
    fc.wait_for_log("debugging: one instance");
    let log = fc.log();
    let hint = log.lines().find_map(|log| log.split_once(line.as_str())).expect("what to type").1;
    let output = std::process::Command::new("sh").args(["-c", &format!("{hint}; printenv VALUE")]).output();
    assert_eq!(String::from_utf8_lossy(&output.expect("a shell").stdout).trim_end(), value);
}

#[test]
fn what_cannot_be_debugged_is_said() {
    for (arguments, wanted) in [
        (&["--attach", "--debug-command", "gdb"][..], "cannot be used with"),
        (&["--attach-env", "x"], "--attach"),
        (&["--attach", "--watch"], "cannot be used with"),
        (&["--attach", "--", "node"], "leave its command out, or have it run below --debug-command"),
        (&["--debug-command", "it's", "--", "true"], "is not a command; check its quotes"),
        (
            &["--attach", "--attach-env", "/nowhere/at/all", "--listen", "127.0.0.1:0"],
            "cannot write /nowhere/at/all",
        ),
    ] {
        let output = run_to_end(fc_local().arg("start").args(arguments), WATCHDOG);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(wanted), "{arguments:?}: {said}");
    }
}
