//! When is an instance's port open? Ready is a TCP connect that succeeds, on an address that the platform can
//! reach. What follows when it is not is decided in `start.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::client::Deadline;
use super::failure::Listens;
use super::in_use;
use super::port::{self, connects};
use super::process::Process;
use super::procfs;
use super::surroundings::{Debugging, Surroundings};

/// How long a server may take between its bind of loopback and that of all interfaces.
const LOOPBACK_GRACE: Duration = Duration::from_millis(100);

/// How long a listening socket may be on its way from one process of an instance to another.
const HAND_OVER_GRACE: Duration = Duration::from_millis(50);

/// How often a process is asked whether it has opened another port than its own; a look takes milliseconds.
const LOOK_FOR_PORTS: Duration = Duration::from_secs(1);

/// After how long its author is told where a process listens instead, and that it listens nowhere: most are up by then.
const TELL_PORTS: Duration = Duration::from_secs(2);
const TELL_NOWHERE: Duration = Duration::from_secs(5);

/// How often it is read whether it says that the configured port is in use.
const LOOK_FOR_WORDS: Duration = Duration::from_millis(100);

/// The pause between two connects: a fast start is met within 100 µs, and a slow one does not cost a core.
const SHORTEST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// The bound of one connect on this machine: only a server whose queue is full keeps one waiting.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(100);

/// Why the port is of no use.
pub enum NotReady {
    Exited(ExitStatus),
    /// Not open in time, or where the platform cannot reach it.
    Closed(Listens),
    /// The configured port is open instead: the process does not know of the one it was told.
    OpenedConfigured,
    /// The same, and somebody else has it: the process says that it is in use.
    FoundInUse,
    /// Another program has opened the port.
    Lost,
    /// fc-local itself is stopping.
    Stopping,
}

/// Where a process is to listen.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Whose process it is.
    pub instance: &'a str,
    pub port: u16,
    /// What a process opens that does not know of `port`.
    pub configured: u16,
    /// Whether its network is its own, where nobody can connect before it listens.
    pub has_network: bool,
}

impl Expected<'_> {
    fn network(self, process: &Process) -> Option<Pid> {
        self.has_network.then(|| process.supervisor())
    }
}

/// Waits until `process` listens where it is expected to; the address to connect to.
pub fn wait(
    process: &Process,
    expected: Expected<'_>,
    deadline: &Deadline,
    surroundings: &Surroundings,
) -> Result<IpAddr, NotReady> {
    let port = expected.port;
    let network = expected.network(process);
    let start = Instant::now();
    let mut looks = Looks::new(process, expected, surroundings);
    loop {
        let left = deadline.left().unwrap_or(Duration::ZERO);
        let reached = match network {
            None => reach(port, left.clamp(SHORTEST_PAUSE, CONNECT_TIMEOUT)),
            Some(pid) => reach_within(port, pid),
        };
        if !matches!(reached, Reach::Nowhere) && looks.has_lost_port() {
            return Err(NotReady::Lost);
        }
        match reached {
            Reach::Nowhere => {}
            Reach::Everywhere(host) => return Ok(host),
            Reach::Loopback(host) => {
                thread::sleep(LOOPBACK_GRACE);
                return match loopback_only(port, network) {
                    None => Ok(host),
                    Some(address) => Err(NotReady::Closed(Listens::OnlyOn(address))),
                };
            }
        }
        if let Some(status) = process.exited() {
            return Err(NotReady::Exited(status));
        }
        if surroundings.is_stopping() {
            return Err(NotReady::Stopping);
        }
        let elapsed = start.elapsed();
        looks.look(elapsed)?;
        if left.is_zero() {
            return Err(looks.timed_out());
        }
        thread::sleep((elapsed / 16).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
    }
}

/// The commands of container engines, which run what they start elsewhere.
const ENGINES: [&str; 3] = ["docker", "podman", "nerdctl"];

fn has_engine(members: &[Pid]) -> bool {
    let programs = members.iter().filter_map(|pid| procfs::executable(*pid));
    programs
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .any(|name| ENGINES.contains(&&*name))
}

/// What a process does while it is waited for, looked at now and then.
struct Looks<'a> {
    process: &'a Process,
    expected: Expected<'a>,
    surroundings: &'a Surroundings,
    next_ports: Duration,
    next_words: Duration,
    /// What its author was told last.
    told: Option<Listens>,
}

impl<'a> Looks<'a> {
    fn new(process: &'a Process, expected: Expected<'a>, surroundings: &'a Surroundings) -> Looks<'a> {
        let (next_ports, next_words) = (LOOK_FOR_PORTS, LOOK_FOR_WORDS);
        Looks { process, expected, surroundings, next_ports, next_words, told: None }
    }

    /// Whether it is somebody else who listens at the port. In a network of the function's own there is nobody else,
    /// what is attached is nobody's that is known here, and a container's port is opened by its engine.
    fn has_lost_port(&self) -> bool {
        let is_anothers = || {
            let members = self.process.members();
            procfs::is_anothers(self.expected.port, &members) && !has_engine(&members)
        };
        let may_be = !self.expected.has_network && self.surroundings.debugging != Debugging::Attached;
        may_be && is_anothers() && {
            thread::sleep(HAND_OVER_GRACE);
            is_anothers()
        }
    }

    /// After so much time: whether the process goes for the configured port instead of another one that it was told.
    fn look(&mut self, elapsed: Duration) -> Result<(), NotReady> {
        let Expected { port, configured, .. } = self.expected;
        if port != configured && elapsed > self.next_words {
            self.next_words = elapsed + LOOK_FOR_WORDS;
            if self.finds_configured_in_use(elapsed) {
                return Err(NotReady::FoundInUse);
            }
        }
        if elapsed > self.next_ports {
            self.next_ports = elapsed + LOOK_FOR_PORTS;
            let listens = self.listens();
            if self.insists(&listens) {
                return Err(NotReady::OpenedConfigured);
            }
            self.tell(elapsed, listens);
        }
        Ok(())
    }

    /// One that does may try again for long. What it says of another port, or without naming one, may be of no
    /// consequence: it gets a little longer.
    fn finds_configured_in_use(&self, elapsed: Duration) -> bool {
        let configured = self.expected.configured;
        let output = self.process.output.last_lines();
        let is_said =
            in_use::is_said_of(configured, &output) || (elapsed > LOOK_FOR_PORTS && in_use::is_said(&output));
        is_said && !port::is_free(configured)
    }

    /// Where it listens instead. Nobody can connect to its port as the platform does.
    fn listens(&self) -> Listens {
        let Expected { port, .. } = self.expected;
        let network = self.expected.network(self.process);
        if let Some(address) = procfs::listeners(port, network).first() {
            return Listens::OnlyOn(*address);
        }
        let open = procfs::ports_of(&self.process.members(), network);
        if open.is_empty() { Listens::Nowhere } else { Listens::AtOtherPorts(open) }
    }

    fn insists(&self, listens: &Listens) -> bool {
        let Expected { port, configured, .. } = self.expected;
        port != configured && matches!(listens, Listens::AtOtherPorts(open) if open.contains(&configured))
    }

    /// Tells its author why nothing happens, whenever that is something else than before. Not of one that is attached or
    /// below a debugger, which may hold it and listens itself.
    fn tell(&mut self, elapsed: Duration, listens: Listens) {
        let (due, why) = match &listens {
            Listens::Nowhere => (TELL_NOWHERE, ": it listens nowhere yet".to_owned()),
            other => (TELL_PORTS, other.to_string()),
        };
        let has_just_opened = matches!(&listens, Listens::OnlyOn(address) if address.is_unspecified());
        let is_debugged = self.surroundings.debugging.is_on();
        if elapsed < due || self.told.as_ref() == Some(&listens) || has_just_opened || is_debugged {
            return;
        }
        self.process.output.drain(); // what it has printed stands before
        let text = format!("still waiting for port {}{why}", self.expected.port);
        self.surroundings.log.warn(Some(self.expected.instance), &text);
        self.told = Some(listens);
    }

    fn timed_out(&self) -> NotReady {
        let listens = self.listens();
        if self.insists(&listens) { NotReady::OpenedConfigured } else { NotReady::Closed(listens) }
    }
}

/// Whether and where a connect succeeds.
enum Reach {
    Nowhere,
    /// On an address that nobody binds by name, so on all of them.
    Everywhere(IpAddr),
    /// On a loopback address, which says nothing of the others.
    Loopback(IpAddr),
}

/// An address of this machine, as all of 127.0.0.0/8 are, that nobody binds by name: who answers here listens
/// on all interfaces.
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 83, 157, 211));

/// Three connects instead of a look into /proc/net/tcp, which takes the kernel milliseconds.
fn reach(port: u16, timeout: Duration) -> Reach {
    if connects(ANY, port, timeout) {
        return Reach::Everywhere(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    match loopback.into_iter().find(|host| connects(*host, port, timeout)) {
        None => Reach::Nowhere,
        // It may have been bound between the two.
        Some(host) if connects(ANY, port, timeout) => Reach::Everywhere(host),
        Some(host) => Reach::Loopback(host),
    }
}

/// The same in the network that the process `pid` is in, as its table says: who connects from here is answered by
/// whatever stands between.
fn reach_within(port: u16, pid: Pid) -> Reach {
    let addresses = procfs::listeners(port, Some(pid));
    let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match addresses.as_slice() {
        [] => Reach::Nowhere,
        all if all.iter().all(IpAddr::is_loopback) => Reach::Loopback(host),
        _ => Reach::Everywhere(host),
    }
}

/// The loopback address that `port` is bound to, when it is bound to no other.
fn loopback_only(port: u16, network: Option<Pid>) -> Option<IpAddr> {
    let addresses = procfs::listeners(port, network);
    addresses.iter().all(IpAddr::is_loopback).then_some(addresses.first().copied()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::listener;

    #[test]
    fn a_listener_on_all_interfaces_is_reached_everywhere() {
        let (_listener, port) = listener("0.0.0.0");
        assert!(matches!(reach(port, CONNECT_TIMEOUT), Reach::Everywhere(_)));
        assert_eq!(loopback_only(port, None), None);
    }

    #[test]
    fn a_listener_on_loopback_says_nothing_of_other_interfaces() {
        let (_listener, port) = listener("127.0.0.1");
        assert!(matches!(reach(port, CONNECT_TIMEOUT), Reach::Loopback(_)));
        assert_eq!(loopback_only(port, None), Some(Ipv4Addr::LOCALHOST.into()));
    }
}
