//! A server of the library in this process, on a free port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use fc_runtime::{Context, Error, Function, Request, Response, Running, Server, ServerConfig, Stats};

use crate::client::{Client, Reply};
use crate::wait::{eventually, until};

pub fn config() -> ServerConfig {
    ServerConfig::default().address(([127, 0, 0, 1], 0))
}

/// A server that has to stop cleanly at the end of its test.
pub struct TestServer {
    pub address: SocketAddr,
    running: Option<Arc<Running>>,
}

impl TestServer {
    pub fn start<I>(config: ServerConfig, invoke: I) -> TestServer
    where
        I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
    {
        TestServer::run(Server::bind_fn(config, invoke).unwrap())
    }

    pub fn start_function<F, I>(config: ServerConfig, initialize: I) -> TestServer
    where
        F: Function,
        I: Fn(&Context) -> anyhow::Result<F> + Send + Sync + 'static,
    {
        TestServer::run(Server::bind(config, initialize).unwrap())
    }

    fn run(server: Server) -> TestServer {
        let running = server.start().unwrap();
        TestServer { address: running.local_addr(), running: Some(Arc::new(running)) }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Sends one request on a connection of its own and reads the response.
    pub fn request(&self, wire: impl AsRef<[u8]>) -> Reply {
        let mut client = self.client();
        client.send(wire);
        client.reply()
    }

    pub fn stats(&self) -> Stats {
        self.running.as_ref().expect("not joined").stats()
    }

    /// The figures, once they are as `condition` says: a call is counted when its response is out.
    pub fn stats_when(&self, condition: impl Fn(&Stats) -> bool) -> Stats {
        eventually("the figures are so", || Some(self.stats()).filter(&condition))
    }

    pub fn stop(mut self) -> Result<(), Error> {
        self.begin_stop();
        self.join()
    }

    pub fn begin_stop(&self) {
        self.running.as_ref().expect("not joined").stop();
    }

    pub fn join(&mut self) -> Result<(), Error> {
        let running = self.running.take().expect("joined once");
        let joining = thread::spawn(move || running.join());
        until("the server has stopped", || joining.is_finished());
        joining.join().expect("join does not panic")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.running.is_some() && !thread::panicking() {
            self.begin_stop();
            self.join().expect("the server stops cleanly");
        }
    }
}
