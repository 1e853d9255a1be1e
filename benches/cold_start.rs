//! How long it takes from starting a function's process to its first answers, beside its peers and the limit in C.
//!
//! Every round starts each server once, one after the other, and asks what the platform asks: a connection, a first
//! request, `/initialize`, the first `/invoke`. The client spins: it never sleeps, and yields the processor between two
//! looks. It keeps to one core from the moment the server runs; the server starts on another and may use all of them.

use std::error::Error;
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::time::Instant;

use rustix::fs::{Advice, fadvise, fsync};

use harness::client::{Client, GET, INITIALIZE, INVOKE};
use harness::cores::Cores;
use harness::folders;
use harness::machine;
use harness::process::{START_LIMIT, free_port};
use harness::report::Report;
use harness::series::{Series, add_ratios};
use harness::servers::{Build, Role, Server};
use harness::strace;
use harness::table::{median, quantile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::start("cold_start");
    let servers = report.servers("accept", "hello", |_| true)?;
    warm(&mut report, &servers)?;
    evicted(&mut report, &servers)?;
    count_calls(&mut report, &servers)?;
    report.finish()?;
    Ok(())
}

/// The usual case: what the start reads is in the page cache.
fn warm(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    let rounds = report.scale.pick(3, 30, 200);
    let all = measure(report, servers, rounds, |_| Ok(()))?;
    let title = format!("Cold start, page cache warm, {rounds} rounds: µs from the spawn");
    let columns = [
        median("accepted", "accepted", 0),
        quantile("first_200", 0.0, "200: min", 0),
        median("first_200", "median", 0),
        quantile("first_200", 0.9, "p90", 0),
        quantile("first_200", 0.99, "p99", 0),
        median("ratio", "to limit", 2),
        median("initialized", "initialize", 0),
        median("invoked", "invoke", 0),
        median("cpu", "CPU µs", 0),
        median("page_faults", "faults", 0),
    ];
    report.table("cold_start", &title, &columns, &all);
    for series in &all {
        let step = series.sample("attempt").median();
        report.doubt(&series.server.label(), series.sample("first_200").doubts(step));
    }
    let attempt = all.iter().map(|series| series.sample("attempt").median()).fold(0.0, f64::max);
    let clock = machine::clock_step();
    report.note(format!(
        "the connection is asked for every {attempt:.1} µs; the clock's step is {clock:.2} µs"
    ));
    report.note("ratios are medians of the ratios round by round, to the limit with the same C library (others: glibc)");
    Ok(())
}

/// The same with each program read from the disk.
fn evicted(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    // Those whose binary is the whole program, so that dropping it drops what the start reads.
    let whole = |server: &&Server| server.is_compiled() && server.build != Build::Dynamic;
    let servers: Vec<Server> = servers.iter().filter(whole).cloned().collect();
    let all = measure(report, &servers, report.scale.pick(2, 5, 40), evict)?;
    let columns = [
        median("first_200", "200: median", 0),
        quantile("first_200", 0.9, "p90", 0),
        median("ratio", "to limit", 2),
        median("page_faults", "faults", 0),
    ];
    let title = "Cold start, the binary not in the page cache: µs from the spawn";
    report.table("cold_start_evicted", title, &columns, &all);
    report
        .note("only the program's own file is dropped; libraries, directories and the disk's own cache stay");
    Ok(())
}

/// Starts all servers in every round; `before` is called with each before it starts.
fn measure(
    report: &mut Report,
    servers: &[Server],
    rounds: usize,
    before: impl Fn(&Server) -> io::Result<()>,
) -> io::Result<Vec<Series>> {
    let cores = Cores::of_this_process()?;
    // The first in line would pay for the last one's end, so another one runs before it and does not count; not its own
    // program, which would then be in the processor's caches.
    let another = servers.get(2);
    let mut all: Vec<Series> = another.into_iter().chain(servers).map(Series::of).collect();
    report.take_turns(&mut all, rounds + 1, |series, round| {
        before(&series.server)?;
        let figures = start_once(&series.server, &cores)?;
        // Nor does the first round: it fills the page cache.
        if round > 0 {
            figures.into_iter().for_each(|(quantity, figure)| series.push(quantity, figure));
        }
        Ok(())
    })?;
    all.drain(..all.len() - servers.len());
    cores.release(None)?;
    // The limit with the same C library, glibc's for those that bring their own.
    add_ratios(&mut all, "first_200", |base, server| {
        let build = if server.build == Build::Own { Build::Glibc } else { server.build };
        base.role() == Role::Limit && base.build == build
    });
    Ok(all)
}

/// One cold start: times in microseconds since just before the spawn, and what it has cost by then.
fn start_once(server: &Server, cores: &Cores) -> io::Result<[(&'static str, f64); 7]> {
    let port = free_port();
    let mut command = server.command(port);
    command.stderr(Stdio::null());
    cores.before_spawn()?;
    let start = Instant::now();
    let since = || start.elapsed().as_secs_f64() * 1e6;
    let running = cores.spawn_apart(command, port)?;
    let (spawned, (mut client, attempts)) = (since(), Client::poll_connect(port, START_LIMIT)?);
    let accepted = since();
    client.spin()?;
    client.ask(GET)?;
    let first_200 = since();
    client.ask(INITIALIZE)?;
    let initialized = since();
    client.ask(INVOKE)?;
    let invoked = since();
    let usage = running.usage();
    client.reset();
    Ok([
        ("accepted", accepted),
        ("attempt", (accepted - spawned) / f64::from(attempts)),
        ("first_200", first_200),
        ("initialized", initialized),
        ("invoked", invoked),
        ("cpu", usage.cpu),
        ("page_faults", usage.page_faults),
    ])
}

/// Drops one file from the page cache, and nothing else.
fn evict(server: &Server) -> io::Result<()> {
    let file = File::open(&server.program)?;
    fsync(&file)?; // what has not been written yet is not dropped
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// System calls, in a pass of their own: to the first response, and per request on a keep-alive connection.
fn count_calls(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    if let Err(why) = strace::available() {
        report.note(why);
        return Ok(());
    }
    let log = folders::output()?.join("strace.log");
    let requests = report.scale.pick(11, 51, 201);
    let mut all: Vec<Series> = servers.iter().filter(|server| server.is_compiled()).map(Series::of).collect();
    report.take_turns(&mut all, 1, |series, _| {
        let port = free_port();
        let trace = strace::record(&series.server.command(port), port, requests, &log)?;
        series.push("to_first_response", trace.to_first_response().len() as f64);
        let between = trace.between_responses().len() as f64;
        series.push("per_request", between / (trace.responses().max(2) - 1) as f64);
        Ok(())
    })?;
    let columns = [
        median("to_first_response", "to the first response", 0),
        median("per_request", "per keep-alive request", 2),
    ];
    report.table("system_calls", "System calls", &columns, &all);
    Ok(())
}
