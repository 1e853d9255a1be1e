//! A network of an instance's own, for a function that insists on a port that another instance has: how do callers get in,
//! and the function out? By passt's pasta, which stands between it and this machine. Who needs one is not known here.

use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::process::{ChildStderr, ChildStdout};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, geteuid, getpid};

use super::isolation;
use super::port;
use super::procfs;
use super::supervisor::{Order, Started, Supervisor, Within, run_anew};
use super::surroundings::{Alive, Surroundings};

/// How long it may take until it takes connections.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The bound of one connect, which is to this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(100);

/// How much is kept of what it says when it fails.
const MAX_SAID: u64 = 1024;

/// The port of DNS, which many machines have on a loopback address.
const DNS: u16 = 53;

/// The connection between a network and this machine's. Dropped, there is none.
pub struct Network {
    pasta: Supervisor,
    /// Open for as long as it runs, which prints what went wrong.
    _stdout: ChildStdout,
    stderr: ChildStderr,
    /// Counted until pasta has gone, which is dropped before.
    _alive: Alive,
}

impl Network {
    /// Connects the network that the process `inside` is in: what is sent to `outer` on this machine's loopback arrives
    /// at `inner` there, and what is sent to its loopback at the services of this machine's.
    pub fn connect(
        surroundings: &Arc<Surroundings>,
        inside: Pid,
        outer: u16,
        inner: u16,
    ) -> io::Result<Network> {
        let alive = Surroundings::begin_process(surroundings);
        let order = Order {
            words: words(inside, outer, inner),
            directory: b"/".to_vec(),
            environment: Vec::new(),
            takes_all_along: true,
        };
        let Started { supervisor, stdout, stderr, .. } = run_anew(Within::Machine, &order)?;
        let mut network = Network { pasta: supervisor, _stdout: stdout, stderr, _alive: alive };
        network.wait(inside, outer)?;
        Ok(network)
    }

    /// Waits until it takes connections, and has what to send them on: it takes them before it has.
    fn wait(&mut self, inside: Pid, outer: u16) -> io::Result<()> {
        let began = Instant::now();
        let is_open = || port::connects(Ipv4Addr::LOCALHOST.into(), outer, CONNECT_TIMEOUT);
        while !(procfs::has_interfaces(inside) && is_open()) {
            if self.pasta.has_report() {
                self.pasta.end(); // it has the other end too
                let mut said = String::new();
                let _ = (&mut self.stderr).take(MAX_SAID).read_to_string(&mut said);
                return Err(io::Error::other(reason(&said).to_owned()));
            }
            if began.elapsed() > OPEN_TIMEOUT {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            thread::park_timeout(LOOK_EVERY);
        }
        Ok(())
    }
}

/// Why it failed is its last line. It says besides that it cannot say so to a syslog that is not there.
fn reason(said: &str) -> &str {
    let mut lines = said.lines().rev().map(str::trim);
    lines.find(|line| !line.is_empty() && !line.contains("to syslog")).unwrap_or_default()
}

fn words(inside: Pid, outer: u16, inner: u16) -> Vec<String> {
    let services = services(inner);
    let list: Vec<String> = services.iter().map(u16::to_string).collect();
    let services = if list.is_empty() { "none".to_owned() } else { list.join(",") };
    let dns = if procfs::is_udp_port(DNS) { DNS.to_string() } else { "none".to_owned() };
    let program = isolation::installed(isolation::PASTA).map(|path| path.display().to_string());
    let mut words = vec![program.unwrap_or_else(|| isolation::PASTA.to_owned())];
    words.extend(["--config-net", "--foreground", "--quiet"].map(str::to_owned));
    if geteuid().is_root() {
        // It would become nobody, who may not enter what root has made.
        words.extend(["--runas", "0"].map(str::to_owned));
    }
    let into = format!("{}/{outer}:{inner}", Ipv4Addr::LOCALHOST);
    words.extend(["-t", &into, "-u", "none", "-T", &services, "-U", &dns].map(str::to_owned));
    words.push(inside.as_raw_nonzero().to_string());
    words
}

/// The ports of this machine that the function may want to reach: not those that instances of fc-local have opened,
/// which it may want to open itself.
fn services(inner: u16) -> Vec<u16> {
    let ours = procfs::ports_of(&procfs::descendants(getpid()), None);
    let mut ports = procfs::loopback_ports();
    ports.retain(|port| *port != inner && !ours.contains(port));
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_pasta_says_the_reason_is_told() {
        let said = "Failed to send 46 bytes to syslog\nNo external routable interface for IPv4\n\
                    Failed to send 36 bytes to syslog\nExternal interface not usable\n\n";
        assert_eq!(reason(said), "External interface not usable");
        assert_eq!(reason("Failed to send 46 bytes to syslog\n"), "");
    }
}
