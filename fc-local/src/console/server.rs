//! The console's server: from the bind to the stop. What it answers is in `routes.rs`.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fc_runtime::{Context, Error, Request, Running, Server, ServerConfig};

use super::events::{MAX_STREAMS, Streams};
use super::guard::Guard;
use super::refusal::Refusal;
use super::served::{Served, ServedFunction};
use super::{pages, routes};
use crate::front::Timers;
use crate::record::Recorder;
use crate::scaling::Platform;

/// Requests at once, beside streams: a page makes a few, and a call that is sent holds one until it is answered.
const WORKERS: usize = MAX_STREAMS + 32;

/// What is sent: the largest event of the platform as JSON, in which a byte may take six.
const MAX_BODY: u64 = 6 * 32 * 1024 * 1024;

/// Connections, of which a browser makes six.
const MAX_CONNECTIONS: usize = 256;

/// How long requests may take that are there at a stop: streams end at once, calls with their functions.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a page may leave what it is sent in the socket.
const SLOWEST: Duration = Duration::from_secs(10);

/// A console that listens. Before it is opened it answers 503.
pub struct Console {
    running: Running,
    streams: Arc<Streams>,
    served: Arc<OnceLock<Arc<Served>>>,
    recorder: Arc<Recorder>,
}

impl Console {
    pub fn bind(address: SocketAddr, recorder: &Arc<Recorder>) -> Result<Console, Error> {
        let config = ServerConfig::default()
            .address(address)
            .hooks(false)
            .max_workers(WORKERS)
            .max_connections(MAX_CONNECTIONS)
            .max_body(MAX_BODY)
            .write_timeout(SLOWEST)
            .drain_timeout(DRAIN);
        let (streams, served) = (Arc::<Streams>::default(), Arc::<OnceLock<Arc<Served>>>::default());
        let (streams_there, served_there) = (Arc::clone(&streams), Arc::clone(&served));
        let answer = move |_: &Context, mut request: Request<'_>| {
            let answered = match served_there.get() {
                None => Err(Refusal::new(503, "fc-local is starting")),
                Some(served) => Guard::new(served.address)
                    .check(&request)
                    .and_then(|()| routes::answer(served, &streams_there, &mut request)),
            };
            Ok(pages::secured(answered.unwrap_or_else(|refusal| refusal.response())))
        };
        let running = Server::bind_fn(config, answer)?.start()?;
        Ok(Console { running, streams, served, recorder: Arc::clone(recorder) })
    }

    pub fn address(&self) -> SocketAddr {
        self.running.local_addr()
    }

    /// Shows these functions from now on, each with the address of its HTTP trigger; `main` is that of the API.
    pub fn open(
        &self,
        functions: impl Iterator<Item = (Arc<Platform>, SocketAddr)>,
        timers: Option<Arc<Timers>>,
        main: SocketAddr,
    ) {
        let functions = functions.map(|(platform, address)| ServedFunction { platform, address }).collect();
        let recorder = Arc::clone(&self.recorder);
        let served = Served { functions, timers, main, recorder, address: self.address() };
        let _ = self.served.set(Arc::new(served)); // nobody else opens it
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.streams.close();
        self.running.stop();
        let _ = self.running.join(); // a call that was sent may have been cut
    }
}
