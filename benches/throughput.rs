//! What a running server gets through, beside its peers and the limit in C: keep-alive load at four connection counts,
//! echoed bodies, and calls that block.
//!
//! All servers run from the start to the end, and take turns in rounds of a second; those that wait use no processor.

use std::env;
use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use harness::wrk::{self, Load};
use harness::{
    Build, Client, Cores, Report, Role, Running, Scale, Series, Server, add_ratios, ask_all, median, quantile,
};

/// The argument that makes this program a server of ours that blocks, instead of the benchmark.
const SERVE_BLOCKING: &str = "--serve-blocking";
/// How many rounds servers in other languages take part in: they are far enough away not to be measured as often.
const FOREIGN_ROUNDS: usize = 2;
/// Connections of the keep-alive load; the platform allows 200 concurrent requests per instance.
const CONNECTIONS: [usize; 4] = [1, 8, 64, 200];

fn main() -> Result<(), Box<dyn Error>> {
    if env::args().any(|argument| argument == SERVE_BLOCKING) {
        return serve_blocking();
    }
    let mut report = Report::start("throughput");
    let hello = report.servers("epoll", "hello", Server::is_usual)?;
    match wrk::available() {
        Ok(()) => {
            keep_alive(&mut report, &hello)?;
            echoes(&mut report)?;
        }
        Err(why) => report.note(why),
    }
    blocking(&mut report, &hello)?;
    report.finish()
}

fn keep_alive(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    let scale = report.scale;
    let counts = scale.pick(&CONNECTIONS[2..3], &CONNECTIONS, &CONNECTIONS);
    let rounds = scale.pick(1, 1, 5);
    let quick = servers.iter().filter(|server| scale != Scale::Quick || server.role() != Role::Foreign);
    let mut all = start(report, quick)?;
    for &connections in counts {
        let load = Load { connections, target: "/", body: None };
        let title = format!("Keep-alive, {connections} connections, {rounds} rounds of a second");
        compare(report, &format!("keep_alive_{connections}"), &title, &mut all, &load, rounds, "C epoll")?;
    }
    report.note("wrk takes part of the cores: one thread for one connection, two for more; ratios are to one epoll loop");
    report.note("at one connection wrk and the server share one core, so that it is work and not the waking of a core");
    Ok(())
}

/// Bodies that come back as they went; the limit in C reads no bodies, so hyper is what others are compared with.
fn echoes(report: &mut Report) -> io::Result<()> {
    let echoes = |server: &Server| server.is_compiled() && server.role() != Role::Limit && server.is_usual();
    let servers = report.servers("epoll", "echo", echoes)?;
    let rounds = report.scale.pick(1, 1, 3);
    let mut all = start(report, servers.iter())?;
    for (name, body) in [("1 KB", 1 << 10), ("1 MB", 1 << 20)] {
        let load = Load { connections: 8, target: "/echo", body: Some(body) };
        let title = format!("Echo of {name}, 8 connections, {rounds} rounds of a second");
        compare(report, &format!("echo_{body}"), &title, &mut all, &load, rounds, "hyper-current")?;
    }
    Ok(())
}

/// Starts all servers, which run until what is returned is dropped.
fn start<'a>(report: &mut Report, servers: impl Iterator<Item = &'a Server>) -> io::Result<Vec<Series>> {
    let mut all: Vec<Series> = servers.map(Series::of).collect();
    report.take_turns(&mut all, 1, |series, _| {
        series.running = Some(Running::start(&series.server)?);
        Ok(())
    })?;
    Ok(all)
}

/// Puts all servers under load in every round, and shows what they did.
fn compare(
    report: &mut Report,
    key: &str,
    title: &str,
    all: &mut [Series],
    load: &Load,
    rounds: usize,
    base: &str,
) -> io::Result<()> {
    let cores = Cores::of_this_process()?;
    all.iter_mut().for_each(Series::clear);
    report.take_turns(all, rounds, |series, round| {
        let is_foreign = series.server.role() == Role::Foreign;
        let running = series.running.as_mut().filter(|_| !is_foreign || round < FOREIGN_ROUNDS);
        let Some(running) = running else { return Ok(()) };
        let outcome = bear(running, load, &cores).map_err(|error| match running.end() {
            Some(status) => io::Error::other(format!("the server has ended ({status}); {error}")),
            None => error,
        })?;
        series.record(outcome);
        Ok(())
    })?;
    add_ratios(all, "per_second", |other, _| other.name == base);
    let columns = [
        median("per_second", "requests/s", 0),
        median("ratio", &format!("to {base}"), 2),
        median("p50", "p50 µs", 0),
        median("p99", "p99 µs", 0),
        median("cpu", "CPU µs/request", 1),
        quantile("errors", 1.0, "most errors", 0),
    ];
    report.table(key, title, &columns, all);
    for series in all {
        report.doubt(&format!("{} {key}", series.server.label()), series.sample("per_second").doubts(0.0));
    }
    Ok(())
}

/// A second of load on one server.
fn bear(running: &Running, load: &Load, cores: &Cores) -> io::Result<[(&'static str, f64); 5]> {
    if load.connections == 1 {
        cores.share_one(running)?;
    } else {
        cores.share_all(running)?;
    }
    let before = running.usage();
    let outcome = load.run(running.port)?;
    let after = running.usage();
    Ok([
        ("per_second", outcome.per_second),
        ("p50", outcome.p50),
        ("p99", outcome.p99),
        // Processor time per request, which the load of others hardly moves.
        ("cpu", (after.cpu - before.cpu) / outcome.requests.max(1.0)),
        ("errors", outcome.errors),
    ])
}

/// Two hundred calls at once that each block for 100 ms: how long until the last is answered.
fn blocking(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    let ours = Server::new("fc-runtime", Build::Dynamic, env::current_exe()?)
        .with_arguments(vec![SERVE_BLOCKING.into()])
        .with_environment("LIFECYCLE_MARKS", "off");
    let others = servers.iter().filter(|server| matches!(server.role(), Role::Peer | Role::Foreign));
    let mut all: Vec<Series> = [&ours].into_iter().chain(others).map(Series::of).collect();
    let rounds = report.scale.pick(1, 2, 5);
    report.take_turns(&mut all, 1, |series, _| {
        let running = Running::start(&series.server)?;
        for _ in 0..rounds {
            series.push("last", all_at_once(running.port)?);
        }
        let usage = running.usage();
        series.record([("threads", usage.threads), ("resident", usage.resident)]);
        Ok(())
    })?;
    let columns = [
        median("last", "ms until the last answer", 0),
        median("threads", "threads then", 0),
        median("resident", "resident KB", 0),
    ];
    report.table("blocking", "200 calls at once that block for 100 ms each", &columns, &all);
    Ok(())
}

/// Milliseconds until 200 connections that ask at once have their answers.
fn all_at_once(port: u16) -> io::Result<f64> {
    let mut clients = Client::connect_all(port, 200)?;
    let start = Instant::now();
    ask_all(&mut clients, b"GET /sleep HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    clients.into_iter().for_each(Client::reset);
    Ok(elapsed)
}

/// The function that is asked for that.
fn serve_blocking() -> Result<(), Box<dyn Error>> {
    fc_runtime::serve_fn(|_, _| {
        thread::sleep(Duration::from_millis(100));
        Ok(fc_runtime::Response::text("Hello, World!"))
    })?;
    Ok(())
}
