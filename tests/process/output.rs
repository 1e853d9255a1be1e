//! Lines on a standard output that takes them in its own way.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};
use support::{Process, example_path, get, reserved_port, until};

/// Longer than what a pipe takes as a whole, and so that the 16 pages of one are full within such a line.
const LONG: usize = 7_000;

#[test]
fn a_line_that_was_cut_short_still_ends_before_the_next_one() {
    let mut process = Process::start("stateful", &[("FAIL_INIT", &*format!("{}:1000", "x".repeat(LONG)))]);
    let mut out = process.child.stdout.take().unwrap();
    // A pipe holds less than these, and a line is written in pieces.
    for _ in 0..7 {
        process.request(get("/"));
    }
    let reading = thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).expect("text");
        text
    });
    // Some of it is lost until the reader has caught up.
    for _ in 0..16 {
        process.request(get("/"));
    }
    process.signal("TERM");
    until("the process has ended", || process.child.try_wait().unwrap().is_some());
    let text = reading.join().unwrap();
    let is_long = |line: &&str| line.contains("[ERROR]");
    assert!(text.lines().filter(is_long).any(|line| (60..LONG).contains(&line.len())), "none was cut short");
    for line in text.lines() {
        assert!(line.starts_with("FC ") || line.starts_with("20"), "{}", &line[..80.min(line.len())]);
        assert!(!line.contains("xFC "), "two lines in one");
    }
}

/// Of a pipe of one page, every line over that is written in pieces.
#[test]
fn no_other_line_comes_within_a_long_one() {
    let mut process = Process::start("stateful", &[("FAIL_INIT", &*format!("{}:1000", "x".repeat(LONG)))]);
    let mut out = process.child.stdout.take().unwrap();
    rustix::pipe::fcntl_setpipe_size(&out, 4096).unwrap();
    let reading = thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).expect("text");
        text
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(process.request(get("/")).status, 500)));
        }
    });
    process.signal("TERM");
    until("the process has ended", || process.child.try_wait().unwrap().is_some());
    let text = reading.join().unwrap();
    assert!(text.lines().filter(|line| line.len() > LONG).count() > 40, "{} bytes", text.len());
    for line in text.lines().filter(|line| !line.is_empty()) {
        assert!(line.starts_with("FC ") || line.starts_with("20"), "{}", &line[..80.min(line.len())]);
        assert!(!line.contains("xFC "), "two lines in one");
    }
}

/// Short lines find the rest of a page that a longer one does not: that is no reader who goes on, for whom each longer
/// one would wait a second more.
#[test]
fn a_reader_that_stands_still_is_waited_for_once_whatever_still_fits() {
    let process = Process::start("stateful", &[("FAIL_INIT", &*format!("{}:1000", "x".repeat(2100)))]);
    rustix::pipe::fcntl_setpipe_size(process.child.stdout.as_ref().unwrap(), 4096).unwrap();
    let began = Instant::now();
    for _ in 0..40 {
        assert_eq!(process.request(get("/")).status, 500);
    }
    // Seventeen seconds, if each call waited whose short lines fit.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

/// Of a pipe of one page, which one line fills, all but one of those that wait for room find it taken.
#[test]
fn a_line_whose_room_another_has_taken_waits_once_more() {
    let mut process = Process::start("stateful", &[("FAIL_INIT", &*format!("{}:1000", "x".repeat(3000)))]);
    let mut out = process.child.stdout.take().unwrap();
    rustix::pipe::fcntl_setpipe_size(&out, 4096).unwrap();
    let reading = thread::spawn(move || {
        let (mut text, mut page) = (Vec::new(), [0; 4096]);
        // So slow that several wait at once.
        while let Ok(count @ 1..) = out.read(&mut page) {
            text.extend_from_slice(&page[..count]);
            thread::park_timeout(Duration::from_millis(1));
        }
        String::from_utf8(text).expect("text")
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..80).for_each(|_| assert_eq!(process.request(get("/")).status, 500)));
        }
    });
    process.signal("TERM");
    until("the process has ended", || process.child.try_wait().unwrap().is_some());
    let text = reading.join().unwrap();
    let long = text.lines().filter(|line| line.len() > 3000).count();
    assert_eq!(long, 2 * 4 * 80); // that it failed, from the library and in the End line
}

/// The lines of two calls that went to a file, from a system that refuses what `fault` says.
fn lines_in_a_file(fault: &str) -> Option<String> {
    let path = env::temp_dir().join(format!("fc-runtime-output-{}-{fault}", process::id()));
    let port = reserved_port();
    let mut traced = Command::new("strace");
    traced.args(["-D", "-f", "-qq", "-e", "trace=pwritev2", "-e", &format!("inject=pwritev2:error={fault}")]);
    traced.arg(example_path("hello")).env_clear().env("PORT", port.to_string());
    traced.stdout(File::create(&path).unwrap()).stdin(Stdio::null()).stderr(Stdio::piped());
    let child = traced.spawn().ok()?;
    let mut process = Process { child, port };
    let mut has_ended = false;
    until("the example listens", || {
        has_ended = process.child.try_wait().unwrap().is_some();
        has_ended || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    if has_ended {
        return None; // tracing is not permitted
    }
    for _ in 0..2 {
        assert_eq!(process.request(get("/")).status, 200);
    }
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    Some(text)
}

/// XFS and Btrfs would wait with every line that makes a file longer, others know of no such writes.
#[test]
fn lines_survive_file_systems_that_refuse_not_to_wait() {
    for fault in ["EAGAIN", "EOPNOTSUPP", "EINVAL", "ENOSYS"] {
        let Some(text) = lines_in_a_file(fault) else {
            println!("skipped: strace does not run here");
            return;
        };
        for call in ["Start", "End"] {
            let count = text.lines().filter(|line| line.starts_with(&format!("FC Invoke {call} "))).count();
            assert_eq!(count, 2, "{fault}: {text}");
        }
    }
}
