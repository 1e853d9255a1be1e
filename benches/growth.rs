//! How a response's time grows: with open connections, bytes of the body, lines of the head, and silent connections. One
//! client asks one question at a time on the server's core: what is seen is no waiting in line and no waking of a core.

use harness::*;
use std::{error::Error, io};

/// The peers that stand for the others where a server is asked for minutes.
const SHOWN: [&str; 5] = ["C epoll", "fc-runtime", "hyper-current", "actix-web", "may_minihttp"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::start("growth");
    let scale = report.scale;
    let stands_for_others =
        |server: &Server| SHOWN.contains(&server.name) && server.is_usual() && server.build != Build::Musl;
    let hello = report.servers("epoll", "hello", |server| server.is_usual() && server.is_compiled())?;
    let few: Vec<Server> = hello.iter().filter(|server| stands_for_others(server)).cloned().collect();
    // The limit in C reads no bodies.
    let echo = |server: &Server| stands_for_others(server) && server.role() != Role::Limit;
    let echo = report.servers("epoll", "echo", echo)?;

    let points = scale.pick(&[1, 100][..], &[1, 100, 2_000], &[1, 10, 100, 1_000, 3_000, 10_000]);
    answer(&mut report, &few, "connections", "open connections, asked in turn", points, with_connections)?;
    let full = &[0, 1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 23, 32 << 20];
    let points = scale.pick(&[0, 1 << 16][..], &[0, 1 << 10, 1 << 20], full);
    answer(&mut report, &echo, "body", "bytes of a body that is echoed", points, with_body)?;
    let points = scale.pick(&[1, 16][..], &[1, 16, 60], &[1, 2, 4, 8, 16, 32, 60]);
    answer(&mut report, &few, "headers", "header lines", points, with_headers)?;
    beside_idle(&mut report, &hello)?;
    report.note("client and server share one core, so that the time is work and not the waking of a core");
    report.finish()
}

/// Each server at each point; what the last costs more than the cheapest, and its slope on logarithmic axes (1: linear).
fn answer(
    report: &mut Report,
    servers: &[Server],
    key: &str,
    what_grows: &str,
    points: &[usize],
    measure: fn(&Running, usize, Scale) -> io::Result<Sample>,
) -> io::Result<()> {
    let scale = report.scale;
    let mut all: Vec<Series> = servers.iter().map(Series::of).collect();
    on_one_core(report, &mut all, |running, series| {
        let mut times = Vec::new();
        for point in points {
            let sample = measure(running, *point, scale)?;
            times.push((f64::max(1.0, *point as f64), sample.median()));
            series.samples.insert(point.to_string(), sample);
        }
        if let [.., (x1, time1), (x2, time2)] = times[..] {
            let cheapest = times.iter().map(|(_, time)| *time).fold(f64::INFINITY, f64::min);
            series.record([("times", time2 / cheapest), ("slope", (time2 / time1).ln() / (x2 / x1).ln())]);
        }
        Ok(())
    })?;
    let column = |point: &usize| median(&point.to_string(), &number(*point as f64, 0), 1);
    let ends = [median("times", "times the least", 1), median("slope", "slope", 1)];
    let columns: Vec<_> = points.iter().map(column).chain(ends).collect();
    report.table(key, &format!("Response time, median µs, by the number of {what_grows}"), &columns, &all);
    for point in points {
        report.doubt(&format!("{key} {point}"), &all, &point.to_string());
    }
    Ok(())
}

fn on_one_core(
    report: &mut Report,
    all: &mut [Series],
    measure: impl Fn(&Running, &mut Series) -> io::Result<()>,
) -> io::Result<()> {
    report.take_turns(all, 1, |series, _| {
        let running = Running::start(&series.server)?;
        let cores = Cores::of_this_process()?;
        cores.share_one(&running)?;
        measure(&running, series)
    })
}

/// Opens the connections, then asks over each in turn.
fn with_connections(running: &Running, connections: usize, scale: Scale) -> io::Result<Sample> {
    let mut clients = Client::connect_used(running.port, connections)?; // the first request is also the accept
    let requests = scale.pick(50, 500, 3_000).max(connections);
    let sample: io::Result<Sample> =
        (0..requests).map(|request| clients[request % connections].timed(GET)).collect();
    clients.into_iter().for_each(Client::reset);
    sample
}

fn with_body(running: &Running, length: usize, scale: Scale) -> io::Result<Sample> {
    let head = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    let request = [head.as_bytes(), &vec![b'x'; length]].concat();
    let budget: usize = scale.pick(1 << 20, 8 << 20, 512 << 20);
    again(running, &request, (budget / request.len()).clamp(10, scale.pick(20, 300, 2_000)))
}

fn with_headers(running: &Running, lines: usize, scale: Scale) -> io::Result<Sample> {
    let line = |line| format!("x-header-{line}: a value of the usual length, {line}\r\n");
    let lines: String = (1..lines).map(line).collect();
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    again(running, request.as_bytes(), scale.pick(20, 300, 3_000))
}

/// Asks the same over one connection; the first time, which is also the accept, does not count.
fn again(running: &Running, request: &[u8], times: usize) -> io::Result<Sample> {
    let mut client = Client::connect(running.port, 0)?;
    let mut sample = Sample::new();
    for turn in 0..=times {
        let time = client.timed(request)?;
        if turn > 0 {
            sample.push(time);
        }
        if client.is_ending {
            client = Client::connect(running.port, 0)?; // outside the time: the next one is asked as this one was
        }
    }
    Ok(sample)
}

/// Ten thousand connections that are silent after one request, and one that is not.
fn beside_idle(report: &mut Report, servers: &[Server]) -> io::Result<()> {
    let connections = report.scale.pick(100, 2_000, 10_000);
    let requests = report.scale.pick(50, 500, 3_000);
    let mut all: Vec<Series> = servers.iter().map(Series::of).collect();
    on_one_core(report, &mut all, |running, series| {
        let mut busy = Client::connect(running.port, 0)?;
        series
            .samples
            .insert("alone".into(), (0..requests).map(|_| busy.timed(GET)).collect::<io::Result<_>>()?);
        let before = running.usage().resident;
        let idle = Client::connect_used(running.port, connections)?;
        series
            .samples
            .insert("beside".into(), (0..requests).map(|_| busy.timed(GET)).collect::<io::Result<_>>()?);
        let resident = running.usage().resident;
        let per_connection = (resident - before) * 1024.0 / connections as f64;
        series.record([("resident", resident), ("per_connection", per_connection)]);
        idle.into_iter().for_each(Client::reset);
        Ok(())
    })?;
    let columns = [
        median("alone", "alone: p50 µs", 1),
        median("beside", "beside: p50 µs", 1),
        quantile("beside", 0.99, "p99 µs", 1),
        median("resident", "resident KB", 0),
        median("per_connection", "bytes per connection", 0),
    ];
    let title = format!("One busy connection, alone and beside {connections} idle ones");
    report.table("idle", &title, &columns, &all);
    Ok(())
}
