//! The function under test: an instance when one is needed, and the requests that are made to it.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::function::Function;
use crate::instance::client::{Patience, Pool, RequestBody};
use crate::instance::headers;
use crate::instance::{self, Instance, StartError, Surroundings};

/// One for all probes, so that answers that repeat it can be compared.
const REQUEST_ID: &str = "1-00000000-00000000-000000000000";

/// An answer to a probe.
#[derive(PartialEq, Eq, Debug)]
pub struct Answered {
    pub status: u16,
    pub body: Vec<u8>,
    /// The function's own `x-fc-status`.
    pub failed: bool,
}

pub struct Subject {
    pub function: Arc<Function>,
    surroundings: Arc<Surroundings>,
    instance: Option<Arc<Instance>>,
    /// What else is open keeps it from serving.
    pub serves_one_connection: bool,
}

impl Subject {
    pub fn new(surroundings: Arc<Surroundings>, function: Function) -> Subject {
        Subject { function: Arc::new(function), surroundings, instance: None, serves_one_connection: false }
    }

    /// Starts a new instance, without its Initializer.
    pub fn start(&mut self) -> Result<Arc<Instance>, String> {
        self.stop();
        let port = self.function.port;
        if !instance::port::is_free(port) {
            return Err(format!("port {port} is taken by another program; choose another one with --port"));
        }
        let started = instance::start(&self.surroundings, &self.function, port);
        let instance = Arc::new(started.map_err(|error| match error {
            StartError::NotStarted(not_started) => not_started.to_string(),
            StartError::IgnoresPort(ignores) => ignores.to_string(),
            StartError::Stopping => "the platform is stopping".to_owned(),
        })?);
        self.instance = Some(Arc::clone(&instance));
        Ok(instance)
    }

    /// The instance, initialized; a new one when the last has gone.
    pub fn instance(&mut self) -> Result<Arc<Instance>, String> {
        if let Some(instance) = self.instance.as_ref().filter(|instance| instance.process.exited().is_none())
        {
            return Ok(Arc::clone(instance));
        }
        let instance = self.start()?;
        instance.initialize().map_err(|error| error.message)?;
        Ok(instance)
    }

    /// Closes what is idle where a connection of one's own would have to wait for it.
    pub fn make_room(&self) {
        if let Some(instance) = self.instance.as_ref().filter(|_| self.serves_one_connection) {
            instance.pool.reset();
        }
    }

    pub fn is_alive(&self) -> bool {
        self.instance.as_ref().is_some_and(|instance| instance.process.exited().is_none())
    }

    pub fn stop(&mut self) {
        if let Some(instance) = self.instance.take() {
            instance.process.end(Duration::ZERO);
        }
    }

    /// One request as the platform sends it.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        control_path: &str,
        body: RequestBody<'_>,
    ) -> Result<Answered, String> {
        let instance = self.instance()?;
        send(&instance, &instance.pool, method, path, control_path, body, self.function.timeout)
    }

    /// A plain event; what every test ends with, to see that the function still serves.
    pub fn still_serves(&mut self) -> Result<(), String> {
        if !self.is_alive() {
            return Err("the process has exited".to_owned());
        }
        // A pooled connection may have been closed meanwhile; whether that happens is a test of its own.
        let mut send = || self.send("POST", "/invoke", "/invoke", RequestBody::Bytes(b"{}")).map(drop);
        send().or_else(|_| send())
    }

    /// A connection of its own, outside any pool.
    pub fn connect(&mut self) -> Result<TcpStream, String> {
        let address = self.instance()?.pool.address();
        self.make_room();
        connect(address).map_err(|error| format!("cannot connect: {error}"))
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(3))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

/// One request over `pool`.
pub fn send(
    instance: &Instance,
    pool: &Pool,
    method: &str,
    path: &str,
    control_path: &str,
    body: RequestBody<'_>,
    timeout: Duration,
) -> Result<Answered, String> {
    let head = headers::request(method, path, Some(control_path), REQUEST_ID, &instance.common_headers);
    let mut reply =
        pool.send(&head, body, &Patience::until(Instant::now() + timeout)).map_err(|error| match error {
            crate::instance::client::Error::TimedOut => format!("no answer within {} s", timeout.as_secs()),
            error => error.to_string(),
        })?;
    let failed = headers::failure_status(&reply.headers).is_some();
    let status = reply.status;
    let body = reply.body.read_all(64 << 20).map_err(|error| format!("its answer broke off: {error}"))?;
    Ok(Answered { status, body, failed })
}
