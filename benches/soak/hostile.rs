//! Peers that mean harm, and a system that has nothing left to give.

use crate::scene::Scene;
use harness::{Client, GET, Sample};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

const ATTACKERS: usize = 1000;
const UPLOAD: &[u8] = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";

/// Heads that come a byte at a time.
pub fn slow_heads(scene: &mut Scene) -> io::Result<()> {
    attack(scene, b"GET / HTTP/1.1\r\nHost: h\r\nX: ", |stream| drop(stream.write(b"x")))
}

/// Uploads that come a byte at a time, to a function that streams them back.
pub fn slow_uploads(scene: &mut Scene) -> io::Result<()> {
    attack(scene, UPLOAD, |stream| drop(stream.write(b"x")))
}

/// Large responses that are taken a few bytes at a time.
pub fn slow_readers(scene: &mut Scene) -> io::Result<()> {
    attack(scene, b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n", |stream| drop(stream.read(&mut [0; 64])))
}

/// So many peers begin as told and go on as told, in turn, while an ordinary client is served.
fn attack(scene: &mut Scene, begin: &[u8], go_on: impl Fn(&mut TcpStream)) -> io::Result<()> {
    let mut ordinary = Client::connect(scene.server.port, 0)?;
    ordinary.timed(GET)?;
    let mut serve_ordinary = |waits: &mut Sample| {
        waits.push(ordinary.timed(GET)?);
        waits.push(scene.newcomers(GET, 1)?.median());
        io::Result::Ok(())
    };
    let (mut coming, mut staying) = (Sample::new(), Sample::new());
    let mut attackers = Vec::new();
    for number in 0..ATTACKERS {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, scene.server.port))?;
        // As such tools do; a large one would be filled by the system at the machine's full speed.
        set_socket_recv_buffer_size(&stream, 4096)?;
        stream.write_all(begin)?;
        stream.set_nonblocking(true)?;
        attackers.push(stream);
        if number % 5 == 0 {
            serve_ordinary(&mut coming)?;
        }
    }
    let (began, time) = (Instant::now(), Duration::from_secs(scene.amount(10, 3) as u64));
    let (mut threads, mut resident) = (Sample::new(), Sample::new());
    while began.elapsed() < time {
        for attackers in attackers.chunks_mut(50) {
            attackers.iter_mut().for_each(&go_on); // some are cut, and that is as it should be
            serve_ordinary(&mut staying)?;
        }
        let usage = scene.server.usage();
        threads.push(usage.threads);
        resident.push(usage.resident / 1024.0);
    }
    for (when, waits) in [("come", coming), ("stay", staying)] {
        let count = waits.in_order().len() as f64;
        scene.tell(&format!("an ordinary client's requests while they {when}"), count, "");
        scene.tell("their median", waits.median(), "µs");
        scene.takes_at_most("the longest of them", waits.max() / 1e3, 100.0, "ms");
    }
    scene.at_most("threads", threads.max(), 1000.0, "");
    scene.at_most("resident", resident.max(), 64.0, "MiB");
    drop(attackers);
    scene.wait_until("the attackers' connections are gone", |usage| usage.descriptors < 16.0).map(drop)
}

/// More connections than the 64 descriptors: idle ones make room, busy ones make newcomers wait, and with
/// the first that ends all goes on.
pub fn descriptor_exhaustion(scene: &mut Scene) -> io::Result<()> {
    let began = Instant::now();
    let idle = Client::connect_used(scene.server.port, 200)?;
    scene.tell("connections one after the other, with 64 descriptors", idle.len() as f64, "");
    drop(idle);

    let mut busy = Client::connect_all(scene.server.port, 100)?;
    busy.iter_mut().try_for_each(|client| client.send(UPLOAD))?; // some wait in the queue
    scene.wait_until("no descriptor is left", |usage| usage.descriptors >= 63.0)?;
    let mut queued = Client::connect(scene.server.port, 0)?;
    queued.send(GET)?;
    queued.stream.set_read_timeout(Some(Duration::from_millis(1500)))?;
    let early = queued.stream.read(&mut [0; 1]);
    scene.holds("a newcomer waits while all descriptors are busy", early.is_err());
    let freed = Instant::now();
    drop(busy);
    let answered = queued.answer();
    scene.holds("it is answered when they are free", answered.is_ok_and(|answer| answer.status == 200));
    scene.takes_at_most("how long that takes", freed.elapsed().as_secs_f64() * 1e3, 1000.0, "ms");
    let lines = scene.logged("accept:")? as f64;
    scene.at_most("log lines about it", lines, began.elapsed().as_secs_f64() + 2.0, "");
    Ok(())
}
