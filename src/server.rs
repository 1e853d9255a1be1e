//! A server: its listening socket, and how it starts and stops. Nothing below is generic over the author's type,
//! so that all of it is compiled once. Signals and the process are not its business.

use crate::api::{Context, Error, Function, Request, Response, ServerConfig};
use crate::net::listen;
use crate::platform::{DynFunction, Lifecycle};
use crate::serve::Serving;
use crate::sync::{Arc, OnceEvent};
use std::io::PipeReader;
use std::net::SocketAddr;

/// A server for one function, inside a program of your own. It owns its sockets and threads and
/// nothing else: no signal handlers, no exit, no environment, no process-wide state. Several live
/// in one process.
///
/// ```
/// use fc_runtime::{Server, ServerConfig};
/// use std::{io::{Read, Write}, net::TcpStream, thread};
///
/// let config = ServerConfig::default().address(([127, 0, 0, 1], 0).into());
/// let server = Server::bind_fn(config, |_, _| Ok("Hello, World!".into()))?;
/// let (address, stopper) = (server.local_addr(), server.stopper());
/// let running = thread::spawn(move || server.run());
///
/// let mut client = TcpStream::connect(address)?;
/// client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
/// let mut response = String::new();
/// client.read_to_string(&mut response)?;
/// assert!(response.ends_with("Hello, World!"));
///
/// drop(client); // it would be waited for
/// stopper.stop();
/// running.join().expect("no panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    serving: Serving,
    address: SocketAddr,
    stop: Arc<OnceEvent>,
}

/// Stops a [`Server`] from anywhere, as SIGTERM stops a process: requests in flight are answered,
/// `pre_stop` runs, and `run` returns.
#[derive(Clone)]
pub struct Stopper {
    stop: Arc<OnceEvent>,
}

impl Stopper {
    /// Asks the server to stop, and returns at once. Asking twice, or before
    /// [`run`](Server::run), does no harm.
    pub fn stop(&self) {
        self.stop.set();
    }
}

impl Server {
    /// Listens for `F`. From here on connections queue up; [`run`](Server::run) serves them.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system refuses a descriptor.
    pub fn bind<F: Function>(config: ServerConfig) -> Result<Server, Error> {
        Server::bind_with(config, F::initialize)
    }

    /// As [`bind`](Server::bind), with an initializer that takes things of the program along: it
    /// takes the place of `F::initialize`.
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn bind_with<F, I>(config: ServerConfig, initialize: I) -> Result<Server, Error>
    where
        F: Function,
        I: Fn(&Context) -> anyhow::Result<F> + Send + Sync + 'static,
    {
        let initializer = move |context: &Context| Ok(Arc::new(initialize(context)?) as Arc<dyn DynFunction>);
        Server::listen(config, Lifecycle::new(Box::new(initializer)))
    }

    /// As [`bind`](Server::bind), for a function without state or hooks of its own.
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn bind_fn<I>(config: ServerConfig, invoke: I) -> Result<Server, Error>
    where
        I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
    {
        let instance: Arc<dyn DynFunction> = Arc::new(Closure(invoke));
        Server::listen(config, Lifecycle::new(Box::new(move |_| Ok(instance.clone()))))
    }

    fn listen(config: ServerConfig, lifecycle: Lifecycle) -> Result<Server, Error> {
        let bind_error = |source| Error::Bind { address: config.address, source };
        let listener = listen(config.address).map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let serving = Serving::new(config, lifecycle, listener)
            .map_err(|source| Error::Start { what: "readiness set", source })?;
        log::debug!("listening on {address}");
        Ok(Server { serving, address, stop: Arc::default() })
    }

    /// Where the server listens; with port 0 in the configuration, the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops this server.
    pub fn stopper(&self) -> Stopper {
        Stopper { stop: self.stop.clone() }
    }

    /// Serves until a [`Stopper`] stops it and everything in flight is answered.
    ///
    /// # Errors
    /// [`Error::DrainTimeout`] when invocations outlast
    /// [`drain_timeout`](ServerConfig::drain_timeout): their connections are cut, and their
    /// threads are yours. [`Error::Start`] when the system gives no thread.
    pub fn run(self) -> Result<(), Error> {
        self.serving.start()?;
        self.stop.wait();
        let outcome = self.serving.drain();
        self.serving.end();
        outcome
    }

    /// Serves on the calling thread too. `on_stop` is called once something can be read from `signals`, on a
    /// thread that serves: it has another one drain and end it, and then this returns.
    pub(crate) fn run_here(
        self,
        signals: &PipeReader,
        on_stop: impl FnOnce(Serving) + Send + 'static,
    ) -> Result<(), Error> {
        self.serving.run(signals, on_stop)
    }
}

/// A closure as a function.
struct Closure<I>(I);

impl<I> DynFunction for Closure<I>
where
    I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync,
{
    fn invoke(&self, context: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        (self.0)(context, request)
    }
}
