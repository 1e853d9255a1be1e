//! What a running server gets through, beside its peers and the limit in C: keep-alive load, echoed bodies, calls that
//! block. All servers run from the start to the end, and take turns in rounds of a second; those that wait use no processor.

use harness::wrk::{self, Load};
use harness::*;
use std::{error::Error, io};

/// Connections of the keep-alive load; the platform allows 200 concurrent requests per instance.
const CONNECTIONS: [usize; 4] = [1, 8, 64, 200];

const TRACE: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn main() -> Result<(), Box<dyn Error>> {
    subject::serve_if_told();
    let mut report = Report::start("throughput");
    let hello = report.servers("epoll", "hello", Server::is_usual)?;
    match wrk::available() {
        Ok(()) => {
            keep_alive(&mut report, &hello)?;
            echoes(&mut report)?;
            observability(&mut report)?;
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
    let mut all = start(report, servers)?;
    for &connections in counts {
        let load = |_: &Server| Load { connections, ..Load::default() };
        let title = format!("Keep-alive, {connections} connections, {rounds} rounds of a second");
        compare(report, &format!("keep_alive_{connections}"), &title, &mut all, load, rounds, "C epoll")?;
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
    let mut all = start(report, &servers)?;
    for (name, body) in [("1 KB", 1 << 10), ("1 MB", 1 << 20)] {
        let load = |_: &Server| Load { connections: 8, body: Some(body), ..Load::default() };
        let title = format!("Echo of {name}, 8 connections, {rounds} rounds of a second");
        compare(report, &format!("echo_{body}"), &title, &mut all, load, rounds, "hyper-current")?;
    }
    Ok(())
}

/// What a server costs that is watched, in processor time: of traces, of a line for each request, of the path of metrics.
fn observability(report: &mut Report) -> io::Result<()> {
    let with = |name, variables: &[(&'static str, &str)]| -> io::Result<Server> {
        let named = Server { name, ..subject::server()? };
        Ok(variables.iter().fold(named, |server, (name, value)| server.with_environment(name, value)))
    };
    let (line, json, no_hooks) = (("RUST_LOG", "info"), ("FCRT_LOG_FORMAT", "json"), ("FCRT_HOOKS", "off"));
    let servers = [
        with("fc-runtime", &[])?,
        with("fc-runtime, traceparent", &[])?,
        with("fc-runtime, text line", &[line])?,
        with("fc-runtime, text line, traceparent", &[line])?,
        with("fc-runtime, JSON line", &[line, json])?,
        with("fc-runtime, JSON line, traceparent", &[line, json])?,
        with("fc-runtime, no hooks", &[no_hooks])?,
        with("fc-runtime, metrics path", &[no_hooks, ("FCRT_METRICS_PATH", "/metrics")])?,
    ];
    let mut all = start(report, &servers)?;
    let load = |server: &Server| Load {
        connections: 1,
        field: server.name.ends_with("traceparent").then_some(TRACE),
        ..Load::default()
    };
    let title = "What is said of each request, 1 connection";
    compare(report, "observability", title, &mut all, load, report.scale.pick(1, 1, 7), "fc-runtime")
}

/// Starts all servers, which run until what is returned is dropped.
fn start(report: &mut Report, servers: &[Server]) -> io::Result<Vec<Series>> {
    let mut all: Vec<Series> = servers.iter().map(Series::of).collect();
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
    load: impl Fn(&Server) -> Load,
    rounds: usize,
    base: &str,
) -> io::Result<()> {
    let cores = Cores::of_this_process()?;
    all.iter_mut().for_each(|series| series.samples.clear());
    report.take_turns(all, rounds, |series, _| {
        let Some(running) = &series.running else { return Ok(()) };
        let outcome = bear(running, &load(&series.server), &cores)?;
        series.record(outcome);
        Ok(())
    })?;
    add_ratios(all, "per_second", |other, _| other.name == base);
    let columns = [
        median("per_second", "requests/s", 0),
        median("ratio", &format!("to {base}"), 2),
        median("p50", "p50 µs", 0),
        median("p99", "p99 µs", 0),
        median("cpu", "CPU µs/request", 2),
        quantile("errors", 1.0, "most errors", 0),
    ];
    report.table(key, title, &columns, all);
    report.doubt(key, all, "per_second");
    Ok(())
}

fn bear(running: &Running, load: &Load, cores: &Cores) -> io::Result<[(&'static str, f64); 5]> {
    if load.connections == 1 {
        cores.share_one(running)?;
    } else {
        cores.share_all(running)?;
    }
    let before = running.usage().cpu;
    let [requests, duration, p50, p99, errors] = load.run(running.port)?;
    // Processor time per request, which the load of others hardly moves.
    let cpu = (running.usage().cpu - before) / requests.max(1.0);
    let per_second = requests / (duration / 1e6);
    Ok([("per_second", per_second), ("p50", p50), ("p99", p99), ("cpu", cpu), ("errors", errors)])
}

/// Two hundred calls at once that each block for 100 ms: how long until the last is answered.
fn blocking(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    let ours = subject::server()?;
    let others = servers.iter().filter(|server| matches!(server.role(), Role::Peer | Role::Foreign));
    let mut all: Vec<Series> = [&ours].into_iter().chain(others).map(Series::of).collect();
    let rounds = report.scale.pick(1, 2, 5);
    report.take_turns(&mut all, 1, |series, _| {
        let running = Running::start(&series.server)?;
        for _ in 0..rounds {
            let mut clients = Client::connect_all(running.port, 200)?;
            let sleep = b"GET /sleep HTTP/1.1\r\nHost: localhost\r\n\r\n";
            series.push("last", timed(|| ask_all(&mut clients, sleep))? / 1e3);
            clients.into_iter().for_each(Client::reset);
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
