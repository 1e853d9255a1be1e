//! Ordinary clients, many of them: idle, busy, coming and going, and a function that is not always quick.

use crate::client::{Waits, connect, keep_busy, read_response, request, timed, timed_connection};
use crate::report::Report;
use crate::server::ServerProcess;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// 10,000 connections that have been used and now wait.
pub fn idle_connections(report: &mut Report) -> io::Result<()> {
    let mut server = ServerProcess::start()?;
    let before = new_connections(server.address, 1000)?;
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..10_000 {
        let mut stream = connect(server.address)?;
        timed(&mut stream, "/")?;
        idle.push(stream);
    }
    let with = new_connections(server.address, 1000)?;
    let usage = server.usage()?;
    report.tell("open descriptors of the server", usage.descriptors);
    report.count_at_most("threads with 10,000 idle connections", usage.threads, 8);
    report.mib_at_most("resident with 10,000 idle connections", usage.resident_kib, 16 * 1024);
    report.tell("a new connection and its request, before, median", format!("{before:.1?}"));
    report.tell("the same beside 10,000 idle ones", format!("{with:.1?}"));
    report.ratio_at_most("the ratio of the two", with.as_secs_f64() / before.as_secs_f64(), 1.5);
    let mut waits = Vec::with_capacity(idle.len());
    let mut slowest = Duration::ZERO;
    for stream in &mut idle {
        let wait = timed(stream, "/")?;
        waits.push(wait);
        // One that was late by the machine's fault is not late three times.
        slowest = slowest.max(wait.min(timed(stream, "/")?).min(timed(stream, "/")?));
    }
    let waits = Waits::new(waits);
    report.tell("a request on each of the idle ones, median", format!("{:.1?}", waits.permille(500)));
    report.tell("the slowest of them at the first try", format!("{:.1?}", waits.permille(1000)));
    report.time_at_most("the slowest of them, best of three tries", slowest, 5 * MS);
    report.holds("the server lives", server.is_alive());
    Ok(())
}

fn new_connections(address: SocketAddr, count: usize) -> io::Result<Duration> {
    let waits: io::Result<Vec<_>> = (0..count).map(|_| timed_connection(address, "/")).collect();
    Ok(Waits::new(waits?).permille(500))
}

/// 1,000 connections that all have something to ask all the time.
pub fn fairness(report: &mut Report) -> io::Result<()> {
    let server = ServerProcess::start()?;
    let time = Duration::from_secs(report.amount(8, 2) as u64);
    let waits = keep_busy(server.address, 1000, "/", (time, usize::MAX))?;
    let (median, p99) = (waits.permille(500), waits.permille(990));
    report.tell("requests on 1,000 busy connections", waits.count());
    report.tell("median of the wait", format!("{median:.1?}"));
    report.tell("the longest wait", format!("{:.1?}", waits.permille(1000)));
    report.ratio_at_most("p99 of the wait over its median", p99.as_secs_f64() / median.as_secs_f64(), 5.0);
    Ok(())
}

/// One call in a thousand takes 30 ms. For every thousand calls, the longest wait of the others is
/// compared with that of as many calls of a function that is always quick: so the machine's own
/// pauses, which are longer than what is looked for, show on both sides.
pub fn suddenly_slow(report: &mut Report) -> io::Result<()> {
    let server = ServerProcess::start()?;
    let requests = report.amount(300_000, 100_000);
    let mut longest = [Vec::new(), Vec::new()];
    // In turns, as the machine is not the same from one second to the next.
    for _ in 0..10 {
        for (path, longest) in ["/", "/now-and-then"].iter().zip(&mut longest) {
            let waits = keep_busy(server.address, 64, path, (Duration::from_secs(60), requests / 10))?;
            longest.extend(waits.longest_of_each(1000));
        }
    }
    let [quick, mixed] = longest.map(Waits::new);
    for permille in [500, 900] {
        let (quick, mixed) = (quick.permille(permille), mixed.permille(permille));
        let share = format!("of the longest waits in 1,000, {} %", permille / 10);
        report.tell(&format!("{share}, always quick"), format!("{quick:.1?}"));
        report.tell("the others' when one is slow", format!("{mixed:.1?}"));
        if quick <= 2 * MS {
            report.time_at_most("so much longer they wait", mixed.saturating_sub(quick), 2 * MS);
        } else {
            report.tell("not judged: the machine itself pauses for longer than", "2 ms");
        }
    }
    Ok(())
}

/// A function that was quick takes a second from now on, and 200 callers come at once.
pub fn all_slow_at_once(report: &mut Report) -> io::Result<()> {
    let server = ServerProcess::start()?;
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut stream = connect(server.address)?;
        timed(&mut stream, "/")?;
        clients.push(stream);
    }
    let began = Instant::now();
    for stream in &mut clients {
        stream.write_all(request("/second").as_bytes())?;
    }
    for stream in &mut clients {
        read_response(stream)?;
    }
    report.time_at_most("200 calls of 1 s at once, where calls were quick", began.elapsed(), 1200 * MS);
    Ok(())
}

/// As many calls as may run at once block, and more wait; the platform is answered all the same.
pub fn all_workers_blocked(report: &mut Report) -> io::Result<()> {
    let mut server = ServerProcess::start()?;
    let mut blocked = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(server.address)?;
        stream.write_all(request("/block").as_bytes())?;
        blocked.push(stream);
    }
    server.wait_until("256 invocations run", |server| server.usage().is_ok_and(|it| it.threads >= 257));
    let wait = timed_connection(server.address, "/pre-stop")?;
    report.time_at_most("/pre-stop on a new connection beside 256 blocked calls", wait, 100 * MS);
    report.count_at_most("threads meanwhile", server.usage()?.threads, 300);
    report.holds("the server lives", server.is_alive());
    Ok(())
}

/// What is opened is closed, and what is used is given back.
pub fn leaks(report: &mut Report) -> io::Result<()> {
    let mut server = ServerProcess::start()?;
    let share = report.amount(10, 1);
    churn(server.address, 10_000)?;
    keep_busy(server.address, 64, "/", (Duration::from_secs(60), 10_000))?;
    let settled = settle(&mut server);
    churn(server.address, 10_000 * share)?;
    keep_busy(server.address, 64, "/", (Duration::from_secs(300), 100_000 * share))?;
    let after = settle(&mut server);
    report.tell("connections opened and closed", 10_000 * share);
    report.tell("requests", 110_000 * share);
    report.mib_at_most("resident", after.resident_kib, settled.resident_kib + 2 * 1024);
    report.count_at_most("descriptors", after.descriptors, settled.descriptors);
    report.count_at_most("threads", after.threads, 4);
    Ok(())
}

fn churn(address: SocketAddr, count: usize) -> io::Result<()> {
    for number in 0..count {
        let mut stream = connect(address)?;
        if number % 4 > 0 {
            stream.write_all(request("/").as_bytes())?;
            read_response(&mut stream)?;
        }
        // Every fourth one is reset with its answer unread, every fourth one never asks.
        if number % 4 == 1 {
            stream.write_all(request("/").as_bytes())?;
        }
    }
    Ok(())
}

/// Waits for the closes to have arrived.
fn settle(server: &mut ServerProcess) -> crate::server::Usage {
    let mut last = None;
    server.wait_until("no connection is left", |server| {
        let usage = server.usage().ok();
        last = usage.or(last);
        // Two wait, the first one, and who watches over quick code; spares go after a while.
        usage.is_some_and(|usage| usage.descriptors < 16 && usage.threads <= 4)
    });
    last.expect("waited until it was read")
}
