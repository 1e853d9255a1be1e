//! The published figures are those of benches/results.json, and the benchmarks' arithmetic says what it seems to say.

use harness::wrk;
use harness::{Results, Sample, chart, folders::checkout, number, replace_between_markers, strace::Trace};
use std::fs::read_to_string;

fn committed() -> Results {
    let text = read_to_string(checkout().join("benches/results.json")).expect("results.json");
    Results(text.parse().expect("JSON"))
}

#[test]
fn documents_chart_and_results_are_what_is_made_from_the_committed_results() {
    for (file, text) in committed().files().expect("each has a place for its figures") {
        let found = read_to_string(checkout().join(file)).expect(file);
        assert_eq!(found, text, "{file}: `make bench-publish` writes it");
    }
}

#[test]
fn markdown_takes_the_chart_for_one_block_of_html() {
    let chart = chart::cold_starts(&committed());
    let first = chart.lines().next().expect("a line");
    assert!(first.starts_with("<svg ") && first.find('>') == Some(first.len() - 1), "{first}");
    assert!(chart.lines().all(|line| !line.trim().is_empty()) && chart.ends_with("</svg>\n"));
}

#[test]
fn only_what_stands_between_the_markers_is_replaced() {
    let old = "before\n<!-- a -->\nold\n<!-- /a -->\n<!-- b -->\n<!-- /b -->\nafter\n";
    let new = "before\n<!-- a -->\nnew\n<!-- /a -->\n<!-- b -->\n<!-- /b -->\nafter\n";
    assert_eq!(replace_between_markers(old, "a", "new\n").as_deref(), Some(new));
    assert_eq!(replace_between_markers(old, "c", "new"), None);
}

#[test]
fn a_figure_is_found_by_table_server_and_build() {
    let results = Results(serde_json::json!({ "growth": { "tables": {} }, "size": { "tables": {
        "other": { "binary": { "a musl": 1.0 } },
        "size": { "binary": { "a glibc": 2.0, "a musl": 3.0, "b own": 4.0 } },
    }}}));
    let size = results.table("size");
    assert_eq!(size.figure("a", "musl", "binary"), Some(3.0));
    assert_eq!(size.figure("b", "musl", "binary"), Some(4.0), "the only build that there is");
    assert_eq!(size.figure("c", "musl", "binary"), None);
    let all: Vec<_> = size.column("binary").collect();
    assert_eq!(all, [("a glibc", 2.0), ("a musl", 3.0), ("b own", 4.0)]);
    assert_eq!(results.table("body").column("binary").count(), 0);
}

#[test]
fn quantiles_are_measured_values_by_nearest_rank() {
    let sample = Sample::from_iter([50.0, 10.0, 40.0, 20.0, 30.0]);
    assert_eq!([0.0, 0.2, 0.5, 0.9, 1.0].map(|q| sample.quantile(q)), [10.0, 10.0, 30.0, 50.0, 50.0]);
    assert_eq!((sample.median(), sample.max()), (30.0, 50.0));
    assert!(Sample::new().median().is_nan());
}

#[test]
fn a_ratio_is_taken_round_by_round_so_that_a_disturbed_round_disturbs_both() {
    let ours = Sample::from_iter([10.0, 10.0, 1_000.0, 1_000.0, 1_000.0]);
    let theirs = Sample::from_iter([20.0, 20.0, 2_000.0, 2_000.0, 1_000.0]);
    assert_eq!(ours.ratios_to(&theirs).median(), 0.5);
    let shorter = Sample::from_iter([2_000.0]);
    assert_eq!(ours.ratios_to(&shorter).median(), 0.5, "medians, when the rounds differ");
}

#[test]
fn a_series_is_doubted_for_its_spread_its_drift_and_its_steps() {
    let reasons = |values: &[f64], step: f64| Sample::from_iter(values.iter().copied()).doubts(step).len();
    assert_eq!(reasons(&[100.0; 40], 1.0), 0);
    assert_eq!(reasons(&[100.0; 40], 3.0), 1, "steps of 3 %");
    let drifting: Vec<f64> = (0..40).map(|round| if round < 20 { 100.0 } else { 106.0 }).collect();
    assert_eq!(reasons(&drifting, 0.0), 1, "6 % from one half to the other");
    let spread: Vec<f64> = (0..40).map(|round| if round % 2 == 0 { 100.0 } else { 120.0 }).collect();
    assert_eq!(reasons(&spread, 0.0), 1, "quartiles 20 % apart");
}

#[test]
fn wrk_is_believed_only_when_it_says_all_numbers() {
    let text = "Running 1s test\nresult 50000 1000000 120 900 0\n";
    assert_eq!(wrk::parse(text), Some([50_000.0, 1_000_000.0, 120.0, 900.0, 0.0]));
    assert_eq!(wrk::parse("result 50000 1000000\n"), None);
    assert_eq!(wrk::parse("unable to connect\n"), None);
}

#[test]
fn a_trace_counts_calls_once_and_knows_which_ones_are_responses() {
    let trace = Trace::parse(concat!(
        "100  execve(\"hello\", [\"hello\"], 0x7ffc /* 3 vars */) = 0\n",
        "100  accept4(3, NULL, NULL, SOCK_CLOEXEC) = 4\n",
        "100  recvfrom(4, \"GET / HTTP/1.1\", 4096, MSG_DONTWAIT, NULL, NULL) = 14\n",
        "100  sendto(4, \"HTTP/1.1 200 OK\"..., 148, MSG_NOSIGNAL, NULL, 0) = 148\n",
        "100  epoll_wait(5,  <unfinished ...>\n",
        "101  futex(0x55, FUTEX_WAKE_PRIVATE, 1) = 0\n",
        "100  <... epoll_wait resumed>[], 1, -1) = 1\n",
        "100  --- SIGCHLD {si_signo=SIGCHLD} ---\n",
        "100  write(4, \"HTTP/1.1 200 OK\"..., 148) = 148\n",
        "100  +++ killed by SIGKILL +++\n",
    ));
    assert_eq!(trace.to_first_response(), ["execve", "accept4", "recvfrom", "sendto"]);
    assert_eq!(trace.between_responses(), ["epoll_wait", "futex", "write"]);
    assert_eq!(trace.responses.len(), 2);
}

#[test]
fn numbers_are_grouped_and_missing_ones_are_shown_as_missing() {
    assert_eq!(number(1_234_567.891, 1), "1,234,567.9");
    assert_eq!(number(-1_000.0, 0), "-1,000");
    assert_eq!(number(999.0, 0), "999");
    assert_eq!(number(f64::NAN, 2), "–");
}
