//! On which addresses do callers reach what `start` serves? A main one, and beside it one for the HTTP trigger of each of
//! several functions. What is behind them is not known here.

use std::iter;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Result, bail};
use fc_runtime::{Context, Error, Request, Response, Running, Server, ServerConfig};

use crate::front::{Entrance, Gateway};

/// How long a caller may pause: as long as a function may run.
const CALLER_PAUSE: Duration = Duration::from_secs(86_400);

/// How many ports are tried for an address: a machine on which so many in a row are taken has none to spare.
const ATTEMPTS: u16 = 1_000;

/// What a server is like.
pub struct Door {
    /// Calls at once.
    pub workers: usize,
    /// How long calls in flight may take at a stop.
    pub drain: Duration,
}

/// Addresses that are bound. A call that comes before there is a gateway is answered 503.
pub struct Doors {
    main: Running,
    triggers: Vec<Running>,
    gateway: Arc<OnceLock<Arc<Gateway>>>,
}

impl Doors {
    /// Binds the main address.
    pub fn bind(address: SocketAddr, door: &Door) -> Result<Doors, Error> {
        let gateway = Arc::default();
        Ok(Doors { main: server(address, Entrance::Main, door, &gateway)?, triggers: Vec::new(), gateway })
    }

    /// Binds one more address, for a trigger: the next port after the last that is free and none of `reserved`.
    pub fn bind_trigger(&mut self, door: &Door, reserved: &[u16]) -> Result<()> {
        let last = self.triggers.last().unwrap_or(&self.main).local_addr();
        let ports = (last.port().saturating_add(1)..=u16::MAX).take(ATTEMPTS.into());
        for port in ports.filter(|port| !reserved.contains(port)) {
            let entrance = Entrance::Trigger(self.triggers.len());
            if let Ok(server) = server(SocketAddr::new(last.ip(), port), entrance, door, &self.gateway) {
                self.triggers.push(server);
                return Ok(());
            }
        }
        bail!("no port after {last} is free for the HTTP trigger of a function; choose others with --listen");
    }

    pub fn main_address(&self) -> SocketAddr {
        self.main.local_addr()
    }

    /// Where the trigger at `place` of all functions is: on the main address when it has none of its own.
    pub fn trigger_address(&self, place: usize) -> SocketAddr {
        self.triggers.get(place).unwrap_or(&self.main).local_addr()
    }

    /// Callers are answered by `gateway` from now on.
    pub fn open(&self, gateway: Arc<Gateway>) {
        let _ = self.gateway.set(gateway); // nobody else opens them
    }

    /// Takes no more calls; those in flight are finished.
    pub fn stop(&self) {
        self.all().for_each(Running::stop);
    }

    /// Waits until all have stopped; the first thing that went wrong.
    pub fn join(&self) -> Result<(), Error> {
        let ends: Vec<Result<(), Error>> = self.all().map(Running::join).collect();
        ends.into_iter().collect()
    }

    fn all(&self) -> impl Iterator<Item = &Running> {
        iter::once(&self.main).chain(&self.triggers)
    }
}

/// The platform's own limits are answered in the platform's own words, not in the server's.
fn server(
    address: SocketAddr,
    entrance: Entrance,
    door: &Door,
    gateway: &Arc<OnceLock<Arc<Gateway>>>,
) -> Result<Running, Error> {
    let config = ServerConfig::default()
        .address(address)
        .hooks(false)
        .max_workers(door.workers)
        .max_body(u64::MAX)
        .body_timeout(CALLER_PAUSE)
        .drain_timeout(door.drain);
    let gateway = Arc::clone(gateway);
    let answer = move |_: &Context, request: Request<'_>| {
        let gateway: Option<&Arc<Gateway>> = gateway.get();
        Ok(gateway.map_or_else(|| Response::new(503), |gateway| gateway.serve(entrance, request)))
    };
    Server::bind_fn(config, answer)?.start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_are_on_the_next_ports_that_no_function_asks_for() {
        let door = Door { workers: 1, drain: Duration::ZERO };
        let mut doors = Doors::bind(([127, 0, 0, 1], 0).into(), &door).expect("an address");
        let main = doors.main_address();
        let reserved: Vec<u16> = (1..=3).map(|after| main.port().saturating_add(after)).collect();
        for _ in 0..2 {
            doors.bind_trigger(&door, &reserved).expect("an address");
        }
        let [first, second] = [0, 1].map(|place| doors.trigger_address(place));
        assert_eq!((first.ip(), second.ip()), (main.ip(), main.ip()));
        assert!(first.port() > main.port() + 3 && second.port() > first.port(), "{main} {first} {second}");
        assert_eq!(doors.trigger_address(2), main, "one without an address of its own");
        doors.stop();
        assert!(doors.join().is_ok());
    }
}
