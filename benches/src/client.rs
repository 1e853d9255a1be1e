//! The least HTTP/1.1 client that can be trusted with a measurement: whole requests out, whole answers in.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The longest time between two questions whether somebody listens, in nanoseconds: about what one takes.
const MAX_PAUSE: u64 = 5_000;
/// A request below this fits into the socket buffers of both sides.
const FITS: usize = 64 * 1024;

/// The three requests that the platform sends first, as bytes ready to go.
pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
pub const INITIALIZE: &[u8] =
    b"POST /initialize HTTP/1.1\r\nHost: localhost\r\nx-fc-control-path: /initialize\r\nContent-Length: 0\r\n\r\n";
pub const INVOKE: &[u8] = b"POST /invoke HTTP/1.1\r\nHost: localhost\r\nx-fc-control-path: /invoke\r\n\
    Content-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\n{}";

pub struct Client {
    pub stream: TcpStream,
    received: Vec<u8>,
    /// Whether the last answer said that no other follows.
    pub is_ending: bool,
}

/// What came back, as it was on the wire: a chunked body with its chunks.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Client {
    /// Connects over loopback, at another address of 127.0.0.0/8 every 20,000 connections: client ports never run out.
    pub fn connect(port: u16, nth: usize) -> io::Result<Client> {
        Client::over(TcpStream::connect((Ipv4Addr::new(127, 0, 0, 1 + (nth / 20_000) as u8), port))?)
    }

    pub fn connect_all(port: u16, count: usize) -> io::Result<Vec<Client>> {
        (0..count).map(|nth| Client::connect(port, nth)).collect()
    }

    /// So many connections, each asked once before the next one comes.
    pub fn connect_used(port: u16, count: usize) -> io::Result<Vec<Client>> {
        let used = |nth| {
            let mut client = Client::connect(port, nth)?;
            client.ask(GET).map(|_| client)
        };
        (0..count).map(used).collect()
    }

    fn over(stream: TcpStream) -> io::Result<Client> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        Ok(Client { stream, received: Vec::new(), is_ending: false })
    }

    /// Asks for the connection until it is there; how often. It never sleeps (a wake-up would cost more than what is
    /// measured), but yields, now and then for longer: at equal distances, starts would be rounded to whole ones. One
    /// socket asks again and again, which takes half as long as a new one each time.
    pub fn poll_connect(port: u16) -> io::Result<(Client, u32)> {
        let (start, mut attempts) = (Instant::now(), 1);
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        while let Err(error) = rustix::net::connect(&socket, &address) {
            if error != Errno::CONNREFUSED || start.elapsed() > START_LIMIT {
                return Err(error.into());
            }
            let (asked, pause) = (Instant::now(), RandomState::new().build_hasher().finish() % MAX_PAUSE);
            while asked.elapsed().as_nanos() < u128::from(pause) {
                thread::yield_now();
            }
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

    /// Sends a request and waits for its answer; a second thread sends a large one, so that neither side's buffer is full.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        if request.len() < FITS {
            self.send(request)?;
            return self.answer();
        }
        let mut sender = Client::over(self.stream.try_clone()?)?;
        thread::scope(|scope| {
            let sending = scope.spawn(move || sender.send(request));
            let answer = self.answer();
            sending.join().map_err(|_| io::Error::other("the sender panicked"))??;
            answer
        })
    }

    /// How many microseconds a request and its answer take; an answer other than 200 is an error.
    pub fn timed(&mut self, request: &[u8]) -> io::Result<f64> {
        timed(|| match self.ask(request)?.status {
            200 => Ok(()),
            status => Err(io::Error::other(format!("status {status}"))),
        })
    }

    pub fn answer(&mut self) -> io::Result<Answer> {
        let end_of_head = |bytes: &[u8]| bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
        let start = self.receive_until(end_of_head)?;
        let head = String::from_utf8_lossy(&self.received[..start]).into_owned();
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let end = if answer.header("transfer-encoding").is_some() {
            self.receive_until(|bytes| bytes.ends_with(b"0\r\n\r\n").then_some(bytes.len()))?
        } else {
            self.receive_until(|bytes| (bytes.len() >= start + length).then_some(start + length))?
        };
        answer.body = self.received[start..end].to_vec();
        self.received.drain(..end);
        self.is_ending = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(answer)
    }

    fn receive_until(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> io::Result<usize> {
        let (mut part, deadline) = ([0; 64 * 1024], Instant::now() + ANSWER_LIMIT);
        loop {
            if let Some(end) = end(&self.received) {
                return Ok(end);
            }
            match self.stream.read(&mut part) {
                Ok(0) => return Err(io::Error::other("the server closed the connection")),
                Ok(length) => self.received.extend_from_slice(&part[..length]),
                Err(error) => wait(error, deadline)?,
            }
        }
    }

    /// Closes with a reset, which leaves no connection waiting out its time on this machine's ports.
    pub fn reset(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)); // else it only lingers
    }
}

pub fn ask_all(clients: &mut [Client], request: &[u8]) -> io::Result<()> {
    clients.iter_mut().try_for_each(|client| client.send(request))?;
    clients.iter_mut().try_for_each(|client| client.answer().map(drop))
}

pub fn timed<T>(action: impl FnOnce() -> io::Result<T>) -> io::Result<f64> {
    let start = Instant::now();
    action()?;
    Ok(start.elapsed().as_secs_f64() * 1e6)
}

/// A read or write that would block is tried again at once, until the time is up.
fn wait(error: io::Error, deadline: Instant) -> io::Result<()> {
    if error.kind() != io::ErrorKind::WouldBlock {
        return Err(error);
    }
    if Instant::now() > deadline {
        return Err(io::Error::other(format!("no answer within {} s", ANSWER_LIMIT.as_secs())));
    }
    thread::yield_now();
    Ok(())
}
