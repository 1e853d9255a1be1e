//! Which ports are spoken for? A port that an instance is told is not told another one, of whichever function, until the
//! first has gone: two that start at once would both find it free. Which port is open is not known here.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::sync::Mutex;

/// The ports that instances have been told.
#[derive(Default)]
pub struct Ports(Mutex<BTreeSet<u16>>);

/// A port that is one instance's until this is dropped.
pub struct ClaimedPort {
    ports: Arc<Ports>,
    port: u16,
}

impl Ports {
    /// The port, unless it is another instance's.
    pub fn claim(ports: &Arc<Ports>, port: u16) -> Option<ClaimedPort> {
        ports.0.lock().insert(port).then(|| ClaimedPort { ports: Arc::clone(ports), port })
    }

    pub fn is_claimed(&self, port: u16) -> bool {
        self.0.lock().contains(&port)
    }
}

impl Drop for ClaimedPort {
    fn drop(&mut self) {
        self.ports.0.lock().remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_instances_until_that_has_gone() {
        let ports = Arc::default();
        let first = Ports::claim(&ports, 9000).expect("free");
        assert!(Ports::claim(&ports, 9000).is_none() && ports.is_claimed(9000));
        let other = Ports::claim(&ports, 9001);
        drop(first);
        assert!(Ports::claim(&ports, 9000).is_some() && other.is_some());
        assert!(!ports.is_claimed(9000) && ports.is_claimed(9001));
    }
}
