//! A server: its listening socket, and how it starts and stops. Nothing below is generic over the author's type,
//! so that all of it is compiled once. Signals and the process are not its business.

use crate::api::{Context, Error, Function, Request, Response, ServerConfig, Stats};
use crate::contain::report;
use crate::net::listen;
use crate::platform::Lifecycle;
use crate::serve::{OnSignal, Serving};
use crate::sync::{Arc, Mutex, OnUnwind, OnceEvent, ThreadId, panicking, spawn, thread_id};
use log::Level;
use std::net::SocketAddr;

/// A server for one function, inside a program of your own. It owns its sockets and threads and
/// nothing else: no signal handlers, no exit, no environment unless asked, no process-wide state.
/// Several live in one process.
///
/// ```
/// use fc_runtime::{Server, ServerConfig};
/// use std::{io::{Read, Write}, net::TcpStream};
///
/// let config = ServerConfig::default().address(([127, 0, 0, 1], 0));
/// let running = Server::bind_fn(config, |_, _| Ok("Hello, World!".into()))?.start()?;
///
/// let mut client = TcpStream::connect(running.local_addr())?;
/// client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
/// let mut response = String::new();
/// client.read_to_string(&mut response)?;
/// assert!(response.ends_with("Hello, World!"));
///
/// running.stop();
/// running.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    serving: Serving,
    address: SocketAddr,
    stack_size: usize,
}

impl Server {
    /// Listens for a function that `initialize` makes: [`Function::initialize`] itself
    /// (`Server::bind(config, Orders::initialize)`), or a closure that takes things of the program along.
    /// From here on connections queue up; [`start`](Server::start) serves them.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for an option, or a variable of the [environment](ServerConfig::from_env), that means
    /// nothing, [`Error::Bind`] when the address cannot be listened on, [`Error::Start`] when the system
    /// refuses a descriptor.
    pub fn bind<F, I>(config: ServerConfig, initialize: I) -> Result<Server, Error>
    where
        F: Function,
        I: Fn(&Context) -> anyhow::Result<F> + Send + Sync + 'static,
    {
        Server::listen(config, Lifecycle::of(initialize))
    }

    /// As [`bind`](Server::bind), for a function without state or hooks of its own.
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn bind_fn<I>(config: ServerConfig, invoke: I) -> Result<Server, Error>
    where
        I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
    {
        Server::listen(config, Lifecycle::of_fn(invoke))
    }

    pub(crate) fn listen(mut config: ServerConfig, lifecycle: Lifecycle) -> Result<Server, Error> {
        config.check()?;
        let bind_error = |source| Error::Bind { address: config.address, source };
        let listener = listen(config.address).map_err(bind_error)?;
        let address = match config.address.port() {
            0 => listener.local_addr().map_err(bind_error)?,
            _ => config.address,
        };
        let stack_size = config.stack_size;
        let serving = Serving::new(config, lifecycle, listener)?;
        Ok(Server { serving, address, stack_size })
    }

    /// Serves on threads of its own, until it is stopped.
    ///
    /// # Errors
    /// [`Error::Start`] when the system gives no thread.
    pub fn start(self) -> Result<Running, Error> {
        self.serving.start()?;
        let (address, stack_size) = (self.address, self.stack_size);
        let end = End {
            thread: Mutex::default(),
            error: Mutex::default(),
            stats: Mutex::new(StatsOf::Serving(self.serving.clone())),
            has_come: OnceEvent::default(),
        };
        let serving = Arc::new(Mutex::new(Some(self.serving)));
        Ok(Running { address, stack_size, serving, end: Arc::new(end) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stack_size(&self) -> usize {
        self.stack_size
    }

    /// Serves until a signal, see [`Serving::run`].
    pub(crate) fn run(self, on_signal: OnSignal) -> Result<(), Error> {
        self.serving.run(on_signal)
    }
}

/// A server that serves. It stops when this is dropped, which waits for it (for
/// [`drain_timeout`](ServerConfig::drain_timeout) at the most, and 3 s for `pre_stop`); a thread that panics does not
/// wait. Dropped by a call that it serves, it waits for that call until the time is up.
///
/// Shared by reference or in an `Arc`, it can be stopped by one thread while another one waits in
/// [`join`](Running::join).
pub struct Running {
    address: SocketAddr,
    stack_size: usize,
    /// Until it is stopped.
    serving: Arc<Mutex<Option<Serving>>>,
    end: Arc<End>,
}

/// How it ended, once it has.
struct End {
    /// Brings it about. It drops the function, which may have been given this server's last handle.
    thread: Mutex<Option<ThreadId>>,
    /// Until somebody is told.
    error: Mutex<Option<Error>>,
    stats: Mutex<StatsOf>,
    has_come: OnceEvent,
}

/// Whose figures they are. It lets go of what serves when that ends, and with it of the function.
enum StatsOf {
    Serving(Serving),
    Ended(Box<Stats>),
}

impl Running {
    /// Where the server listens; with port 0 in the configuration, the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server, as SIGTERM stops a process: the listener is closed, requests in flight are answered,
    /// `pre_stop` runs. Returns at once (where the system has no thread to give: when all of that is done), and does no
    /// harm when it is stopped already.
    pub fn stop(&self) {
        if self.serving.lock().is_none() {
            return;
        }
        let (serving, end) = (self.serving.clone(), self.end.clone());
        let drain = move || {
            let taken = serving.lock().take();
            if let Some(serving) = taken {
                end.bring(serving);
            }
        };
        if spawn("fc-drain", self.stack_size, drain.clone()).is_err() {
            drain(); // without a thread to spare, on this one
        }
    }

    /// What the server has done, and does now. Any thread may ask, as often as it likes; it takes a few microseconds, and is no
    /// request's time. Once the server has ended, the figures are its last.
    ///
    /// ```
    /// # use fc_runtime::{Server, ServerConfig};
    /// # let config = ServerConfig::default().address(([127, 0, 0, 1], 0));
    /// let running = Server::bind_fn(config, |_, _| Ok("Hello, World!".into()))?.start()?;
    /// let stats = running.stats();
    /// assert_eq!((stats.requests, stats.connections), (0, 0));
    /// # Ok::<(), fc_runtime::Error>(())
    /// ```
    pub fn stats(&self) -> Stats {
        match &*self.end.stats.lock() {
            StatsOf::Serving(serving) => serving.stats(),
            StatsOf::Ended(stats) => Stats::clone(stats),
        }
    }

    /// Waits until the server has [stopped](Running::stop); without anybody who stops it, for ever.
    ///
    /// # Errors
    /// [`Error::DrainTimeout`] when invocations outlasted [`drain_timeout`](ServerConfig::drain_timeout): their
    /// connections are cut, and their threads go on until the function returns. [`Error::PreStop`] when that
    /// failed or was not done in time. The first one who waits is told; both are in the log too.
    pub fn join(&self) -> Result<(), Error> {
        self.end.has_come.wait();
        self.end.error.lock().take().map_or(Ok(()), Err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        let is_own_end = *self.end.thread.lock() == Some(thread_id());
        if !panicking() && !is_own_end {
            self.end.has_come.wait(); // that its drain failed is in the log
        }
    }
}

impl End {
    fn bring(&self, serving: Serving) {
        let unwinding = OnUnwind::new(|| self.has_come.set());
        *self.thread.lock() = Some(thread_id());
        let outcome = serving.drain().inspect_err(|error| report!(Level::Error, "{error}"));
        serving.end();
        let last = StatsOf::Ended(Box::new(serving.stats()));
        *self.stats.lock() = last;
        drop(serving); // and with it the function
        *self.error.lock() = outcome.err();
        unwinding.disarm();
        self.has_come.set();
    }
}
