//! An example as a process that can be stopped in its tracks, starved of descriptors, and looked at.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use support::reserved_port;
use support::{Process, example_command, until};

/// Has the process stand still while `meanwhile` runs.
pub(crate) fn while_it_stands_still(process: &Process, meanwhile: impl FnOnce()) {
    process.signal("STOP");
    until("the process stands still", || stat(process, 2) == "T");
    meanwhile();
    process.signal("CONT");
}

/// Starts an example that may have so many descriptors, and takes a head for late after a second.
pub(crate) fn start_with_descriptors(example: &str, limit: u32) -> Process {
    start_limited(example, &format!("-n {limit}"), &[("FCRT_HEAD_TIMEOUT", "1")])
}

/// Starts an example below one of the shell's `ulimit`s.
pub(crate) fn start_limited(example: &str, limit: &str, variables: &[(&str, &str)]) -> Process {
    let port = reserved_port();
    let example = example_command(example);
    let child = Command::new("sh")
        .args(["-c", &format!("ulimit {limit}; exec \"$0\"")])
        .arg(example.get_program())
        .env("PORT", port.to_string())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let process = Process { child, port };
    until("the example listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    process
}

/// Waits until it serves, which needs the readiness set: it listens before it has one.
pub(crate) fn until_served(process: &Process) {
    let of_process = |folder: &str| format!("/proc/{}/{folder}", process.child.id());
    let watches = |descriptor: std::fs::DirEntry| {
        let link = std::fs::read_link(descriptor.path()).ok()?;
        let name = descriptor.file_name();
        let details = std::fs::read_to_string(format!("{}/{}", of_process("fdinfo"), name.to_string_lossy()));
        Some(link.to_string_lossy().contains("[eventpoll]") && details.ok()?.contains("tfd:"))
    };
    until("the listener is watched", || {
        let mut all = std::fs::read_dir(of_process("fd")).expect("the process lives");
        all.any(|descriptor| descriptor.ok().and_then(watches).unwrap_or(false))
    });
}

/// From now on it is given no descriptor, whatever it closes.
pub(crate) fn starve(process: &Process) {
    until_served(process);
    let pid = Pid::from_child(&process.child);
    let limit = Rlimit { current: Some(3), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(Some(pid), Resource::Nofile, limit).expect("it runs");
}

/// The listener's, and one for each connection.
pub(crate) fn sockets(process: &Process) -> usize {
    let all = std::fs::read_dir(format!("/proc/{}/fd", process.child.id())).expect("the process lives");
    let links = all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

pub(crate) fn threads(process: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", process.child.id())).expect("not waited for yet").count()
}

/// A field of `/proc/<pid>/stat`, counted from 0.
fn stat(process: &Process, field: usize) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.child.id()));
    stat.expect("the process lives").split_whitespace().nth(field).unwrap_or_default().to_owned()
}
