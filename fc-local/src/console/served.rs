//! The functions that are served, as the console sees them. How callers reach them is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::front::Timers;
use crate::record::Recorder;
use crate::scaling::Platform;

/// What the console is about.
pub struct Served {
    pub functions: Vec<ServedFunction>,
    /// Who fires their timers, unless nobody does.
    pub timers: Option<Arc<Timers>>,
    /// Where the API is.
    pub main: SocketAddr,
    pub recorder: Arc<Recorder>,
    /// Where the console is.
    pub address: SocketAddr,
}

pub struct ServedFunction {
    pub platform: Arc<Platform>,
    /// Where its HTTP trigger is.
    pub address: SocketAddr,
}

impl Served {
    pub fn find(&self, name: &str) -> Option<&ServedFunction> {
        self.functions.iter().find(|served| served.platform.function().name == name)
    }
}

/// Where this machine reaches an address that may stand for all of its own.
pub fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}
