use std::fs::Permissions;
use std::os::unix::fs::symlink;

use crate::tests::Scratch;

use super::*;

/// The header of a program for the processor `machine`, and nothing behind it.
fn program(machine: u16) -> Vec<u8> {
    let mut header = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    header.resize(64, 0);
    header[16] = 2;
    header[18..20].copy_from_slice(&machine.to_le_bytes());
    header[20] = 1;
    header[52] = 64;
    header[54] = 56;
    header[58] = 64;
    header
}

/// A program that asks for the loader `loader`.
fn dynamic(loader: &str) -> Vec<u8> {
    let mut program = program(own());
    program[32] = 64; // the program headers begin behind the header
    program[56] = 1;
    let mut segment = vec![0; 56];
    segment[0] = 3;
    segment[8] = 64 + 56;
    let size = loader.len() as u64 + 1;
    segment[32..40].copy_from_slice(&size.to_le_bytes());
    segment[40..48].copy_from_slice(&size.to_le_bytes());
    [program, segment, loader.as_bytes().to_vec(), vec![0]].concat()
}

fn own() -> u16 {
    if std::env::consts::ARCH == "aarch64" { 183 } else { 62 }
}

fn found(text: &[u8], mode: u32, machine: Machine) -> Option<Fault> {
    let scratch = Scratch::new();
    let path = scratch.path("file");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
    fault(Path::new(&path), machine)
}

#[test]
fn each_fault_has_its_own_name() {
    let interpreter = |name: &str| Fault::MissingInterpreter { interpreter: name.to_owned() };
    let windows = |name: &str| Fault::WindowsLineEnds { interpreter: name.to_owned() };
    let loader = |name: &str| Fault::MissingLoader { loader: name.to_owned() };
    for (text, wanted) in [
        (b"#!/bin/sh\nexec ./x\n".to_vec(), None),
        (b"#! /bin/sh -e\n".to_vec(), None),
        (b"#!/bin/sh".to_vec(), None),
        (b"#!/bin/sh\r\nexec ./x\r\n".to_vec(), Some(windows("/bin/sh"))),
        (b"#!/usr/bin/env python3\r\n".to_vec(), Some(windows("/usr/bin/env python3"))),
        (b"#!/usr/bin/nobash\n".to_vec(), Some(interpreter("/usr/bin/nobash"))),
        (b"#!/opt/no/python -u\n".to_vec(), Some(interpreter("/opt/no/python"))),
        (b"".to_vec(), Some(Fault::Empty)),
        (b"exec ./x\n".to_vec(), Some(Fault::NoFormat)),
        (b"\xef\xbb\xbf#!/bin/sh\n".to_vec(), Some(Fault::NoFormat)),
        (b"MZ\x90\0".to_vec(), Some(Fault::OtherSystem("Windows"))),
        (b"\xcf\xfa\xed\xfe\x07".to_vec(), Some(Fault::OtherSystem("macOS"))),
        (program(own()), None),
        (program(243), Some(Fault::OtherMachine { is_for: "riscv64", runs: std::env::consts::ARCH })),
        (dynamic("/lib/ld-nowhere.so.1"), Some(loader("/lib/ld-nowhere.so.1"))),
        (dynamic("/bin/sh"), None),
        (b"\x7fELF".to_vec(), None),
        (b"\x7fELF\x02\x01\x01".to_vec(), None),
    ] {
        let shown = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(found(&text, 0o755, Machine::Own), wanted, "{shown:?}");
    }
    assert_eq!(found(b"#!/bin/sh\n", 0o644, Machine::Own), Some(Fault::NotExecutable));
}

#[test]
fn what_is_installed_on_the_platform_is_not_known_and_its_processor_is() {
    for text in [b"#!/usr/bin/nobash\n".to_vec(), program(62)] {
        assert_eq!(found(&text, 0o755, Machine::Platform), None);
    }
    let arm = Fault::OtherMachine { is_for: "aarch64", runs: "x86_64" };
    assert_eq!(found(&program(183), 0o755, Machine::Platform), Some(arm));
    let windows = found(b"#!/bin/sh\r\n", 0o755, Machine::Platform);
    assert!(matches!(windows, Some(Fault::WindowsLineEnds { .. })), "{windows:?}");
}

#[test]
fn what_is_no_file_is_told_apart() {
    let scratch = Scratch::new();
    let nothing = scratch.path("nothing");
    assert_eq!(fault(Path::new(&nothing), Machine::Own), Some(Fault::Missing));
    let link = scratch.path("link");
    symlink("nowhere", &link).expect("a link");
    assert_eq!(fault(Path::new(&link), Machine::Own), Some(Fault::DanglingLink { target: "nowhere".into() }));
    assert_eq!(fault(Path::new("/"), Machine::Own), Some(Fault::Directory));
    let itself = std::env::current_exe().expect("this test");
    assert_eq!(fault(&itself, Machine::Own), None);
}

#[test]
fn a_program_is_looked_for_as_the_system_does() {
    let found = |program, path| find(program, Path::new("/code"), path);
    assert_eq!(found("./x", "/bin"), Path::new("/code/./x"));
    assert_eq!(found("/bin/sh", ""), Path::new("/bin/sh"));
    assert_eq!(found("sh", "/nowhere:/bin"), Path::new("/bin/sh"));
    assert_eq!(found("no-such", "/nowhere:/bin"), Path::new("/code/no-such"));
}
