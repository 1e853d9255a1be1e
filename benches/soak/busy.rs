//! Many connections that all have something to ask all the time, driven from one thread.

use harness::Sample;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

/// Keeps so many connections busy with a request each until so many are answered; the quick ones' waits in µs.
pub fn keep_busy(port: u16, count: usize, request: &[u8], requests: usize) -> io::Result<Sample> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut connections = Vec::with_capacity(count);
    for index in 0..count {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        stream.write_all(request)?;
        epoll::add(&epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
        connections.push((stream, Instant::now()));
    }
    let (mut waits, mut answered, mut bytes) = (Sample::new(), 0, [0; 4096]);
    let mut events = Vec::with_capacity(256);
    while answered < requests {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let data = event.data;
            let (stream, sent) = &mut connections[data.u64() as usize];
            let length = stream.read(&mut bytes)?;
            if is_quick(&bytes[..length])? {
                waits.push(sent.elapsed().as_secs_f64() * 1e6);
            }
            answered += 1;
            *sent = Instant::now();
            stream.write_all(request)?;
        }
    }
    Ok(waits)
}

/// Whether this is the usual response and not the one that takes its time; another one, or a part of one, is an error.
fn is_quick(response: &[u8]) -> io::Result<bool> {
    let is_quick = response.ends_with(b"\r\n\r\nHello, World!");
    if response.starts_with(b"HTTP/1.1 200") && (is_quick || response.ends_with(b"\r\n\r\nslow")) {
        return Ok(is_quick);
    }
    Err(io::Error::other(format!("not the response: {}", String::from_utf8_lossy(response))))
}
