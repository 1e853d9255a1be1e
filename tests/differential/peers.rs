//! The other servers, and what a server makes of some bytes.

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use support::until;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// With this status; 0 when the connection was closed without a word.
    Refused(u16),
    /// The server waits for more.
    Incomplete,
}

/// Sends `wire` and then nothing more, and looks at the first final response.
pub fn outcome(address: SocketAddr, wire: &str) -> Outcome {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let bytes: Vec<u8> = wire.chars().map(|c| u8::try_from(c as u32).expect("Latin-1")).collect();
    let _ = stream.write_all(&bytes); // it may be refused before its end
    let _ = stream.shutdown(Shutdown::Write);
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received); // a reset ends it like a close
    let text = String::from_utf8_lossy(&received).into_owned();
    let statuses = text.split("HTTP/1.1 ").skip(1);
    let mut statuses = statuses.filter_map(|rest| rest.get(..3)?.parse::<u16>().ok()).filter(|it| *it >= 200);
    match statuses.next() {
        Some(200) => Outcome::Accepted,
        Some(status) => Outcome::Refused(status),
        None if received.is_empty() => Outcome::Refused(0),
        None => Outcome::Incomplete,
    }
}

/// A hyper server on a thread of its own, for as long as the tests run.
pub fn hyper() -> SocketAddr {
    let (tell, told) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serving = hyper::server::conn::http1::Builder::new()
                    .half_close(true)
                    .serve_connection(TokioIo::new(stream), service_fn(fine));
                let _ = serving.await; // what went wrong shows on the wire
            }
        });
    });
    told.recv_timeout(support::WATCHDOG).unwrap()
}

async fn fine(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    use http_body_util::BodyExt;
    let status = if request.into_body().collect().await.is_ok() { 200 } else { 400 };
    let mut response = Response::new("fine".to_owned());
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    Ok(response)
}

const SCRIPT: &str = "require('http').createServer((req, res) => { req.resume(); \
     req.on('end', () => res.end('fine')); }).listen(0, '127.0.0.1', \
     function () { console.log(this.address().port); });";

pub struct Node {
    child: Child,
    pub address: SocketAddr,
}

impl Node {
    /// `None` where Node is not installed.
    pub fn start() -> Option<Node> {
        let command = Command::new("node").args(["-e", SCRIPT]).stdout(Stdio::piped()).spawn();
        let mut child = command.ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let address = SocketAddr::from(([127, 0, 0, 1], line.trim().parse().ok()?));
        until("node listens", || TcpStream::connect(address).is_ok());
        Some(Node { child, address })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
