//! How a response's time grows: with the connections that are open, the bytes of the body, the lines of the head.
//!
//! One client asks one question at a time, so that what is seen is the cost of one response, not of waiting in line; it
//! shares one core with the server, so that it is not the waking of a sleeping core either.

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
use harness::table::{Table, column, number};

/// The peers that stand for the others here; all of them would take an hour, and hide what it is for.
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
    let options = Options::from_args();
    let scale = options.scale;
    let mut report = Report::start("growth", &options);
    let hello = chosen(&options, "hello", &mut report);
    let mut echo = chosen(&options, "echo", &mut report);
    echo.retain(|server| server.role != Role::Limit); // the limit in C reads no bodies
    let questions = [
        (
            &hello,
            Question {
                key: "connections",
                title: "Response time with that many connections open, asked in turn",
                unit: "connections",
                points: scale.pick(vec![1, 100], vec![1, 100, 2_000], vec![1, 10, 100, 1_000, 3_000, 10_000]),
                measure: with_connections,
            },
        ),
        (
            &echo,
            Question {
                key: "body",
                title: "Response time of an echo",
                unit: "body bytes",
                points: scale.pick(
                    vec![0, 1 << 16],
                    vec![0, 1 << 10, 1 << 20],
                    vec![0, 1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 23, 32 << 20],
                ),
                measure: with_body,
            },
        ),
        (
            &hello,
            Question {
                key: "headers",
                title: "Response time with that many header lines",
                unit: "header lines",
                points: scale.pick(vec![1, 16], vec![1, 16, 60], vec![1, 2, 4, 8, 16, 32, 60]),
                measure: with_headers,
            },
        ),
    ];
    for (servers, question) in questions {
        answer(&mut report, servers, &question, scale)?;
    }
    report.finish()?;
    Ok(())
}

fn chosen(options: &Options, example: &str, report: &mut Report) -> Vec<Server> {
    let catalogue = Catalogue::find(options, "epoll", example);
    catalogue.require_servers();
    // A smoke run has built nothing static.
    let is_static = catalogue.present.iter().any(|server| server.build == Build::Glibc);
    let build = if is_static { Build::Glibc } else { Build::Dynamic };
    let wanted = |server: &Server| server.build == build && SHOWN.contains(&server.name);
    report.notes(catalogue.missing);
    catalogue.present.into_iter().filter(wanted).collect()
}

/// Measures one table, a process per server, and says in a sentence where each row bends.
fn answer(report: &mut Report, servers: &[Server], question: &Question, scale: Scale) -> io::Result<()> {
    let columns =
        question.points.iter().map(|point| column(key(*point), &number(*point as f64, 0), 1)).collect();
    let title = format!("{}: median µs per number of {}", question.title, question.unit);
    let mut table = Table::new(question.key, &title, columns);
    let cores = Cores::of_this_process()?;
    let mut sentences = Vec::new();
    for server in servers {
        cores.release(None)?;
        let running = Running::start(server)?;
        cores.share_one(&running)?;
        let mut points = Vec::new();
        for &point in &question.points {
            let outcome = (question.measure)(&running, point, scale);
            let Some(sample) = report.tolerate(server, outcome)? else {
                break;
            };
            let name = format!("{} {} {point}", server.label(), question.key);
            report.doubt(&name, sample.doubts(0.0));
            points.push((point as f64, sample.median()));
        }
        table.row(server, points.iter().map(|point| point.1).collect());
        sentences.push(format!("{}: {}", server.name, bend(&points, question.unit)));
    }
    cores.release(None)?;
    report.table(&table);
    report.notes(sentences);
    Ok(())
}

/// Column keys are the points themselves.
fn key(point: usize) -> &'static str {
    Box::leak(point.to_string().into_boxed_str()) // a handful per run
}

/// Where a row stops being flat: the first point that costs half as much again as the cheapest one before it. How it
/// goes on from there is the slope between the last two points on the two logarithmic axes: 1 is linear.
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
    let mut clients =
        (0..connections).map(|nth| Client::connect(running.port, nth)).collect::<io::Result<Vec<_>>>()?;
    let mut sample = Sample::new();
    for turn in 0..scale.pick(50, 500, 3_000).max(connections) + connections {
        let start = Instant::now();
        clients[turn % connections].ask(GET)?;
        let elapsed = start.elapsed();
        if turn >= connections {
            sample.push(elapsed.as_secs_f64() * 1e6); // a connection's first request is also its accept
        }
    }
    clients.into_iter().for_each(Client::reset);
    Ok(sample)
}

fn with_body(running: &Running, length: usize, scale: Scale) -> io::Result<Sample> {
    let head = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    let request = [head.as_bytes(), &vec![b'x'; length]].concat();
    let budget: usize = scale.pick(1 << 20, 8 << 20, 512 << 20);
    let sample = again(running, &request, (budget / request.len()).clamp(10, scale.pick(20, 300, 2_000)))?;
    Ok(sample)
}

fn with_headers(running: &Running, lines: usize, scale: Scale) -> io::Result<Sample> {
    let mut request = b"GET / HTTP/1.1\r\nHost: localhost\r\n".to_vec();
    for line in 1..lines {
        request.extend_from_slice(
            format!("x-header-{line}: a value of the usual length, {line}\r\n").as_bytes(),
        );
    }
    request.extend_from_slice(b"\r\n");
    again(running, &request, scale.pick(20, 300, 3_000))
}

/// Asks the same over one connection; sending goes on while the answer comes back, as an echo that streams needs.
fn again(running: &Running, request: &[u8], times: usize) -> io::Result<Sample> {
    let mut client = Client::connect(running.port, 0)?;
    let mut sample = Sample::new();
    for turn in 0..=times {
        let start = Instant::now();
        let answer = client.exchange(request)?;
        let elapsed = start.elapsed();
        if answer.status != 200 {
            return Err(io::Error::other(format!("status {}", answer.status)));
        }
        if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            client = Client::connect(running.port, 0)?; // outside the time: the next one is asked as this one was
        }
        if turn > 0 {
            sample.push(elapsed.as_secs_f64() * 1e6);
        }
    }
    Ok(sample)
}
