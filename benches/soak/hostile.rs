//! Peers that mean harm.

use crate::scene::Scene;
use harness::{Client, GET, Sample};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

const ATTACKERS: usize = 1000;

/// So many peers begin as told and go on as told, in turn, while an ordinary client is served.
pub fn attack(scene: &mut Scene, begin: &[u8], go_on: impl Fn(&mut TcpStream)) -> io::Result<()> {
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
        scene.tell(&format!("an ordinary client's requests while they {when}, median"), waits.median(), "µs");
        // A worker that waits for one of them does so for seconds; this machine alone pauses for 170 ms now and then.
        scene.takes_at_most("the longest of them", waits.max() / 1e3, 300.0, "ms");
    }
    scene.at_most("threads", threads.max(), 1000.0, "");
    scene.at_most("resident", resident.max(), 64.0, "MiB");
    drop(attackers);
    scene.wait_until("the attackers' connections are gone", |usage| usage.descriptors < 16.0).map(drop)
}
