//! What a function weighs: its binary, the zip that is uploaded, and the memory it holds while it serves.

use std::error::Error;
use std::fs;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use harness::client::{Client, GET};
use harness::options::{Options, Scale};
use harness::process::Running;
use harness::report::Report;
use harness::servers::{Catalogue, Role, Server};
use harness::stats::Sample;
use harness::table::{Table, column};
use harness::verify;

/// A zip of one file named `bootstrap` around its compressed bytes: local header, directory entry, end of directory.
const ZIP_FRAME: usize = 30 + 9 + 46 + 9 + 22;

/// Resident memory in KB, in each round.
#[derive(Default)]
struct Memory {
    started: Sample,
    served: Sample,
    connected: Sample,
    threads: Sample,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args();
    let mut catalogue = Catalogue::find(&options, "accept", "hello");
    catalogue.require_servers();
    let mut report = Report::start("size", &options);
    catalogue.present.retain(|server| server.role != Role::Limit);
    catalogue.present.extend(
        Catalogue::find(&options, "epoll", "hello")
            .present
            .into_iter()
            .filter(|server| server.role == Role::Limit),
    );
    verify::keep_the_same(&mut catalogue.present, &mut catalogue.missing);
    report.notes(catalogue.missing.iter().cloned());
    let all = measure(&mut report, &catalogue.present, options.scale)?;
    show(&mut report, &catalogue.present, &all)?;
    report.finish()?;
    Ok(())
}

fn measure(report: &mut Report, servers: &[Server], scale: Scale) -> io::Result<Vec<Memory>> {
    let mut all: Vec<Memory> = servers.iter().map(|_| Memory::default()).collect();
    for _ in 0..scale.pick(1, 1, 5) {
        for (server, memory) in servers.iter().zip(&mut all) {
            if report.tolerate(server, hold(server, memory))?.is_none() {
                memory.connected.push(f64::NAN);
            }
        }
    }
    Ok(all)
}

/// One life: started and asked once, after a thousand requests, and with 200 connections that have each been used.
fn hold(server: &Server, memory: &mut Memory) -> io::Result<()> {
    let running = Running::start(server)?;
    let mut client = Client::connect(running.port, 0)?;
    client.ask(GET)?;
    memory.started.push(running.usage().resident);
    for _ in 0..1_000 {
        client.ask(GET)?;
    }
    memory.served.push(running.usage().resident);
    let mut clients =
        (0..200).map(|nth| Client::connect(running.port, nth)).collect::<io::Result<Vec<_>>>()?;
    clients.iter_mut().try_for_each(|client| client.send(GET))?;
    for client in &mut clients {
        client.answer()?;
    }
    let usage = running.usage();
    memory.connected.push(usage.resident);
    memory.threads.push(usage.threads);
    clients.into_iter().for_each(Client::reset);
    Ok(())
}

fn show(report: &mut Report, servers: &[Server], all: &[Memory]) -> io::Result<()> {
    let mut table = Table::new(
        "size",
        "Size and resident memory, KB",
        vec![
            column("binary", "binary", 0),
            column("zip", "zip", 0),
            column("started", "at start", 0),
            column("served", "after 1,000 requests", 0),
            column("connected", "at 200 connections", 0),
            column("threads", "threads then", 0),
        ],
    );
    for (server, memory) in servers.iter().zip(all) {
        let whole = server.role != Role::Foreign || server.name.starts_with("Go");
        let (binary, zip) = if whole { weigh(server)? } else { (f64::NAN, f64::NAN) };
        let held = [&memory.started, &memory.served, &memory.connected, &memory.threads].map(Sample::median);
        table.row(server, [[binary, zip].as_slice(), &held].concat());
    }
    report.table(&table);
    report.note("a zip is the binary deflated at level 9; an interpreter's own size is not the function's, so it has none");
    Ok(())
}

/// The binary and its zip in KB.
fn weigh(server: &Server) -> io::Result<(f64, f64)> {
    let binary = fs::read(&server.program)?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&binary)?;
    let zip = encoder.finish()?.len() + ZIP_FRAME;
    Ok((binary.len() as f64 / 1024.0, zip as f64 / 1024.0))
}
