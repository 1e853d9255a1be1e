//! What a function weighs: its binary, the zip that is uploaded, and the memory it holds while it serves.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use harness::{Client, GET, Report, Running, Series, ask_all, median};
use std::io::{self, Write};
use std::{error::Error, fs};

/// A zip of one file named `bootstrap` around its compressed bytes: local header, directory entry, end of directory.
const ZIP_FRAME: usize = 30 + 9 + 46 + 9 + 22;

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::start("size");
    let servers = report.servers("epoll", "hello", |_| true)?;
    let mut all: Vec<Series> = servers.iter().map(Series::of).collect();
    report.take_turns(&mut all, report.scale.pick(1, 1, 5), |series, round| {
        if round == 0 && series.server.is_compiled() {
            weigh(series)?;
        }
        hold(series)
    })?;
    let columns = [
        median("binary", "binary", 0),
        median("zip", "zip", 0),
        median("started", "at start", 0),
        median("served", "after 1,000 requests", 0),
        median("connected", "at 200 connections", 0),
        median("threads", "threads then", 0),
    ];
    report.table("size", "Size and resident memory, KB", &columns, &all);
    report.note("a zip is the binary deflated at level 9; an interpreter's own size is not the function's, so it has none");
    report.finish()
}

fn weigh(series: &mut Series) -> io::Result<()> {
    let binary = fs::read(&series.server.program)?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&binary)?;
    let zip = encoder.finish()?.len() + ZIP_FRAME;
    series.record([("binary", binary.len() as f64 / 1024.0), ("zip", zip as f64 / 1024.0)]);
    Ok(())
}

/// One life: started and asked once, after a thousand requests, and with 200 connections that have each been used.
fn hold(series: &mut Series) -> io::Result<()> {
    let running = Running::start(&series.server)?;
    let mut client = Client::connect(running.port, 0)?;
    client.ask(GET)?;
    series.push("started", running.usage().resident);
    (0..1_000).try_for_each(|_| client.ask(GET).map(drop))?;
    series.push("served", running.usage().resident);
    let mut clients = Client::connect_all(running.port, 200)?;
    ask_all(&mut clients, GET)?;
    let usage = running.usage();
    series.record([("connected", usage.resident), ("threads", usage.threads)]);
    clients.into_iter().for_each(Client::reset);
    Ok(())
}
