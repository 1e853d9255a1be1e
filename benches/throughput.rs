//! What a running server gets through, beside its peers and the limit in C: keep-alive load at four connection counts,
//! echoed bodies, and calls that block.
//!
//! All servers run from the start to the end, and take turns in rounds of a second; those that wait use no processor.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use harness::client::Client;
use harness::cores::Cores;
use harness::options::Scale;
use harness::process::Running;
use harness::report::Report;
use harness::series::{Series, add_ratios};
use harness::servers::{Build, Role, Server};
use harness::table::{median, quantile};
use harness::wrk::{self, Load};

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
    report.finish()?;
    Ok(())
}

fn keep_alive(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    let scale = report.scale;
    let counts = scale.pick(&CONNECTIONS[2..3], &CONNECTIONS, &CONNECTIONS);
    let rounds = scale.pick(1, 1, 5);
    let quick = servers.iter().filter(|server| scale != Scale::Quick || server.role() != Role::Foreign);
    let mut standing = Standing::start(report, quick)?;
    for &connections in counts {
        let load = Load { connections, seconds: 1, target: "/", body: None };
        let title = format!("Keep-alive, {connections} connections, {rounds} rounds of a second");
        standing.bear(report, &load, rounds)?;
        standing.show(report, &format!("keep_alive_{connections}"), &title, "C epoll");
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
    let mut standing = Standing::start(report, servers.iter())?;
    for (name, body) in [("1 KB", 1 << 10), ("1 MB", 1 << 20)] {
        let load = Load { connections: 8, seconds: 1, target: "/echo", body: Some(body) };
        let title = format!("Echo of {name}, 8 connections, {rounds} rounds of a second");
        standing.bear(report, &load, rounds)?;
        standing.show(report, &format!("echo_{body}"), &title, "hyper-current");
    }
    Ok(())
}

/// Servers that run until this is dropped, and what each has shown under one kind of load.
struct Standing {
    all: Vec<Series>,
    running: BTreeMap<String, Running>,
}

impl Standing {
    fn start<'a>(report: &mut Report, servers: impl Iterator<Item = &'a Server>) -> io::Result<Standing> {
        let mut all: Vec<Series> = servers.map(Series::of).collect();
        let mut running = BTreeMap::new();
        report.take_turns(&mut all, 1, |series, _| {
            running.insert(series.server.label(), Running::start(&series.server)?);
            Ok(())
        })?;
        Ok(Standing { all, running })
    }

    fn bear(&mut self, report: &mut Report, load: &Load, rounds: usize) -> io::Result<()> {
        let cores = Cores::of_this_process()?;
        self.all.iter_mut().for_each(Series::clear);
        report.take_turns(&mut self.all, rounds, |series, round| {
            if round >= FOREIGN_ROUNDS && series.server.role() == Role::Foreign {
                return Ok(());
            }
            let Some(running) = self.running.get_mut(&series.server.label()) else {
                return Ok(()); // it has not started, which is noted
            };
            bear_once(running, load, series, &cores).map_err(|error| match running.end() {
                Some(status) => io::Error::other(format!("the server has ended ({status}); {error}")),
                None => error,
            })
        })?;
        cores.release(None)
    }

    fn show(&mut self, report: &mut Report, key: &str, title: &str, base: &str) {
        add_ratios(&mut self.all, "per_second", |other, _| other.name == base);
        let columns = [
            median("per_second", "requests/s", 0),
            median("ratio", &format!("to {base}"), 2),
            median("p50", "p50 µs", 0),
            median("p99", "p99 µs", 0),
            median("cpu", "CPU µs/request", 1),
            quantile("errors", 1.0, "most errors", 0),
        ];
        report.table(key, title, &columns, &self.all);
        for series in &self.all {
            let doubts = series.sample("per_second").doubts(0.0);
            report.doubt(&format!("{} {key}", series.server.label()), doubts);
        }
    }
}

fn bear_once(running: &Running, load: &Load, series: &mut Series, cores: &Cores) -> io::Result<()> {
    if load.connections == 1 {
        cores.share_one(running)?;
    } else {
        cores.release(Some(running))?;
    }
    let before = running.usage();
    let outcome = load.run(running.port)?;
    let after = running.usage();
    series.push("per_second", outcome.per_second);
    series.push("p50", outcome.p50);
    series.push("p99", outcome.p99);
    // Processor time per request, which the load of others hardly moves.
    series.push("cpu", (after.cpu - before.cpu) / outcome.requests.max(1.0));
    series.push("errors", outcome.errors);
    Ok(())
}

/// Two hundred calls at once that each block for 100 ms: how long until the last is answered.
fn blocking(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    let rounds = report.scale.pick(1, 2, 5);
    let able = |server: &&Server| {
        server.role() != Role::Limit && server.build != Build::Musl && !server.name.contains("marks")
    };
    let mut all: Vec<Series> = servers.iter().filter(able).map(Series::of).collect();
    for server in all.iter_mut().map(|series| &mut series.server).filter(|server| server.role() == Role::Ours)
    {
        server.build = Build::Dynamic;
        server.program = env::current_exe()?;
        server.arguments = vec![SERVE_BLOCKING.into()];
    }
    report.take_turns(&mut all, 1, |series, _| {
        let running = Running::start(&series.server)?;
        for _ in 0..rounds {
            series.push("last", all_at_once(running.port)?);
        }
        let usage = running.usage();
        series.push("threads", usage.threads);
        series.push("resident", usage.resident);
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
    for client in &mut clients {
        client.send(b"GET /sleep HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    }
    for client in &mut clients {
        client.answer()?;
    }
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
