//! The static binary needs nothing from the system it runs on.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use support::{Program, eventually, get, reserved_port, skip};

use crate::harness::{make, packaged, scratch, succeed};

/// Program header types of ELF.
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

#[test]
fn the_binary_has_neither_interpreter_nor_dynamic_section() {
    let binary = fs::read(packaged().join("function/bootstrap")).expect("the binary");
    let types = program_header_types(&binary);
    assert!(types.len() > 2, "not a program: {types:?}");
    assert!(!types.contains(&PT_INTERP) && !types.contains(&PT_DYNAMIC), "{types:?}");
}

/// Of a 64-bit little-endian ELF file.
fn program_header_types(elf: &[u8]) -> Vec<u32> {
    assert_eq!(elf[..6], *b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file");
    let number = |at: usize, length: usize| {
        elf[at..at + length].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).map(|index| number(table + index * size, 4) as u32).collect()
}

/// The smallest function, packaged.
fn smallest() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let out = scratch("small");
        succeed(&mut make("package", "hello", &out));
        out
    })
}

/// Page faults of a process from its start to its first response. Each takes a microsecond or two of it. Measured: 38; with one
/// worker, which makes no second thread before that, 37.
#[test]
fn a_start_takes_no_more_page_faults_than_it_did() {
    let file_system =
        Command::new("stat").args(["-f", "-c", "%T"]).arg(smallest().join("bootstrap")).output();
    if file_system.expect("stat runs").stdout == b"tmpfs\n" {
        return skip("disk", "of a file in memory the system maps less ahead of its use"); // 48 faults for 38
    }
    for (workers, bound) in [("256", 41), ("1", 40)] {
        let fewest = (0..5).map(|_| page_faults_to_first_response(workers)).min();
        let fewest = fewest.expect("some runs");
        assert!(fewest <= bound, "{fewest} with {workers} workers");
        assert!(fewest > 10, "{fewest}: that is no server's start");
    }
}

fn page_faults_to_first_response(workers: &str) -> u64 {
    let port = reserved_port();
    let mut command = Command::new(smallest().join("bootstrap"));
    command.env_clear().env("FC_SERVER_PORT", port.to_string()).env("FCRT_MAX_WORKERS", workers);
    let function = Program::start(command.env("FCRT_LIFECYCLE_LINES", "off").stdin(Stdio::null()));
    let mut client = eventually("it listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    client.write_all(get("/").as_ref()).expect("it is read");
    let mut response = [0; 12];
    client.read_exact(&mut response).expect("a response");
    assert_eq!(response, *b"HTTP/1.1 200");
    let stat = fs::read_to_string(format!("/proc/{}/stat", function.pid)).expect("it lives");
    let after_name = stat.rsplit_once(") ").expect("a name in parentheses").1;
    after_name.split(' ').nth(7).and_then(|faults| faults.parse().ok()).expect("a number")
}

#[test]
fn the_smallest_function_and_its_package_stay_small() {
    let out = smallest();
    let size = |name: &str| fs::metadata(out.join(name)).expect("a file").len();
    let (binary, package) = (size("bootstrap"), size("function.zip"));
    assert!(binary <= 1_420_000 && package <= 660_000, "{binary} bytes, {package} packaged");
}
