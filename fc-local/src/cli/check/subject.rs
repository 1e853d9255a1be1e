//! The function under test: an instance when one is needed, and the requests that are made to it. What is
//! asked is not known here.

use std::fmt;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::front::HttpCall;
use crate::function::Function;
use crate::instance::client::{Deadline, Error, Patience, Pool, RequestBody, RequestHead};
use crate::instance::port::Lease;
use crate::instance::{
    self, IgnoresPort, Instance, NotStarted, StartError, Surroundings, Where, headers, port,
};

/// One request id for all probes, so that replies that repeat it can be compared.
pub const REQUEST_ID: &str = "1-00000000-00000000-000000000000";

/// The largest reply that is read.
const MAX_REPLY: u64 = 64 * 1024 * 1024;

/// The bounds of a connection outside any pool.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The function's reply to a probe.
#[derive(PartialEq, Eq, Debug)]
pub struct ProbeReply {
    pub status: u16,
    pub body: Vec<u8>,
    /// The function's own `x-fc-status`.
    pub failed: bool,
}

/// Why there is no instance.
pub enum NotServing {
    /// The port that it insists on is another program's.
    PortTaken(u16, IgnoresPort),
    NotStarted(NotStarted),
    IgnoresPort(IgnoresPort),
    /// Somebody else was faster to open it.
    PortLost,
    Stopping,
}

impl From<StartError> for NotServing {
    fn from(error: StartError) -> NotServing {
        match error {
            StartError::NotStarted(not_started) => NotServing::NotStarted(not_started),
            StartError::IgnoresPort(ignores) => NotServing::IgnoresPort(ignores),
            StartError::PortLost(_) | StartError::NoNetwork(_) => NotServing::PortLost,
            StartError::Stopping => NotServing::Stopping,
        }
    }
}

impl fmt::Display for NotServing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotServing::PortTaken(port, ignores) => {
                write!(f, "port {port} is taken by another program, and {ignores}; free it and check again")
            }
            NotServing::NotStarted(not_started) => not_started.fmt(f),
            NotServing::IgnoresPort(ignores) => ignores.fmt(f),
            NotServing::PortLost => {
                f.write_str("another program opened its port meanwhile; choose another one with --port")
            }
            NotServing::Stopping => f.write_str("the platform is stopping"),
        }
    }
}

pub struct Subject {
    pub function: Arc<Function>,
    surroundings: Arc<Surroundings>,
    instance: Option<Arc<Instance>>,
    /// Why nothing can be said of the function.
    pub obstacle: Option<String>,
    /// Its Initializer has failed, which is known by then: an instance does without.
    pub skips_initializer: bool,
    /// Whether a connection that is open keeps others from being served.
    pub serves_one_connection: bool,
}

impl Subject {
    pub fn new(surroundings: Arc<Surroundings>, function: Function) -> Subject {
        Subject {
            function: Arc::new(function),
            surroundings,
            instance: None,
            obstacle: None,
            skips_initializer: false,
            serves_one_connection: false,
        }
    }

    /// Starts a new instance, without its Initializer.
    pub fn start(&mut self) -> Result<Arc<Instance>, NotServing> {
        self.stop();
        let configured = self.function.port;
        let is_free = port::is_free(configured);
        // Held until it is open.
        let lease = if is_free { None } else { Lease::any() };
        let port = lease.as_ref().map_or(configured, Lease::port);
        let started = instance::start(&self.surroundings, &self.function, Where::Told(port));
        let instance = match started.map_err(NotServing::from) {
            Ok(instance) => Arc::new(instance),
            Err(NotServing::IgnoresPort(ignores)) if !is_free => {
                return Err(NotServing::PortTaken(configured, ignores));
            }
            Err(reason) => return Err(reason),
        };
        self.instance = Some(Arc::clone(&instance));
        Ok(instance)
    }

    /// The instance; a new one, initialized, when the last has gone.
    pub fn instance(&mut self) -> Result<Arc<Instance>, String> {
        let running = self.instance.as_ref().filter(|instance| instance.process.exited().is_none());
        if let Some(instance) = running {
            return Ok(Arc::clone(instance));
        }
        let instance = self.start().map_err(|reason| reason.to_string())?;
        if !self.skips_initializer {
            instance.initialize().map_err(|error| error.message)?;
        }
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
            instance.end(Duration::ZERO);
        }
    }

    /// One request as the platform sends it.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        control_path: &str,
        body: RequestBody<'_>,
    ) -> Result<ProbeReply, String> {
        let instance = self.instance()?;
        send(&instance, &instance.pool, method, path, control_path, body, self.function.timeout)
    }

    /// A plain event; what every probe ends with, to see that the function still serves.
    pub fn still_serves(&mut self) -> Result<(), String> {
        if !self.is_alive() {
            return Err("the process has exited".to_owned());
        }
        // A pooled connection may have been closed meanwhile; whether that happens is a probe of its own.
        let mut send = || self.send("POST", "/invoke", "/invoke", RequestBody::Bytes(b"{}")).map(drop);
        send().or_else(|_| send())
    }

    /// A connection of its own, outside any pool.
    fn connect(&mut self) -> Result<TcpStream, String> {
        let address = self.instance()?.pool.address();
        self.make_room();
        connect(address).map_err(|error| format!("cannot connect: {error}"))
    }

    /// The same, and `rest` sent on it behind the head of a request, which is without its framing.
    pub fn begin(
        &mut self,
        method: &str,
        path: &str,
        control_path: &str,
        rest: &[u8],
    ) -> Result<TcpStream, String> {
        let head = head(&*self.instance()?, method, path, control_path);
        let mut stream = self.connect()?;
        stream.write_all(&[&head.bytes, rest].concat()).map_err(|error| error.to_string())?;
        Ok(stream)
    }
}

/// However a check ends, its function has gone then.
impl Drop for Subject {
    fn drop(&mut self) {
        self.stop();
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    stream.set_write_timeout(Some(READ_TIMEOUT))?;
    Ok(stream)
}

/// The head of a request as the platform sends it, whether it is its own or one of the HTTP trigger's.
pub fn head(instance: &Instance, method: &str, path: &str, control_path: &str) -> RequestHead {
    if control_path != "/http-invoke" {
        return headers::request(method, path, Some(control_path), REQUEST_ID, &instance.common_headers);
    }
    let mut fields = vec![("host", b"127.0.0.1".as_slice())];
    if method == "POST" {
        fields.push(("content-type", b"application/octet-stream"));
    }
    HttpCall::made_here(method, path, fields).head(instance, REQUEST_ID)
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
) -> Result<ProbeReply, String> {
    let head = head(instance, method, path, control_path);
    let mut reply =
        pool.send(&head, body, &Patience::of(Deadline::after(timeout))).map_err(|error| match error {
            Error::TimedOut => format!("no answer within {} s", timeout.as_secs()),
            error => error.to_string(),
        })?;
    let failed = headers::failure_status(&reply.headers).is_some();
    let status = reply.status;
    let body = reply.body.read_all(MAX_REPLY).map_err(|error| format!("its answer broke off: {error}"))?;
    Ok(ProbeReply { status, body, failed })
}
