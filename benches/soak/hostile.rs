//! Peers that mean harm, and a system that has nothing left to give.

use crate::client::{Waits, connect, request, timed, timed_connection};
use crate::report::Report;
use crate::server::ServerProcess;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const ATTACKERS: usize = 1000;

const UPLOAD: &str = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";

/// Heads that come a byte at a time.
pub fn slow_heads(report: &mut Report) -> io::Result<()> {
    attack(report, "GET / HTTP/1.1\r\nHost: h\r\nX: ", |stream| drop(stream.write(b"x")))
}

/// Uploads that come a byte at a time, to a function that streams them back.
pub fn slow_uploads(report: &mut Report) -> io::Result<()> {
    attack(report, UPLOAD, |stream| drop(stream.write(b"x")))
}

/// Large responses that are taken a few bytes at a time.
pub fn slow_readers(report: &mut Report) -> io::Result<()> {
    attack(report, &request("/large"), |stream| drop(stream.read(&mut [0; 64])))
}

/// So many peers begin as told and go on as told, in turn, while an ordinary client is served.
fn attack(report: &mut Report, begin: &str, go_on: impl Fn(&mut TcpStream)) -> io::Result<()> {
    let mut server = ServerProcess::start()?;
    let mut ordinary = connect(server.address)?;
    timed(&mut ordinary, "/")?;
    let (mut coming, mut waits) = (Vec::new(), Vec::new());
    let mut attackers = Vec::new();
    for number in 0..ATTACKERS {
        let mut stream = connect(server.address)?;
        // As such tools do; a large one would be filled by the system at the machine's full speed.
        set_socket_recv_buffer_size(&stream, 4096)?;
        stream.write_all(begin.as_bytes())?;
        stream.set_nonblocking(true)?;
        attackers.push(stream);
        if number % 5 == 0 {
            coming.push(timed(&mut ordinary, "/")?);
            coming.push(timed_connection(server.address, "/")?);
        }
    }
    let (began, time) = (Instant::now(), Duration::from_secs(report.amount(10, 3) as u64));
    let (mut most_threads, mut most_resident) = (0, 0);
    while began.elapsed() < time {
        for attackers in attackers.chunks_mut(50) {
            attackers.iter_mut().for_each(&go_on); // some are cut, and that is as it should be
            waits.push(timed(&mut ordinary, "/")?);
            waits.push(timed_connection(server.address, "/")?);
        }
        let usage = server.usage()?;
        most_threads = most_threads.max(usage.threads);
        most_resident = most_resident.max(usage.resident_kib);
    }
    for (when, waits) in [("come", coming), ("stay", waits)] {
        let waits = Waits::new(waits);
        report.tell(&format!("an ordinary client's requests while they {when}"), waits.count());
        report.tell("their median", format!("{:.1?}", waits.permille(500)));
        report.time_at_most("the longest of them", waits.permille(1000), 100 * MS);
    }
    report.count_at_most("threads", most_threads, 1000);
    report.mib_at_most("resident", most_resident, 64 * 1024);
    drop(attackers);
    server.wait_until("the attackers' connections are gone", |server| {
        server.usage().is_ok_and(|usage| usage.descriptors < 16)
    });
    report.holds("the server lives", server.is_alive());
    Ok(())
}

/// More connections than descriptors: idle ones make room, busy ones make newcomers wait, and with
/// the first that ends all goes on.
pub fn descriptor_exhaustion(report: &mut Report) -> io::Result<()> {
    let mut server = ServerProcess::start_with("ulimit -n 64; exec \"$0\" serve", &[])?;
    let began = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..200 {
        let mut stream = connect(server.address)?;
        timed(&mut stream, "/")?;
        idle.push(stream);
    }
    report.tell("connections one after the other, with 64 descriptors", idle.len());
    drop(idle);

    let mut busy = Vec::new();
    for _ in 0..100 {
        let mut stream = connect(server.address)?;
        stream.write_all(UPLOAD.as_bytes())?; // some wait in the queue
        busy.push(stream);
    }
    server.wait_until("no descriptor is left", |server| {
        server.usage().is_ok_and(|usage| usage.descriptors >= 63)
    });
    let mut queued = connect(server.address)?;
    queued.write_all(request("/").as_bytes())?;
    queued.set_read_timeout(Some(1500 * MS))?;
    let early = queued.read(&mut [0; 1]);
    report.holds("a newcomer waits while all descriptors are busy", early.is_err());
    drop(busy);
    let freed = Instant::now();
    queued.set_read_timeout(Some(crate::client::WATCHDOG))?;
    let answered = crate::client::read_response(&mut queued);
    report.holds("it is answered when they are free", matches!(answered, Ok(200)));
    report.time_at_most("how long that takes", freed.elapsed(), 1000 * MS);
    let log = server.log()?;
    let lines = log.lines().filter(|line| line.contains("accept:")).count() as u64;
    report.count_at_most("log lines about it", lines, began.elapsed().as_secs() + 2);
    report.holds("the server lives", server.is_alive());
    Ok(())
}
