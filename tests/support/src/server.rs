//! A server of the library in this process, on a free port.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use fc_runtime::{Context, Error, Function, Request, Response, Server, ServerConfig, Stopper};

use crate::client::{Client, Reply};
use crate::wait::until;

pub fn config() -> ServerConfig {
    ServerConfig::default().address(([127, 0, 0, 1], 0).into())
}

/// A server that is stopped at the end of its test.
pub struct TestServer {
    pub address: SocketAddr,
    pub stopper: Stopper,
    running: Option<JoinHandle<Result<(), Error>>>,
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
        TestServer::run(Server::bind_with(config, initialize).unwrap())
    }

    fn run(server: Server) -> TestServer {
        let (address, stopper) = (server.local_addr(), server.stopper());
        TestServer { address, stopper, running: Some(thread::spawn(move || server.run())) }
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

    pub fn stop(mut self) -> Result<(), Error> {
        self.stopper.stop();
        self.join()
    }

    pub fn join(&mut self) -> Result<(), Error> {
        let running = self.running.take().expect("joined once");
        until("the server has stopped", || running.is_finished());
        running.join().expect("run does not panic")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stopper.stop();
        if self.running.is_some() && !thread::panicking() {
            self.join().expect("the server stops cleanly");
        }
    }
}
