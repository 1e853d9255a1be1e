//! When is an instance's port open? Ready is a TCP connect that succeeds, on an address the platform can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::process::Process;
use crate::instance::procfs;

/// A server that binds loopback first and all interfaces right after is given this long.
const LOOPBACK_GRACE: Duration = Duration::from_millis(100);

/// Every so often a process is asked whether it has opened another port than its own; a look takes milliseconds.
const LOOK_FOR_PORTS: Duration = Duration::from_secs(1);

/// Why the port is of no use.
pub enum NotReady {
    Exited(ExitStatus),
    /// Listens where the platform cannot reach it.
    Unreachable(IpAddr),
    /// Not open in time; the ports that are open instead.
    TimedOut(Vec<u16>),
    /// fc-local itself is stopping.
    Stopping,
}

/// What a process is waited for.
pub struct Wanted<'a> {
    pub port: u16,
    /// What it opens when it does not know of `port`.
    pub configured: u16,
    pub timeout: Duration,
    pub stopping: &'a AtomicBool,
}

/// Waits until `process` listens on its port; the address to connect to.
pub fn wait(process: &Process, wanted: &Wanted<'_>) -> Result<IpAddr, NotReady> {
    let (start, port) = (Instant::now(), wanted.port);
    let mut next_look = LOOK_FOR_PORTS;
    loop {
        match reach(port) {
            Reach::Nowhere => {}
            Reach::Everywhere(host) => return Ok(host),
            Reach::Loopback(host) => {
                thread::sleep(LOOPBACK_GRACE);
                match loopback_only(port) {
                    None => return Ok(host),
                    Some(address) => return Err(NotReady::Unreachable(address)),
                }
            }
        }
        if let Some(status) = process.exited() {
            return Err(NotReady::Exited(status));
        }
        if wanted.stopping.load(Ordering::SeqCst) {
            return Err(NotReady::Stopping);
        }
        let elapsed = start.elapsed();
        if port != wanted.configured && elapsed > next_look {
            next_look += LOOK_FOR_PORTS;
            let open = procfs::ports_of(&procfs::group_members(process.pid));
            if open.contains(&wanted.configured) && !open.contains(&port) {
                return Err(NotReady::TimedOut(open));
            }
        }
        if elapsed > wanted.timeout {
            // Open, and not on the address that stands for the platform's side here.
            if let Some(address) = procfs::listeners(port).first() {
                return Err(NotReady::Unreachable(*address));
            }
            return Err(NotReady::TimedOut(procfs::ports_of(&procfs::group_members(process.pid))));
        }
        // A fast start is met within 100 µs, a slow one does not cost a core.
        thread::sleep((elapsed / 16).clamp(Duration::from_micros(100), Duration::from_millis(10)));
    }
}

/// Whether and where a connect succeeds.
enum Reach {
    Nowhere,
    /// On an address nobody binds by name, so on all of them.
    Everywhere(IpAddr),
    /// On a loopback address, which says nothing of the others.
    Loopback(IpAddr),
}

/// All of 127.0.0.0/8 is this machine: who answers here listens on all interfaces.
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 83, 157, 211));

/// Three connects instead of a look into /proc/net/tcp, which takes the kernel milliseconds.
fn reach(port: u16) -> Reach {
    if connects(ANY, port) {
        return Reach::Everywhere(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    match loopback.into_iter().find(|host| connects(*host, port)) {
        None => Reach::Nowhere,
        // It may have been bound between the two.
        Some(host) if connects(ANY, port) => Reach::Everywhere(host),
        Some(host) => Reach::Loopback(host),
    }
}

/// A port of the ephemeral range can be connected to itself while nobody listens: that does not count.
fn connects(host: IpAddr, port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::new(host, port), Duration::from_secs(1))
        .is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
}

/// The loopback address `port` is bound to, when it is bound to no other.
fn loopback_only(port: u16) -> Option<IpAddr> {
    let addresses = procfs::listeners(port);
    addresses.iter().all(IpAddr::is_loopback).then_some(addresses.first().copied()).flatten()
}

/// Whether nobody on this machine listens on `port`.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// A free port below the range that outgoing connections are given, so that none of them takes it meanwhile.
pub fn free_port(taken: &[u16]) -> Option<u16> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let end: u16 = range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32768);
    let start = 20_000_u16.min(end.saturating_sub(1000));
    // Several fc-local on one machine begin at different places.
    let offset = u16::try_from(std::process::id() % 8192).unwrap_or(0);
    let span = end.saturating_sub(start).max(1);
    (0..span)
        .map(|step| start + offset.wrapping_add(step) % span)
        .find(|port| !taken.contains(port) && is_free(*port))
}
