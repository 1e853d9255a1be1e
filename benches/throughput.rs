//! What a running server gets through, beside its peers and the limit in C: keep-alive load at four connection counts,
//! echoed bodies, calls that block, and a busy connection among ten thousand idle ones.
//!
//! All servers run from the start to the end, and take turns in rounds of a second; those that wait use no processor.

use std::env;
use std::error::Error;
use std::io;
use std::time::Instant;

use harness::client::{Client, GET};
use harness::cores::Cores;
use harness::options::{Options, Scale};
use harness::process::Running;
use harness::report::Report;
use harness::servers::{Build, Catalogue, Role, Server};
use harness::stats::Sample;
use harness::table::{Table, column};
use harness::verify;
use harness::wrk::{self, Load};

/// The argument that makes this program a server of ours that blocks, instead of the benchmark.
const SERVE_BLOCKING: &str = "--serve-blocking";
/// How many rounds servers in other languages take part in.
const FOREIGN_ROUNDS: usize = 2;
/// Connections of the keep-alive load; the platform allows 200 concurrent requests per instance.
const CONNECTIONS: [usize; 4] = [1, 8, 64, 200];

/// A server that runs, and what it has shown under one kind of load.
struct Subject {
    server: Server,
    running: Running,
    per_second: Sample,
    p50: Sample,
    p99: Sample,
    /// Microseconds of processor time per request, which the load of others hardly moves.
    cpu: Sample,
    errors: f64,
}

impl Subject {
    fn start(server: Server) -> io::Result<Subject> {
        let running = Running::start(&server)?;
        let [per_second, p50, p99, cpu] = [const { Sample::new() }; 4];
        Ok(Subject { server, running, per_second, p50, p99, cpu, errors: 0.0 })
    }

    fn load(&mut self, load: &Load, cores: &Cores) -> io::Result<()> {
        if load.connections == 1 {
            cores.share_one(&self.running)?;
        } else {
            cores.release(Some(&self.running))?;
        }
        let before = self.running.usage();
        let outcome = load.run(self.running.port)?;
        let after = self.running.usage();
        self.per_second.push(outcome.per_second);
        self.p50.push(outcome.p50);
        self.p99.push(outcome.p99);
        self.cpu.push((after.cpu - before.cpu) / outcome.requests.max(1.0));
        self.errors += outcome.errors;
        Ok(())
    }

    fn forget(&mut self) {
        [self.per_second, self.p50, self.p99, self.cpu] = [const { Sample::new() }; 4];
        self.errors = 0.0;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if env::args().any(|argument| argument == SERVE_BLOCKING) {
        return serve_blocking();
    }
    let options = Options::from_args();
    let mut report = Report::start("throughput", &options);
    let mut hello = catalogue(&options, "hello", &mut report);
    let mut missing = Vec::new();
    verify::keep_the_same(&mut hello, &mut missing);
    report.notes(missing);
    let echo = catalogue(&options, "echo", &mut report);
    match wrk::available() {
        Ok(()) => {
            keep_alive(&mut report, &hello, options.scale)?;
            echoes(&mut report, &echo, options.scale)?;
        }
        Err(why) => report.note(why),
    }
    blocking(&mut report, &hello, options.scale)?;
    idle(&mut report, &hello, options.scale)?;
    report.finish()?;
    Ok(())
}

/// One build of each server is enough here: static with glibc, and ours with musl too.
fn catalogue(options: &Options, example: &str, report: &mut Report) -> Vec<Server> {
    let found = Catalogue::find(options, "epoll", example);
    found.require_servers();
    let chosen = |server: &Server| match (server.role, server.build) {
        (_, Build::Glibc | Build::Own) => true,
        (Role::Ours, Build::Musl) => !server.name.contains("marks"),
        _ => false,
    };
    report.notes(found.missing);
    found.present.into_iter().filter(chosen).collect()
}

fn keep_alive(report: &mut Report, servers: &[Server], scale: Scale) -> io::Result<()> {
    let (rounds, counts) = (scale.pick(1, 1, 5), scale.pick(&CONNECTIONS[2..3], &CONNECTIONS, &CONNECTIONS));
    let servers = servers.iter().filter(|server| scale != Scale::Quick || server.role != Role::Foreign);
    let mut subjects = servers.cloned().map(Subject::start).collect::<io::Result<Vec<_>>>()?;
    for &connections in counts {
        let load = Load { connections, seconds: 1, target: "/", body: None };
        run_rounds(report, &mut subjects, &load, rounds)?;
        let title = format!("Keep-alive, {connections} connections, {rounds} rounds of a second");
        show_load(report, &format!("keep_alive_{connections}"), &title, &subjects, "C epoll");
    }
    report.note("wrk takes part of the cores: one thread for one connection, two for more; ratios are to one epoll loop");
    report.note("at one connection wrk and the server share one core, so that it is work and not the waking of a core");
    Ok(())
}

/// Runs the rounds; a server that cannot stand them is named and left out of what follows.
fn run_rounds(
    report: &mut Report,
    subjects: &mut Vec<Subject>,
    load: &Load,
    rounds: usize,
) -> io::Result<()> {
    let cores = Cores::of_this_process()?;
    subjects.iter_mut().for_each(Subject::forget);
    for round in 0..rounds {
        let mut standing = Vec::with_capacity(subjects.len());
        for mut subject in subjects.drain(..) {
            if round >= FOREIGN_ROUNDS && subject.server.role == Role::Foreign {
                standing.push(subject); // they are far enough away not to be measured as often
                continue;
            }
            let outcome = subject.load(load, &cores).map_err(|error| match subject.running.end() {
                Some(status) => io::Error::other(format!("the server has ended ({status}); {error}")),
                None => error,
            });
            if report.tolerate(&subject.server, outcome)?.is_some() {
                standing.push(subject);
            }
        }
        *subjects = standing;
    }
    cores.release(None)
}

fn show_load(report: &mut Report, key: &str, title: &str, subjects: &[Subject], base: &str) {
    let columns = vec![
        column("per_second", "requests/s", 0),
        column("ratio", &format!("to {base}"), 2),
        column("p50", "p50 µs", 0),
        column("p99", "p99 µs", 0),
        column("cpu", "CPU µs/request", 1),
        column("errors", "errors", 0),
    ];
    let mut table = Table::new(key, title, columns);
    let base = subjects.iter().find(|subject| subject.server.name == base);
    for subject in subjects {
        let ratio = base.map_or(f64::NAN, |base| subject.per_second.ratio_to(&base.per_second));
        let values = [
            subject.per_second.median(),
            ratio,
            subject.p50.median(),
            subject.p99.median(),
            subject.cpu.median(),
            subject.errors,
        ];
        table.row(&subject.server, values.to_vec());
        report.doubt(&format!("{} {key}", subject.server.label()), subject.per_second.doubts(0.0));
    }
    report.table(&table);
}

/// Bodies that come back as they went; the limit in C reads no bodies, so hyper is what others are compared with.
fn echoes(report: &mut Report, servers: &[Server], scale: Scale) -> io::Result<()> {
    let rounds = scale.pick(1, 1, 3);
    let able =
        |server: &&Server| matches!(server.role, Role::Ours | Role::Peer) || server.name.starts_with("Go");
    let mut subjects =
        servers.iter().filter(able).cloned().map(Subject::start).collect::<io::Result<Vec<_>>>()?;
    for (name, body) in [("1 KB", 1 << 10), ("1 MB", 1 << 20)] {
        let load = Load { connections: 8, seconds: 1, target: "/echo", body: Some(body) };
        run_rounds(report, &mut subjects, &load, rounds)?;
        let title = format!("Echo of {name}, 8 connections, {rounds} rounds of a second");
        show_load(report, &format!("echo_{body}"), &title, &subjects, "hyper-current");
    }
    Ok(())
}

/// The function that the next table is about.
fn serve_blocking() -> Result<(), Box<dyn Error>> {
    fc_runtime::serve_fn(|_, _| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        Ok(fc_runtime::Response::text("Hello, World!"))
    })?;
    Ok(())
}

/// Two hundred calls at once that each block for 100 ms: how long until the last is answered.
fn blocking(report: &mut Report, servers: &[Server], scale: Scale) -> io::Result<()> {
    let rounds = scale.pick(1, 2, 5);
    let able = |server: &&Server| {
        server.role != Role::Limit && server.build != Build::Musl && !server.name.contains("marks")
    };
    let mut table = Table::new(
        "blocking",
        "200 calls at once that block for 100 ms each",
        vec![
            column("last", "ms until the last answer", 0),
            column("threads", "threads then", 0),
            column("resident", "resident KB", 0),
        ],
    );
    let mut servers: Vec<Server> = servers.iter().filter(able).cloned().collect();
    for server in servers.iter_mut().filter(|server| server.role == Role::Ours) {
        server.build = Build::Dynamic;
        server.program = env::current_exe()?;
        server.arguments = vec![SERVE_BLOCKING.into()];
    }
    for server in &servers {
        if let Some(values) = report.tolerate(server, blocked(server, rounds))? {
            table.row(server, values);
        }
    }
    report.table(&table);
    Ok(())
}

/// One row of that table.
fn blocked(server: &Server, rounds: usize) -> io::Result<Vec<f64>> {
    let running = Running::start(server)?;
    let mut last = Sample::new();
    for _ in 0..rounds {
        last.push(all_at_once(running.port)?);
    }
    let usage = running.usage();
    Ok(vec![last.median(), usage.threads, usage.resident])
}

/// Milliseconds until 200 connections that ask at once have their answers.
fn all_at_once(port: u16) -> io::Result<f64> {
    let mut clients = (0..200).map(|nth| Client::connect(port, nth)).collect::<io::Result<Vec<_>>>()?;
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

/// Ten thousand connections that are silent after one request, and one that is not.
fn idle(report: &mut Report, servers: &[Server], scale: Scale) -> io::Result<()> {
    let connections = scale.pick(100, 2_000, 10_000);
    let requests = scale.pick(50, 500, 3_000);
    let title = format!("One busy connection, alone and beside {connections} idle ones");
    let mut table = Table::new(
        "idle",
        &title,
        vec![
            column("alone", "alone: p50 µs", 1),
            column("beside", "beside: p50 µs", 1),
            column("beside_p99", "p99 µs", 1),
            column("resident", "resident KB", 0),
            column("per_connection", "bytes per connection", 0),
        ],
    );
    let cores = Cores::of_this_process()?;
    let compiled = |server: &&Server| server.role != Role::Foreign || server.name.starts_with("Go");
    for server in servers.iter().filter(compiled) {
        let outcome = beside_idle(server, &cores, connections, requests);
        if let Some(values) = report.tolerate(server, outcome)? {
            table.row(server, values);
        }
    }
    cores.release(None)?;
    report.table(&table);
    report
        .note("client and server share one core here, so that the time is work and not the waking of a core");
    Ok(())
}

/// One row of that table.
fn beside_idle(server: &Server, cores: &Cores, connections: usize, requests: usize) -> io::Result<Vec<f64>> {
    cores.release(None)?;
    let running = Running::start(server)?;
    cores.share_one(&running)?;
    let mut busy = Client::connect(running.port, 0)?;
    let alone = series(&mut busy, requests)?;
    let before = running.usage().resident;
    let mut others = Vec::with_capacity(connections);
    for nth in 0..connections {
        let mut client = Client::connect(running.port, nth)?;
        client.ask(GET)?;
        others.push(client);
    }
    let beside = series(&mut busy, requests)?;
    let resident = running.usage().resident;
    let each = (resident - before) * 1024.0 / connections as f64;
    others.into_iter().for_each(Client::reset);
    Ok(vec![alone.median(), beside.median(), beside.quantile(0.99), resident, each])
}

/// The response times of one connection that asks again and again, in microseconds.
fn series(client: &mut Client, requests: usize) -> io::Result<Sample> {
    let mut sample = Sample::new();
    for _ in 0..requests {
        let start = Instant::now();
        client.ask(GET)?;
        sample.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(sample)
}
