//! The least HTTP/1.1 client that can be trusted with a measurement: whole requests out, whole answers in.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

/// How long an answer may take before the benchmark gives up.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// A request below this fits into the socket buffers of both sides.
const FITS: usize = 64 * 1024;

/// The three requests that the platform sends first, as bytes ready to go.
pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
pub const INITIALIZE: &[u8] =
    b"POST /initialize HTTP/1.1\r\nHost: localhost\r\nx-fc-control-path: /initialize\r\nContent-Length: 0\r\n\r\n";
pub const INVOKE: &[u8] = b"POST /invoke HTTP/1.1\r\nHost: localhost\r\nx-fc-control-path: /invoke\r\n\
    Content-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\n{}";

/// One keep-alive connection.
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    /// Whether the last answer said that no other follows.
    pub is_ending: bool,
}

/// What came back, as it was on the wire.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Its length on the wire, head and body.
    pub size: usize,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// Connects over loopback; `nth` picks another address of 127.0.0.0/8 every 20,000 connections, so that client ports
    /// never run out.
    pub fn connect(port: u16, nth: usize) -> io::Result<Client> {
        let address = Ipv4Addr::new(127, 0, 0, 1 + (nth / 20_000) as u8);
        Client::over(TcpStream::connect(SocketAddr::from((address, port)))?)
    }

    /// So many connections.
    pub fn connect_all(port: u16, count: usize) -> io::Result<Vec<Client>> {
        (0..count).map(|nth| Client::connect(port, nth)).collect()
    }

    fn over(stream: TcpStream) -> io::Result<Client> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        Ok(Client { stream, received: Vec::new(), is_ending: false })
    }

    /// Asks for the connection until it is there, and never sleeps: a wake-up would cost more than what is measured.
    /// One socket asks again and again, which Linux allows and takes half as long as a new one each time. The processor
    /// is offered to others between two attempts. Returns how many attempts it took.
    pub fn poll_connect(port: u16, limit: Duration) -> io::Result<(Client, u32)> {
        let (start, mut attempts) = (Instant::now(), 1);
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        while let Err(error) = rustix::net::connect(&socket, &address) {
            if error != Errno::CONNREFUSED || start.elapsed() > limit {
                return Err(error.into());
            }
            thread::yield_now();
            attempts += 1;
        }
        Ok((Client::over(socket.into())?, attempts))
    }

    /// Reads without sleeping from here on, for the same reason.
    pub fn spin(&self) -> io::Result<()> {
        self.stream.set_nonblocking(true)
    }

    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let (mut rest, deadline) = (request, Instant::now() + ANSWER_LIMIT);
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) => wait(error, deadline)?,
            }
        }
        Ok(())
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.send(request)?;
        self.answer()
    }

    /// Sends a request from a second thread while the answer comes in, so that neither side waits for the other's buffer.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        if request.len() < FITS {
            return self.ask(request);
        }
        let mut sender = Client::over(self.stream.try_clone()?)?;
        thread::scope(|scope| {
            let sending = scope.spawn(move || sender.send(request));
            let answer = self.answer();
            sending.join().map_err(|_| io::Error::other("the sender panicked"))??;
            answer
        })
    }

    /// How many microseconds an exchange takes; an answer other than 200 is an error.
    pub fn timed(&mut self, request: &[u8]) -> io::Result<f64> {
        let start = Instant::now();
        let answer = self.exchange(request)?;
        let elapsed = start.elapsed().as_secs_f64() * 1e6;
        match answer.status {
            200 => Ok(elapsed),
            status => Err(io::Error::other(format!("status {status}"))),
        }
    }

    /// Waits for one whole answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let deadline = Instant::now() + ANSWER_LIMIT;
        let (head, length, mut answer) = loop {
            if let Some(head) = head(&self.received)? {
                break head;
            }
            self.receive(deadline)?;
        };
        let is_whole = |received: &[u8]| match length {
            Some(length) => received.len() >= head + length,
            None => received.ends_with(b"0\r\n\r\n"),
        };
        while !is_whole(&self.received) {
            self.receive(deadline)?;
        }
        answer.size = length.map_or(self.received.len(), |length| head + length);
        answer.body = self.received[head..answer.size].to_vec();
        self.received.drain(..answer.size);
        self.is_ending = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(answer)
    }

    fn receive(&mut self, deadline: Instant) -> io::Result<()> {
        let mut part = [0; 64 * 1024];
        match self.stream.read(&mut part) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            Ok(length) => {
                self.received.extend_from_slice(&part[..length]);
                Ok(())
            }
            Err(error) => wait(error, deadline),
        }
    }

    /// Closes with a reset, which leaves no connection waiting out its time on this machine's ports.
    pub fn reset(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)); // else it only lingers
    }
}

/// A read or write that would block is tried again at once, until the time is up.
fn wait(error: io::Error, deadline: Instant) -> io::Result<()> {
    if error.kind() != io::ErrorKind::WouldBlock {
        return Err(error);
    }
    if Instant::now() > deadline {
        let text = format!("no answer within {} s", ANSWER_LIMIT.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
    }
    thread::yield_now();
    Ok(())
}

/// The head at the start of `bytes` once it is whole: its length, the body's length (None: chunked), and the answer so far.
fn head(bytes: &[u8]) -> io::Result<Option<(usize, Option<usize>, Answer)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    let headers = response
        .headers
        .iter()
        .map(|header| (header.name.to_string(), String::from_utf8_lossy(header.value).into_owned()));
    let answer =
        Answer { status: response.code.unwrap_or(0), headers: headers.collect(), body: Vec::new(), size: 0 };
    let chunked = answer.header("transfer-encoding").is_some();
    let body = answer.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    Ok(Some((length, (!chunked).then_some(body), answer)))
}
