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
use harness::machine;
use harness::options::{Options, Scale};
use harness::process::{START_LIMIT, free_port};
use harness::report::{self, Report};
use harness::servers::{Build, Catalogue, Role, Server};
use harness::stats::Sample;
use harness::strace;
use harness::table::{Table, column};
use harness::verify;

/// What one server took in each round. Times in microseconds since just before the spawn.
#[derive(Default)]
struct Series {
    accepted: Sample,
    first_200: Sample,
    initialized: Sample,
    invoked: Sample,
    cpu: Sample,
    page_faults: Sample,
    attempt: Sample,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args();
    let mut catalogue = Catalogue::find(&options, "accept", "hello");
    catalogue.require_servers();
    let mut report = Report::start("cold_start", &options);
    verify::keep_the_same(&mut catalogue.present, &mut catalogue.missing);
    report.notes(catalogue.missing.iter().cloned());

    let rounds = options.scale.pick(3, 30, 200);
    let series = measure(&catalogue.present, rounds, |_| Ok(()))?;
    show(&mut report, &catalogue.present, &series, rounds);

    let rounds = options.scale.pick(2, 5, 40);
    let few: Vec<Server> = catalogue.present.iter().filter(|server| is_compiled(server)).cloned().collect();
    let series = measure(&few, rounds, evict)?;
    show_evicted(&mut report, &few, &series);

    count_calls(&mut report, &catalogue.present, options.scale)?;
    report.finish()?;
    Ok(())
}

/// Whether the binary is the whole program, so that dropping it from the page cache drops what the start reads.
fn is_compiled(server: &Server) -> bool {
    server.role != Role::Foreign && server.build != Build::Dynamic || server.name.starts_with("Go")
}

/// Runs the rounds, A B C A B C …; `before` is called with each server before it starts.
fn measure(
    servers: &[Server],
    rounds: usize,
    before: impl Fn(&Server) -> io::Result<()>,
) -> io::Result<Vec<Series>> {
    let cores = Cores::of_this_process()?;
    let mut all: Vec<Series> = servers.iter().map(|_| Series::default()).collect();
    for round in 0..=rounds {
        // The first in line would pay for the last one's end, so another one runs before it and does not count; not
        // its own program, which would then be in the processor's caches.
        if let Some(another) = servers.get(2) {
            start_once(another, &mut Series::default(), &cores)?;
        }
        for (server, series) in servers.iter().zip(&mut all) {
            before(server)?;
            let mut unused = Series::default();
            // Nor does the first round: it fills the page cache.
            let series = if round == 0 { &mut unused } else { series };
            let outcome = start_once(server, series, &cores);
            outcome.map_err(|error| io::Error::other(format!("{}: {error}", server.label())))?;
        }
    }
    cores.release(None)?;
    Ok(all)
}

/// One cold start.
fn start_once(server: &Server, series: &mut Series, cores: &Cores) -> io::Result<()> {
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
    series.attempt.push((accepted - spawned) / f64::from(attempts));
    for (sample, value) in [
        (&mut series.accepted, accepted),
        (&mut series.first_200, first_200),
        (&mut series.initialized, initialized),
        (&mut series.invoked, invoked),
        (&mut series.cpu, usage.cpu),
        (&mut series.page_faults, usage.page_faults),
    ] {
        sample.push(value);
    }
    Ok(())
}

/// Drops one file from the page cache, and nothing else.
fn evict(server: &Server) -> io::Result<()> {
    let file = File::open(&server.program)?;
    fsync(&file)?; // what has not been written yet is not dropped
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// The limit that a server is compared with: the one with the same C library, glibc's for those that bring their own.
fn limit_of<'a>(server: &Server, servers: &[Server], all: &'a [Series]) -> Option<&'a Series> {
    let build = if server.build == Build::Own { Build::Glibc } else { server.build };
    let index = servers.iter().position(|other| other.role == Role::Limit && other.build == build)?;
    all.get(index)
}

fn show(report: &mut Report, servers: &[Server], all: &[Series], rounds: usize) {
    let title = format!("Cold start, page cache warm, {rounds} rounds: µs from the spawn");
    let mut table = Table::new(
        "cold_start",
        &title,
        vec![
            column("accepted", "accepted", 0),
            column("first_200_min", "200: min", 0),
            column("first_200", "median", 0),
            column("first_200_p90", "p90", 0),
            column("first_200_p99", "p99", 0),
            column("ratio", "to limit", 2),
            column("initialized", "initialize", 0),
            column("invoked", "invoke", 0),
            column("cpu", "CPU µs", 0),
            column("page_faults", "faults", 0),
        ],
    );
    for (server, series) in servers.iter().zip(all) {
        let first = &series.first_200;
        let ratio = limit_of(server, servers, all).map_or(f64::NAN, |limit| first.ratio_to(&limit.first_200));
        table.row(
            server,
            vec![
                series.accepted.median(),
                first.min(),
                first.median(),
                first.quantile(0.9),
                first.quantile(0.99),
                ratio,
                series.initialized.median(),
                series.invoked.median(),
                series.cpu.median(),
                series.page_faults.median(),
            ],
        );
        report.doubt(&server.label(), first.doubts(series.attempt.median()));
    }
    report.table(&table);
    let attempt = all.iter().map(|series| series.attempt.median()).fold(0.0, f64::max);
    report.note(format!(
        "the connection is asked for every {attempt:.1} µs; the clock's step is {:.2} µs",
        machine::clock_step()
    ));
    report.note("ratios are medians of the ratios round by round, to the limit with the same C library (others: glibc)");
}

fn show_evicted(report: &mut Report, servers: &[Server], all: &[Series]) {
    let mut table = Table::new(
        "cold_start_evicted",
        "Cold start, the binary not in the page cache: µs from the spawn",
        vec![
            column("first_200", "200: median", 0),
            column("first_200_p90", "p90", 0),
            column("ratio", "to limit", 2),
            column("page_faults", "faults", 0),
        ],
    );
    for (server, series) in servers.iter().zip(all) {
        let first = &series.first_200;
        let ratio = limit_of(server, servers, all).map_or(f64::NAN, |limit| first.ratio_to(&limit.first_200));
        table.row(server, vec![first.median(), first.quantile(0.9), ratio, series.page_faults.median()]);
    }
    report.table(&table);
    report
        .note("only the program's own file is dropped; libraries, directories and the disk's own cache stay");
}

/// System calls, in a pass of their own: to the first response, and per request on a keep-alive connection.
fn count_calls(report: &mut Report, servers: &[Server], scale: Scale) -> io::Result<()> {
    if let Err(why) = strace::available() {
        report.note(why);
        return Ok(());
    }
    let mut table = Table::new(
        "system_calls",
        "System calls",
        vec![
            column("to_first_response", "to the first response", 0),
            column("per_request", "per keep-alive request", 2),
        ],
    );
    let log = report::directory()?.join("strace.log");
    let requests = scale.pick(11, 51, 201);
    for server in
        servers.iter().filter(|server| server.role != Role::Foreign || server.name.starts_with("Go"))
    {
        let port = free_port();
        let trace = strace::record(&server.command(port), port, requests, &log)?;
        let per_request = trace.between_responses().len() as f64 / (trace.responses().max(2) - 1) as f64;
        table.row(server, vec![trace.to_first_response().len() as f64, per_request]);
    }
    report.table(&table);
    Ok(())
}
