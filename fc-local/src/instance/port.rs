//! Which port may an instance have? One that nobody listens on and that no other instance has been told. Whether it
//! opens it is seen in `readiness.rs`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::sync::Mutex;

/// A port of the ephemeral range can be connected to itself while nobody listens: that does not count.
pub fn connects(host: IpAddr, port: u16, timeout: Duration) -> bool {
    TcpStream::connect_timeout(&SocketAddr::new(host, port), timeout)
        .is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
}

/// Whether nobody on this machine listens on `port`.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// The ports that instances of this process have been told, whichever function's they are. One that has not opened its
/// port yet leaves it free for the system.
static LEASED: Mutex<Vec<u16>> = Mutex::new(Vec::new());

/// A port for one instance; nobody else of this process is given it until this is dropped.
#[derive(Debug)]
pub struct Lease(u16);

impl Lease {
    /// `port`, unless it is another's.
    pub fn of(port: u16) -> Option<Lease> {
        let mut leased = LEASED.lock();
        if leased.contains(&port) || !is_free(port) {
            return None;
        }
        leased.push(port);
        Some(Lease(port))
    }

    /// A free port below the range that outgoing connections are given, so that none of them takes it meanwhile.
    pub fn any() -> Option<Lease> {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let end: u16 = range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32768);
        let start = 20_000_u16.min(end.saturating_sub(1000));
        // Several fc-local on one machine begin at different places.
        let offset = u16::try_from(std::process::id() % 8192).unwrap_or(0);
        let span = end.saturating_sub(start).max(1);
        (0..span).find_map(|step| Lease::of(start + offset.wrapping_add(step) % span))
    }

    pub fn port(&self) -> u16 {
        self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut leased = LEASED.lock();
        if let Some(at) = leased.iter().position(|port| *port == self.0) {
            leased.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::listener;

    #[test]
    fn a_port_that_somebody_listens_on_is_not_free() {
        let (_listener, port) = listener("0.0.0.0");
        assert!(!is_free(port));
    }

    #[test]
    fn a_port_is_one_instances_until_that_is_gone() {
        let first = Lease::any().expect("a free port");
        let second = Lease::any().expect("another one");
        assert_ne!(first.port(), second.port());
        assert!(Lease::of(first.port()).is_none(), "whether or not it has opened it");
        let port = first.port();
        drop(first);
        assert!(Lease::of(port).is_some());
        let (_listener, port) = listener("0.0.0.0");
        assert!(Lease::of(port).is_none(), "another program's");
    }
}
