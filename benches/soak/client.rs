//! The load: single connections that are waited for, and many that are driven at once.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer than anything takes that is not broken.
pub const WATCHDOG: Duration = Duration::from_secs(60);

pub fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, WATCHDOG)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WATCHDOG))?;
    stream.set_write_timeout(Some(WATCHDOG))?;
    Ok(stream)
}

/// Reads one response whose body has a known length and is small; returns its status.
pub fn read_response(stream: &mut TcpStream) -> io::Result<u16> {
    let (mut bytes, mut at) = ([0; 4096], 0);
    loop {
        match stream.read(&mut bytes[at..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => at += count,
        }
        if let Some(status) = complete_response(&bytes[..at]) {
            return Ok(status);
        }
    }
}

/// The status once head and body are there.
fn complete_response(bytes: &[u8]) -> Option<u16> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(Some(0), |length| length.parse().ok())?;
    (bytes.len() >= end + length).then(|| head[9..12].parse().ok()).flatten()
}

/// Asks on a connection of its own or on `stream`, and returns how long the answer took.
pub fn timed(stream: &mut TcpStream, path: &str) -> io::Result<Duration> {
    let began = Instant::now();
    stream.write_all(request(path).as_bytes())?;
    match read_response(stream)? {
        200 => Ok(began.elapsed()),
        status => Err(io::Error::other(format!("status {status} for {path}"))),
    }
}

/// A new connection and a request on it.
pub fn timed_connection(address: SocketAddr, path: &str) -> io::Result<Duration> {
    let began = Instant::now();
    let mut stream = connect(address)?;
    timed(&mut stream, path)?;
    Ok(began.elapsed())
}

/// How long each of many requests waited.
pub struct Waits {
    in_order: Vec<Duration>,
    sorted: Vec<Duration>,
}

impl Waits {
    pub fn new(in_order: Vec<Duration>) -> Waits {
        let mut sorted = in_order.clone();
        sorted.sort_unstable();
        Waits { in_order, sorted }
    }

    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The wait that so many of 1,000 do not exceed.
    pub fn permille(&self, permille: usize) -> Duration {
        self.sorted.get((self.count().saturating_sub(1)) * permille / 1000).copied().unwrap_or_default()
    }

    /// The longest wait of the first `count`, of the next ones, and so on.
    pub fn longest_of_each(&self, count: usize) -> impl Iterator<Item = Duration> {
        self.in_order.chunks_exact(count).filter_map(|waits| waits.iter().copied().max())
    }
}

/// Keeps `count` connections busy with one request each at any time, from one thread, until `time`
/// is over or `requests` are answered. Returns the waits of those whose response is `quick`.
pub fn keep_busy(
    address: SocketAddr,
    count: usize,
    path: &str,
    (time, requests): (Duration, usize),
) -> io::Result<Waits> {
    let wire = request(path);
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut connections = Vec::with_capacity(count);
    for index in 0..count {
        let mut stream = connect(address)?;
        stream.set_nonblocking(true)?;
        stream.write_all(wire.as_bytes())?;
        epoll::add(&epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
        connections.push((stream, Instant::now()));
    }
    let began = Instant::now();
    let (mut waits, mut answered, mut bytes) = (Vec::with_capacity(1 << 20), 0, [0; 4096]);
    let mut events = Vec::with_capacity(256);
    while began.elapsed() < time && answered < requests {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let data = event.data;
            let (stream, sent) = &mut connections[data.u64() as usize];
            let length = stream.read(&mut bytes)?;
            let response = &bytes[..length];
            let status = complete_response(response).ok_or_else(|| io::Error::other("half a response"))?;
            if status != 200 {
                return Err(io::Error::other(format!("status {status}")));
            }
            answered += 1;
            if !response.ends_with(b"slow") {
                waits.push(sent.elapsed());
            }
            *sent = Instant::now();
            stream.write_all(wire.as_bytes())?;
        }
    }
    Ok(Waits::new(waits))
}
