//! Processes that leave their group, their session and their environment are still their instance's.

use std::time::Duration;

use crate::harness::{Fc, python_script, start_with, wait_until_frozen};
use support::{FifoLines, Scratch, Signal, eventually, state, wait_until_gone};

/// A server that at its first call starts what `START` says and tells the pids of it, one in a line.
const FUNCTION: &str = r#"
import os, socket, subprocess, sys, time

def tell(pid):
    with open(os.environ['PIDS'], 'a') as file: file.write(f'pid {pid}\n')

# What the last one of a family runs: with nothing of what it was started with.
BARE = 'import time\nx = "x" * {bytes}\nwhile True: time.sleep(0.001)'
def bare(bytes=0):
    for fd in range(3, 64):
        try: os.close(fd)
        except OSError: pass
    null = os.open('/dev/null', os.O_RDWR)
    for fd in range(3): os.dup2(null, fd)
    os.execve(sys.executable, [sys.executable, '-c', BARE.format(bytes=bytes)], {})

def session(bytes=0):
    pid = os.fork()
    if pid == 0: os.setsid(); bare(bytes)
    tell(pid)

def daemon(generations=1, bytes=0):
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        for _ in range(generations):
            os.setsid()
            if os.fork(): os._exit(0)
        tell(os.getpid())
        os.write(tells, b'x')
        bare(bytes)
    os.waitpid(child, 0)
    os.read(told, 1) # it could be frozen before it has told

def start():
    {start}

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', int(os.environ['FC_CUSTOM_LISTEN_PORT'])))
s.listen()
calls = 0
while True:
    c, _ = s.accept()
    while c.recv(65536):
        if calls == 0: start()
        calls += 1
        c.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
"#;

fn start(begin: &str, arguments: &[&str]) -> (Fc, FifoLines) {
    let scratch = Scratch::new();
    let pids = scratch.lines("pids");
    let variable = format!("PIDS={}", scratch.path("pids"));
    let arguments = [&["--env", &variable], arguments].concat();
    (start_with(scratch, &arguments, &python_script(&FUNCTION.replace("{start}", begin))), pids)
}

fn told(pids: &FifoLines, count: usize) -> Vec<u32> {
    pids.wait_for("pid ", count);
    pids.heard().iter().map(|line| line["pid ".len()..].parse().expect("a process id")).collect()
}

/// The ways out: a session of its own, a daemon, a daemon of a daemon of a daemon, all of them without a variable.
const WAYS: &str = "session(); daemon(); daemon(3)";

#[test]
fn they_are_frozen_and_thawed_with_the_rest() {
    let (fc, pids) = start(WAYS, &[]);
    assert_eq!(fc.get("/").status, 200);
    let pids = told(&pids, 3);
    for _ in 0..3 {
        pids.iter().for_each(|pid| wait_until_frozen(*pid));
        let mut client = fc.client();
        client.send(support::get("/"));
        pids.iter().for_each(|pid| eventually("it is thawed", || (state(*pid) != Some('T')).then_some(())));
        assert_eq!(client.reply().status, 200);
    }
}

#[test]
fn they_go_with_an_instance_that_is_stopped() {
    let (fc, pids) = start(WAYS, &["--idle-timeout", "200ms"]);
    assert_eq!(fc.get("/").status, 200);
    told(&pids, 3).into_iter().for_each(wait_until_gone);
    fc.wait_for_log("stopped: idle");
}

#[test]
fn they_go_with_an_instance_that_exits() {
    let (fc, pids) = start("session(); daemon(); daemon(3); os._exit(1)", &[]);
    assert_eq!(fc.get("/").status, 502);
    told(&pids, 3).into_iter().for_each(wait_until_gone);
}

#[test]
fn nothing_of_them_is_there_when_fc_local_has_stopped() {
    let (mut fc, pids) = start(WAYS, &[]);
    assert_eq!(fc.get("/").status, 200);
    let pids = told(&pids, 3);
    assert!(fc.stop().success());
    for pid in pids {
        assert!(matches!(state(pid), None | Some('Z')), "{pid} is there");
    }
}

#[test]
fn they_go_with_an_fc_local_that_is_killed_also_while_they_are_frozen() {
    for arguments in [[].as_slice(), &["--no-freeze"]] {
        let (mut fc, pids) = start(WAYS, arguments);
        assert_eq!(fc.get("/").status, 200);
        let pids = told(&pids, 3);
        if arguments.is_empty() {
            pids.iter().for_each(|pid| wait_until_frozen(*pid));
        }
        fc.signal(Signal::KILL);
        fc.wait();
        pids.into_iter().for_each(wait_until_gone);
    }
}

#[test]
fn each_instance_has_its_own() {
    let (fc, pids) = start("daemon(2)", &["--max-instances", "1", "--timeout", "1s"]);
    assert_eq!(fc.get("/").status, 200);
    let first = told(&pids, 1)[0];
    wait_until_frozen(first);
    let (other, other_pids) = start("daemon(2)", &[]);
    assert_eq!(other.get("/").status, 200);
    let second = told(&other_pids, 1)[0];
    wait_until_frozen(second);
    drop(other);
    wait_until_gone(second);
    assert_eq!(state(first), Some('T'), "it is not the other one's");
}

#[test]
fn their_memory_counts() {
    let (fc, pids) = start("daemon(2, 150000000)", &["--memory", "128", "--no-freeze"]);
    fc.get("/");
    told(&pids, 1);
    // It is looked at for as long as a call runs.
    eventually("the instance is killed", || {
        fc.get("/");
        fc.log().contains("FunctionOOMError").then_some(())
    });
    told(&pids, 1).into_iter().take(1).for_each(wait_until_gone);
}

#[test]
fn those_that_are_orphaned_are_reaped() {
    // A hundred that exit at once after they have lost their parent.
    let begin = "
    for _ in range(100):
        if os.fork() == 0:
            if os.fork() == 0: tell(os.getpid())
            os._exit(0)
        os.wait()";
    let (fc, pids) = start(begin, &["--no-freeze", "--timeout", "30s"]);
    assert_eq!(fc.get("/").status, 200);
    for pid in told(&pids, 100) {
        eventually("it is reaped", || state(pid).is_none().then_some(()));
    }
}

#[test]
fn what_an_initializer_command_leaves_behind_is_the_instances() {
    let scratch = Scratch::new();
    let pids = scratch.lines("pids");
    let script = FUNCTION.replace("{start}", "pass");
    // It is told before the command ends: afterwards it may be frozen at any time.
    let tell = format!("echo pid $$ > {}; exec env -i sleep 1000 >&-", scratch.path("pids"));
    let daemon = format!("told=$(setsid sh -c '{tell}' &)");
    let arguments = ["--initializer-command", &format!("sh -c \"{daemon}\"")];
    let mut fc = start_with(scratch, &arguments, &python_script(&script));
    assert_eq!(fc.get("/").status, 200);
    let pid = told(&pids, 1)[0];
    wait_until_frozen(pid);
    assert_eq!(fc.get("/").status, 200);
    assert!(fc.stop().success());
    assert!(matches!(state(pid), None | Some('Z')), "{pid} is there");
}

#[test]
fn a_supervisor_that_is_killed_costs_its_instance_and_no_more() {
    let (fc, pids) = start("tell(os.getpid()); tell(os.getppid())", &["--no-freeze"]);
    assert_eq!(fc.get("/").status, 200);
    let told = told(&pids, 2);
    let (function, supervisor) = (told[0], told[1]);
    assert_ne!(supervisor, fc.id());
    support::kill(supervisor);
    wait_until_gone(function);
    support::eventually_within(Duration::from_secs(30), "another one serves", || {
        (fc.get("/").status == 200).then_some(())
    });
}
