//! One running server: its start, its port, what it costs, its end.

use crate::{Client, Server, folders};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::{io, os::unix::process::CommandExt};

/// Ports below the kernel's ephemeral range (32768 and up): a client that polls one of those could connect to itself.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;

/// A server process, and whatever it starts, until it is dropped.
pub struct Running {
    child: Child,
    pub port: u16,
}

/// What a process and its children have used since they began, or hold now.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// Microseconds on a processor.
    pub cpu: f64,
    pub page_faults: f64,
    /// Resident memory in KB.
    pub resident: f64,
    /// All of its addresses, in bytes.
    pub size: f64,
    pub threads: f64,
    /// Open file descriptors.
    pub descriptors: f64,
}

impl Running {
    /// Starts the program and returns at once; a process group of its own, so that all of it can be ended.
    pub fn spawn(mut command: Command, port: u16) -> io::Result<Running> {
        let child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        Ok(Running { child, port })
    }

    /// Starts a server and waits until it accepts connections; all servers complain into one file.
    pub fn start(server: &Server) -> io::Result<Running> {
        let port = free_port();
        let mut command = server.command(port);
        let log = folders::output()?.join("servers.log");
        command.stderr(File::options().create(true).append(true).open(log)?);
        let running = Running::spawn(command, port)?;
        Client::poll_connect(port)?;
        Ok(running)
    }

    pub fn end(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it has used by now, with everything it started.
    pub fn usage(&self) -> Usage {
        let mut total = Usage::default();
        self.family().into_iter().for_each(|pid| total.add(pid));
        total
    }

    /// Ends what the process has started and waits until it ends of itself; for one that only watches its children.
    pub fn end_children(mut self) -> io::Result<()> {
        for pid in self.family().into_iter().skip(1).filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = kill_process(pid, Signal::KILL); // gone already
        }
        self.child.wait().map(drop)
    }

    pub fn tasks(&self) -> Vec<Pid> {
        let directories = self.family().into_iter().flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")));
        let names = directories.flatten().flatten().map(|entry| entry.file_name());
        names.filter_map(|name| Pid::from_raw(name.to_str()?.parse().ok()?)).collect()
    }

    fn family(&self) -> Vec<u32> {
        let (mut family, mut next) = (vec![self.child.id()], 0);
        while let Some(pid) = family.get(next) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            next += 1;
        }
        family
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL); // gone already
        let _ = self.child.wait();
    }
}

impl Usage {
    /// Adds one process; one that has ended by now adds nothing.
    fn add(&mut self, pid: u32) {
        let list = |name: &str| fs::read_dir(format!("/proc/{pid}/{name}")).into_iter().flatten().flatten();
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        for task in list("task") {
            // The scheduler's own account is in nanoseconds, unlike the ticks of `stat`.
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            self.cpu += text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0.0) / 1000.0;
            self.threads += 1.0;
        }
        self.descriptors += list("fd").count() as f64;
        let stat = read("stat");
        let after_name = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let fields: Vec<f64> = after_name.map(|field| field.parse().unwrap_or(0.0)).collect();
        self.page_faults += fields.get(7).unwrap_or(&0.0) + fields.get(9).unwrap_or(&0.0);
        self.size += fields.get(20).unwrap_or(&0.0);
        let status = read("status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        self.resident += resident.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0);
    }
}

/// A port nobody listens on, another one each time, so that no round meets what an earlier one left behind.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = (std::process::id() % u32::from(PORTS)) as u16;
    loop {
        let port = FIRST_PORT + NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(offset) % PORTS;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}
