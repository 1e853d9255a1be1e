//! How long it takes from starting a function's process to its first answers, beside its peers and the limits. Every round
//! starts each server once, in turn, and asks what the platform asks. The client spins: it never sleeps, and yields between
//! two looks. It keeps to one core once the server runs; the server starts on another and may use all of them.

use harness::*;
use rustix::fs::{Advice, fadvise, fsync};
use std::{error::Error, fs::File, io, time::Instant};

/// What is asked of a server that has just been started: the first invocation alone, or what the platform sends where an
/// Initializer is configured.
const FIRST_INVOCATION: [&[u8]; 1] = [GET];
const WITH_INITIALIZER: [&[u8]; 2] = [INITIALIZE, INVOKE];

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::start("cold_start");
    let servers = report.servers("accept", "hello", |_| true)?;
    let rounds = report.scale.pick(3, 30, 200);
    let title = format!("Cold start, page cache warm, {rounds} rounds: µs from the spawn");
    compare(&mut report, "cold_start", &title, &servers, rounds, &FIRST_INVOCATION, |_| Ok(()))?;
    let title =
        format!("The same with an Initializer, {rounds} rounds: µs from the spawn to the invocation's 200");
    compare(&mut report, "cold_start_initialize", &title, &servers, rounds, &WITH_INITIALIZER, |_| Ok(()))?;

    // Those whose binary is the whole program, so that dropping it drops what the start reads.
    let whole = |server: &&Server| server.is_compiled() && server.build != Build::Dynamic;
    let whole: Vec<Server> = servers.iter().filter(whole).cloned().collect();
    let rounds = report.scale.pick(2, 5, 40);
    let title = format!("Cold start, the binary not in the page cache, {rounds} rounds: µs from the spawn");
    compare(&mut report, "cold_start_evicted", &title, &whole, rounds, &FIRST_INVOCATION, evict)?;
    report
        .note("only the program's own file is dropped; libraries, directories and the disk's own cache stay");
    report.note("the ratios are medians of those round by round, to the limit in C with the same C library (others: glibc)");
    report.note("hyper: its HTTP/1 server alone, one thread, TCP_NODELAY, built with the flags and the profile of ours");

    count_calls(&mut report, &servers)?;
    report.finish()
}

/// Starts all servers in every round, calling `before` with each before it starts, and shows what they took.
fn compare(
    report: &mut Report,
    key: &str,
    title: &str,
    servers: &[Server],
    rounds: usize,
    requests: &[&[u8]],
    before: impl Fn(&Server) -> io::Result<()>,
) -> io::Result<()> {
    let cores = Cores::of_this_process()?;
    // The first in line would pay for the last one's end: another one, not its own program, runs before it uncounted.
    let another = servers.get(2);
    let mut all: Vec<Series> = another.into_iter().chain(servers).map(Series::of).collect();
    report.take_turns(&mut all, rounds + 1, |series, round| {
        before(&series.server)?;
        let figures = start_once(&series.server, &cores, requests)?;
        // Nor does the first round: it fills the page cache.
        if round > 0 {
            series.record(figures);
        }
        Ok(())
    })?;
    all.drain(..all.len() - servers.len());
    // The limit with the same C library, glibc's for those that bring their own.
    add_ratios(&mut all, "last_200", |base, server| {
        let build = if server.build == Build::Own { Build::Glibc } else { server.build };
        base.name == "C accept" && base.build == build
    });
    let columns = [
        median("accepted", "accepted", 0),
        median("step", "in steps of", 1),
        median("first_200", "first 200", 0),
        quantile("last_200", 0.0, "last 200: min", 0),
        median("last_200", "median", 0),
        quantile("last_200", 0.9, "p90", 0),
        quantile("last_200", 0.99, "p99", 0),
        median("ratio", "to limit", 2),
        median("cpu", "CPU µs", 0),
        median("page_faults", "faults", 0),
    ];
    report.table(key, title, &columns, &all);
    report.doubt(key, &all, "last_200");
    Ok(())
}

/// One cold start: times in microseconds since just before the spawn, and what it has cost by the last answer.
fn start_once(server: &Server, cores: &Cores, requests: &[&[u8]]) -> io::Result<[(&'static str, f64); 6]> {
    let port = free_port();
    let command = server.command(port);
    cores.before_spawn()?;
    let start = Instant::now();
    let since = || start.elapsed().as_secs_f64() * 1e6;
    let running = cores.spawn_apart(command, port)?;
    let (spawned, (mut client, attempts)) = (since(), Client::poll_connect(port)?);
    let accepted = since();
    client.spin()?;
    let answered: Vec<f64> =
        requests.iter().map(|request| client.ask(request).map(|_| since())).collect::<io::Result<_>>()?;
    let usage = running.usage();
    client.reset();
    let answer = |nth: Option<&f64>| nth.copied().unwrap_or(f64::NAN);
    Ok([
        ("accepted", accepted),
        ("step", (accepted - spawned) / f64::from(attempts)),
        ("first_200", answer(answered.first())),
        ("last_200", answer(answered.last())),
        ("cpu", usage.cpu),
        ("page_faults", usage.page_faults),
    ])
}

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
    let requests = report.scale.pick(11, 51, 201);
    let mut all: Vec<Series> = servers.iter().filter(|server| server.is_compiled()).map(Series::of).collect();
    report.take_turns(&mut all, 1, |series, _| {
        let trace = strace::record(&series.server, requests)?;
        let (first, others) = (trace.to_first_response().len(), trace.between_responses().len());
        let per_request = others as f64 / (requests - 1) as f64;
        series.record([("to_first_response", first as f64), ("per_request", per_request)]);
        Ok(())
    })?;
    let columns = [
        median("to_first_response", "to the first response", 0),
        median("per_request", "per keep-alive request", 2),
    ];
    report.table("system_calls", "System calls", &columns, &all);
    Ok(())
}
