//! How a response's time grows: with the connections that are open, the bytes of the body, the lines of the head, and
//! with thousands of connections that are silent.
//!
//! One client asks one question at a time, so that what is seen is the cost of one response, not of waiting in line; it
//! shares one core with the server, so that it is not the waking of a sleeping core either.

use std::error::Error;
use std::io;

use harness::client::{Client, GET};
use harness::cores::Cores;
use harness::options::Scale;
use harness::process::Running;
use harness::report::Report;
use harness::series::Series;
use harness::servers::{Build, Role, Server};
use harness::stats::Sample;
use harness::table::{median, number, quantile};

/// The peers that stand for the others where a server is asked for minutes.
const SHOWN: [&str; 5] = ["C epoll", "fc-runtime", "hyper-current", "actix-web", "may_minihttp"];

/// One table: what grows, and how one point of it is measured.
struct Question {
    key: &'static str,
    title: &'static str,
    unit: &'static str,
    points: Vec<usize>,
    measure: fn(&Running, usize, Scale) -> io::Result<Sample>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::start("growth");
    let scale = report.scale;
    let hello = report.servers("epoll", "hello", |server| server.is_usual() && server.is_compiled())?;
    // The limit in C reads no bodies.
    let echo = report
        .servers("epoll", "echo", |server| stands_for_others(server) && server.role() != Role::Limit)?;
    let few: Vec<Server> = hello.iter().filter(|server| stands_for_others(server)).cloned().collect();
    let connections = Question {
        key: "connections",
        title: "Response time with that many connections open, asked in turn",
        unit: "connections",
        points: scale.pick(vec![1, 100], vec![1, 100, 2_000], vec![1, 10, 100, 1_000, 3_000, 10_000]),
        measure: with_connections,
    };
    let body = Question {
        key: "body",
        title: "Response time of an echo",
        unit: "body bytes",
        points: scale.pick(
            vec![0, 1 << 16],
            vec![0, 1 << 10, 1 << 20],
            vec![0, 1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 23, 32 << 20],
        ),
        measure: with_body,
    };
    let headers = Question {
        key: "headers",
        title: "Response time with that many header lines",
        unit: "header lines",
        points: scale.pick(vec![1, 16], vec![1, 16, 60], vec![1, 2, 4, 8, 16, 32, 60]),
        measure: with_headers,
    };
    for (question, servers) in [(connections, &few), (body, &echo), (headers, &few)] {
        answer(&mut report, servers, &question)?;
    }
    beside_idle(&mut report, &hello)?;
    report.note("client and server share one core, so that the time is work and not the waking of a core");
    report.finish()?;
    Ok(())
}

fn stands_for_others(server: &Server) -> bool {
    SHOWN.contains(&server.name) && server.is_usual() && server.build != Build::Musl
}

/// Measures one table, a process per server, and says in a sentence where each row bends.
fn answer(report: &mut Report, servers: &[Server], question: &Question) -> io::Result<()> {
    let scale = report.scale;
    let mut all: Vec<Series> = servers.iter().map(Series::of).collect();
    on_one_core(report, &mut all, |running, series| {
        for point in &question.points {
            series.set(&point.to_string(), (question.measure)(running, *point, scale)?);
        }
        Ok(())
    })?;
    let columns: Vec<_> = question
        .points
        .iter()
        .map(|point| median(&point.to_string(), &number(*point as f64, 0), 1))
        .collect();
    let title = format!("{}: median µs per number of {}", question.title, question.unit);
    report.table(question.key, &title, &columns, &all);
    for series in &all {
        let mut points = Vec::new();
        for point in &question.points {
            let sample = series.sample(&point.to_string());
            report.doubt(&format!("{} {} {point}", series.server.label(), question.key), sample.doubts(0.0));
            points.push((*point as f64, sample.median()));
        }
        points.retain(|(_, time)| time.is_finite());
        report.note(format!("{}: {}", series.server.name, bend(&points, question.unit)));
    }
    Ok(())
}

/// Measures each server once, while it and its client share one core.
fn on_one_core(
    report: &mut Report,
    all: &mut [Series],
    measure: impl Fn(&Running, &mut Series) -> io::Result<()>,
) -> io::Result<()> {
    let cores = Cores::of_this_process()?;
    report.take_turns(all, 1, |series, _| {
        cores.release(None)?;
        let running = Running::start(&series.server)?;
        cores.share_one(&running)?;
        measure(&running, series)
    })?;
    cores.release(None)
}

/// Where a row stops being flat: the first point that costs half as much again as the cheapest one before it. How it
/// goes on from there is the slope between the last two points on two logarithmic axes: 1 is linear.
fn bend(points: &[(f64, f64)], unit: &str) -> String {
    let mut cheapest = f64::INFINITY;
    for pair in points.windows(2) {
        let [(flat, before), (x, y)] = [pair[0], pair[1]];
        cheapest = cheapest.min(before);
        if y > 1.5 * cheapest {
            let [(x1, y1), (x2, y2)] = [points[points.len() - 2], points[points.len() - 1]];
            let (slope, times) = ((y2 / y1).ln() / (x2 / x1.max(1.0)).ln(), y2 / cheapest);
            let [flat, x, end] = [flat, x, x2].map(|point| number(point, 0));
            return format!(
                "bends between {flat} and {x} {unit}; {end} cost {times:.1} times the least, with slope {slope:.1}"
            );
        }
    }
    format!("flat over the whole range of {unit}")
}

/// Opens the connections, then asks over each in turn.
fn with_connections(running: &Running, connections: usize, scale: Scale) -> io::Result<Sample> {
    let mut clients = Client::connect_all(running.port, connections)?;
    for client in &mut clients {
        client.ask(GET)?; // a connection's first request is also its accept
    }
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
    let mut request = String::from("GET / HTTP/1.1\r\nHost: localhost\r\n");
    for line in 1..lines {
        request.push_str(&format!("x-header-{line}: a value of the usual length, {line}\r\n"));
    }
    request.push_str("\r\n");
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
        series.set("alone", (0..requests).map(|_| busy.timed(GET)).collect::<io::Result<_>>()?);
        let before = running.usage().resident;
        let mut idle = Vec::with_capacity(connections);
        for nth in 0..connections {
            let mut client = Client::connect(running.port, nth)?;
            client.ask(GET)?;
            idle.push(client);
        }
        series.set("beside", (0..requests).map(|_| busy.timed(GET)).collect::<io::Result<_>>()?);
        let resident = running.usage().resident;
        series.push("resident", resident);
        series.push("per_connection", (resident - before) * 1024.0 / connections as f64);
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
