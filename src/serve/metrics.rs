//! A server's figures in Prometheus' text format, version 0.0.4. What they are is `api/stats`'s.

use crate::api::{Histogram, Stats};
use std::fmt::{self, Write};
use std::time::Duration;

/// The field of a response that has them.
pub(super) const CONTENT_TYPE: &[u8] = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n";

/// The figures as metrics: base units, and names as Prometheus advises them. Inlined, it would be three kilobytes in the middle
/// of the path of every request.
#[cold]
#[inline(never)]
pub(super) fn exposition(stats: &Stats) -> String {
    let mut out = String::with_capacity(4 * 1024);
    for (name, kind, help, value) in [
        ("requests_total", "counter", "Calls of the function that are over.", stats.requests),
        ("request_failures_total", "counter", "Calls of the function that failed.", stats.failures),
        ("refused_requests_total", "counter", "Requests answered without the function.", stats.refused),
        ("requests_in_flight", "gauge", "Calls that have begun and are not over.", stats.in_flight as u64),
        ("requests_queued", "gauge", "Calls that wait for their turn.", stats.queued as u64),
        ("threads", "gauge", "Threads that serve, or wait for something to serve.", stats.threads as u64),
        ("connections", "gauge", "Open connections.", stats.connections as u64),
        ("received_bytes_total", "counter", "Bytes received.", stats.bytes_received),
        ("sent_bytes_total", "counter", "Bytes sent.", stats.bytes_sent),
    ] {
        describe(&mut out, name, kind, help);
        let _ = writeln!(out, "fcrt_{name} {value}"); // a String takes everything
    }
    let _ = durations(&mut out, &stats.durations);
    out
}

fn describe(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP fcrt_{name} {help}\n# TYPE fcrt_{name} {kind}\n");
}

fn durations(out: &mut String, durations: &Histogram) -> fmt::Result {
    let name = "request_duration_seconds";
    describe(out, name, "histogram", "How long calls of the function took.");
    let mut count = 0;
    let bounds = Histogram::BOUNDS.iter().map(Some).chain([None]);
    for (bound, calls) in bounds.zip(durations.counts) {
        count += calls;
        match bound {
            Some(bound) => writeln!(out, "fcrt_{name}_bucket{{le=\"{}\"}} {count}", Seconds(*bound))?,
            None => writeln!(out, "fcrt_{name}_bucket{{le=\"+Inf\"}} {count}")?,
        }
    }
    writeln!(out, "fcrt_{name}_sum {}\nfcrt_{name}_count {count}", Seconds(durations.sum))
}

/// As a decimal number, without floating point.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos());
        f.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Totals;

    #[test]
    fn every_figure_has_its_help_its_type_and_its_value() {
        let mut totals =
            Totals { failures: 2, refused: 3, bytes_received: 5, bytes_sent: 7, ..Totals::default() };
        (totals.calls[0], totals.calls[1], totals.calls[16]) = (10, 1, 2);
        totals.time = Duration::new(1200, 30_000_000);
        let stats = Stats { in_flight: 11, queued: 13, threads: 17, connections: 19, ..Stats::of(totals) };
        let text = exposition(&stats);
        let (figures, durations) = text.split_once("# HELP fcrt_request_duration_seconds ").unwrap();
        let expected = "\
# HELP fcrt_requests_total Calls of the function that are over.
# TYPE fcrt_requests_total counter
fcrt_requests_total 13
# HELP fcrt_request_failures_total Calls of the function that failed.
# TYPE fcrt_request_failures_total counter
fcrt_request_failures_total 2
# HELP fcrt_refused_requests_total Requests answered without the function.
# TYPE fcrt_refused_requests_total counter
fcrt_refused_requests_total 3
# HELP fcrt_requests_in_flight Calls that have begun and are not over.
# TYPE fcrt_requests_in_flight gauge
fcrt_requests_in_flight 11
# HELP fcrt_requests_queued Calls that wait for their turn.
# TYPE fcrt_requests_queued gauge
fcrt_requests_queued 13
# HELP fcrt_threads Threads that serve, or wait for something to serve.
# TYPE fcrt_threads gauge
fcrt_threads 17
# HELP fcrt_connections Open connections.
# TYPE fcrt_connections gauge
fcrt_connections 19
# HELP fcrt_received_bytes_total Bytes received.
# TYPE fcrt_received_bytes_total counter
fcrt_received_bytes_total 5
# HELP fcrt_sent_bytes_total Bytes sent.
# TYPE fcrt_sent_bytes_total counter
fcrt_sent_bytes_total 7
";
        assert_eq!(figures, expected);
        let lines: Vec<&str> = durations.lines().collect();
        assert_eq!(lines[1], "# TYPE fcrt_request_duration_seconds histogram");
        let bounds = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5"];
        let bounds = bounds.iter().chain(&["1", "2.5", "5", "10", "30", "60", "300"]);
        let counts = [10].into_iter().chain([11; 15]);
        let bucket = |(le, count)| format!("fcrt_request_duration_seconds_bucket{{le=\"{le}\"}} {count}");
        let buckets = bounds.copied().zip(counts).chain([("+Inf", 13)]).map(bucket);
        assert_eq!(lines[2..19], buckets.collect::<Vec<_>>());
        let last = ["fcrt_request_duration_seconds_sum 1200.03", "fcrt_request_duration_seconds_count 13"];
        assert_eq!(lines[19..], last);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn seconds_are_exact() {
        for (duration, text) in [
            (Duration::ZERO, "0"),
            (Duration::from_nanos(1), "0.000000001"),
            (Duration::from_secs(100), "100"),
            (Duration::from_millis(1500), "1.5"),
        ] {
            assert_eq!(Seconds(duration).to_string(), text);
        }
    }
}
