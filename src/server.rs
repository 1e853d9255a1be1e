//! A server: its listening socket, and how it starts and stops. Signals and exit codes are here for
//! `serve`, and nowhere else.

use crate::api::config::ServerConfig;
use crate::api::context::Context;
use crate::api::error::Error;
use crate::api::function::Function;
use crate::api::request::Request;
use crate::api::response::Response;
use crate::platform::lifecycle::{Instance, Lifecycle};
use crate::serve::drain::{close, drain};
use crate::serve::engine::Shared;
use crate::serve::worker::work;
use crate::sync::Latch;
use crate::threads::pool::Duty;
use rustix::net::sockopt::{set_socket_keepalive, set_socket_send_buffer_size, set_tcp_nodelay};
#[cfg(target_os = "linux")]
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt::set_socket_reuseaddr};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, PipeReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{process, thread};

/// The system caps it at its own limit (Linux: 4,096); std's 128 loses bursts.
const BACKLOG: i32 = 4096;

/// What the system takes of a response before the peer does. Left to itself, Linux takes 4 MB for
/// each slow reader, which counts as this instance's memory; half a gigabyte per second needs less
/// than this as long as the gateway is half a millisecond away.
const SEND_BUFFER: usize = 256 * 1024;

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
/// stopper.stop();
/// running.join().expect("no panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Arc<Latch>,
}

/// Stops a [`Server`] from anywhere, as SIGTERM stops a process: requests in flight are answered,
/// `pre_stop` runs, and `run` returns.
#[derive(Clone)]
pub struct Stopper {
    request: Arc<Latch>,
}

impl Stopper {
    /// Asks the server to stop, and returns at once. Asking twice, or before
    /// [`run`](Server::run), does no harm.
    pub fn stop(&self) {
        self.request.open();
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
        Server::listen(
            config,
            Lifecycle::new(Box::new(move |context| Ok(Arc::new(initialize(context)?) as Arc<dyn Instance>))),
        )
    }

    /// As [`bind`](Server::bind), for a function without state or hooks of its own.
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn bind_fn<I>(config: ServerConfig, invoke: I) -> Result<Server, Error>
    where
        I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
    {
        let instance: Arc<dyn Instance> = Arc::new(Closure(invoke));
        Server::listen(config, Lifecycle::new(Box::new(move |_| Ok(instance.clone()))))
    }

    fn listen(config: ServerConfig, lifecycle: Lifecycle) -> Result<Server, Error> {
        let bind_error = |source| Error::Bind { address: config.address, source };
        let listener = listen(config.address).map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let shared = Shared::new(config, lifecycle, listener)
            .map_err(|source| Error::Start { what: "readiness set", source })?;
        let shared = Arc::new(shared);
        let weak = Arc::downgrade(&shared);
        shared.pool.set_body(move |duty, seat| {
            if let Some(shared) = weak.upgrade() {
                work(&shared, seat, duty);
            }
        });
        log::debug!("listening on {address}");
        Ok(Server { shared, address, stop: Arc::default() })
    }

    /// Where the server listens; with port 0 in the configuration, the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops this server.
    pub fn stopper(&self) -> Stopper {
        Stopper { request: self.stop.clone() }
    }

    /// Serves until a [`Stopper`] stops it and everything in flight is answered.
    ///
    /// # Errors
    /// [`Error::DrainTimeout`] when invocations outlast
    /// [`drain_timeout`](ServerConfig::drain_timeout): their connections are cut, and their
    /// threads are yours. [`Error::Start`] when the system gives no thread.
    pub fn run(self) -> Result<(), Error> {
        let shared = &self.shared;
        self.watch_listener()?;
        shared.pool.promise_waiting();
        if shared.pool.summon(Duty::Wait).is_err() {
            let source = io::ErrorKind::WouldBlock.into();
            return Err(Error::Start { what: "first thread", source });
        }
        self.stop.wait();
        let outcome = drain(shared);
        close(shared);
        outcome
    }

    /// Serves as the whole process: on this thread, until a signal stops it.
    pub(crate) fn serve_process(self, stop: PipeReader) -> Result<(), Error> {
        let added = self.shared.ready.add_stop(&stop);
        added.map_err(|source| Error::Start { what: "signal handlers", source })?;
        self.watch_listener()?;
        self.shared.pool.work_here();
        // Only a drain that came to its end closes the set; one that failed has ended the process.
        Ok(())
    }

    fn watch_listener(&self) -> Result<(), Error> {
        match self.shared.lock_acceptor().listener() {
            Some(listener) => self.shared.ready.add_listener(listener),
            None => Ok(()),
        }
        .map_err(|source| Error::Start { what: "readiness set", source })
    }
}

/// A socket that listens; std's would do it with a short queue, and set the rest later.
#[cfg(target_os = "linux")]
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // As std does: a server that restarts takes its port back at once.
    set_socket_reuseaddr(&socket, true)?;
    // Accepted sockets inherit both.
    set_socket_keepalive(&socket, true)?;
    set_tcp_nodelay(&socket, true)?;
    set_socket_send_buffer_size(&socket, SEND_BUFFER)?;
    bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(not(target_os = "linux"))]
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    set_socket_keepalive(&listener, true)?;
    set_tcp_nodelay(&listener, true)?;
    set_socket_send_buffer_size(&listener, SEND_BUFFER)?;
    Ok(listener)
}

/// A closure as an instance.
struct Closure<I>(I);

impl<I> Instance for Closure<I>
where
    I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync,
{
    fn invoke(&self, context: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        (self.0)(context, request)
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        Ok(())
    }
}

/// SIGTERM and SIGINT make the returned pipe readable.
pub(crate) fn handle_signals() -> Result<PipeReader, Error> {
    let register = || {
        let (stop, notify) = io::pipe()?;
        signal_hook::low_level::pipe::register(SIGTERM, notify.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGINT, notify)?;
        Ok(stop)
    };
    register().map_err(|source| Error::Start { what: "signal handlers", source })
}

/// From now on a signal ends the process at once.
fn end_at_next_signal() {
    let at_once = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        let registered =
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, at_once.clone());
        if let Err(error) = registered {
            log::error!("a second signal will not end the process at once: {error}");
        }
    }
}

/// The signal has come: drains beside the workers, and ends the process when not all goes well.
pub(crate) fn begin_stop(shared: &Arc<Shared>) {
    end_at_next_signal();
    let draining = shared.clone();
    let drain_process = move || match drain(&draining) {
        Ok(()) => close(&draining),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}"); // it may be closed; eprintln would panic
            process::exit(1)
        }
    };
    let spawned = thread::Builder::new().name("fc-drain".into()).spawn(drain_process.clone());
    if spawned.is_err() {
        drain_process(); // without a thread to spare, on this one
    }
}
