use std::fs::Permissions;
use std::os::unix::fs::symlink;
use std::process::Command;

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

/// A program for `machine` that asks for the loader `loader`.
fn dynamic(machine: u16, loader: &str) -> Vec<u8> {
    let mut program = program(machine);
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

const X86_64: u16 = 62;
const AARCH64: u16 = 183;
const RISCV: u16 = 243;

fn own() -> u16 {
    if std::env::consts::ARCH == "aarch64" { AARCH64 } else { X86_64 }
}

/// A function whose code is in a directory of its own.
struct Code {
    scratch: Scratch,
    function: Function,
}

impl Code {
    fn new() -> Code {
        let scratch = Scratch::new();
        let code = PathBuf::from(scratch.path("code"));
        fs::create_dir(&code).expect("a directory");
        let variables = vec![("PATH".to_owned(), "/code/bin:/usr/bin:/bin".to_owned())];
        Code { scratch, function: Function { code, variables, ..Function::example() } }
    }

    fn write(&self, name: &str, text: &[u8], mode: u32) -> PathBuf {
        let path = self.function.code.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    fn kind(&self, program: &str) -> Option<FaultKind> {
        fault(&self.function, &[program.to_owned()]).map(|fault| fault.kind)
    }

    fn kind_of(&self, text: &[u8]) -> Option<FaultKind> {
        self.write("x", text, 0o755);
        self.kind("./x")
    }
}

fn interpreter(interpreter: &str, kind: FaultKind) -> FaultKind {
    FaultKind::Interpreter { interpreter: interpreter.to_owned(), kind: Box::new(kind) }
}

fn not_found(path: &str) -> FaultKind {
    FaultKind::NotFound { path: path.to_owned() }
}

#[test]
fn what_is_no_file_is_told_apart() {
    let code = Code::new();
    let at = |name: &str| code.function.code.join(name).display().to_string();
    assert_eq!(code.kind("./x"), Some(not_found(&at("x"))));
    assert_eq!(code.kind("/code/x"), Some(not_found(&at("x"))));
    code.write("x", b"#!/bin/sh\n", 0o755);
    assert_eq!((code.kind("./x"), code.kind("/code/x"), code.kind("sh")), (None, None, None));
    assert_eq!(code.kind("x"), Some(FaultKind::NotInPath { is_here: true }));
    assert_eq!(code.kind("no-such-program"), Some(FaultKind::NotInPath { is_here: false }));
    assert_eq!(code.kind("./x/y"), Some(not_found(&at("x/y"))));
    symlink("nowhere", code.function.code.join("link")).expect("a link");
    assert_eq!(code.kind("./link"), Some(FaultKind::DanglingLink { target: "nowhere".to_owned() }));
    assert_eq!(code.kind("."), Some(FaultKind::NotInPath { is_here: true }));
    assert_eq!(code.kind("./"), Some(FaultKind::Directory));
    assert_eq!(code.kind("/dev/null"), Some(FaultKind::NoFile));
    let pipe = std::process::Command::new("mkfifo").arg(code.scratch.path("code/pipe")).status();
    assert!(pipe.expect("mkfifo").success());
    assert_eq!(code.kind("./pipe"), Some(FaultKind::NoFile), "it is not waited for");
    code.write("x", b"#!/bin/sh\n", 0o644);
    assert_eq!(code.kind("./x"), Some(FaultKind::NotExecutable));
}

#[test]
fn a_program_is_looked_for_where_the_functions_own_path_says() {
    let mut code = Code::new();
    code.write("bin/tool", b"#!/bin/sh\n", 0o755);
    assert_eq!(code.kind("tool"), None);
    code.function.variables.clear();
    assert_eq!(code.kind("tool"), Some(FaultKind::NotInPath { is_here: false }));
}

#[test]
fn what_only_the_platform_or_a_layer_has_is_no_fault_of_the_command() {
    let mut code = Code::new();
    let said = |function: &Function, words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let function = Function { command: words.clone(), ..function.clone() };
        let fault = fault(&function, &words).expect("a fault");
        assert!(fault.is_of_this_machine() && fault.errno().is_some() && fault.is_absence(), "{fault}");
        format!("{fault}; {}", fault.remedy())
    };
    assert_eq!(
        said(&code.function, &["/var/fc/lang/nodejs20/bin/node", "dist/my server.js"]),
        "'/var/fc/lang/nodejs20/bin/node' is the platform's own; here: … -- node 'dist/my server.js'"
    );
    assert_eq!(
        said(&code.function, &["/opt/nodejs20/bin/node", "app.js"]),
        "'/opt/nodejs20/bin/node' is a layer's, which is not here; put a local directory in the layer's place, or here: … -- node app.js"
    );
    let words = ["/var/fc/lang/python3.10/bin/python3", "init.py"].map(str::to_owned);
    let of_initializer = fault(&code.function, &words).expect("a fault").remedy();
    assert_eq!(of_initializer, "here: … --initializer-command 'python3 init.py'");
    code.write("x", b"#!/var/fc/lang/python3.10/bin/python3\n", 0o755);
    let script = fault(&code.function, &["/code/x".to_owned()]).expect("a fault");
    assert!(script.is_of_this_machine(), "{script}");
    assert!(script.remedy().ends_with("python3 /code/x'"), "{}", script.remedy());
    code.function.maps_code = false;
    assert_eq!(code.kind("/opt/none"), Some(not_found("/opt/none")), "a path like any other");
}

#[test]
fn a_line_for_a_shell_is_told_from_words() {
    let code = Code::new();
    code.write("my app", b"#!/bin/sh\n", 0o755);
    let said = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        fault(&code.function, &words).map(|fault| (format!("{fault}; {}", fault.remedy()), fault.errno()))
    };
    let absent = Some(Errno::NOENT.raw_os_error());
    let shell = |of: &str, line: &str| {
        format!(
            "'{of}' is run without a shell, which '&&' and the like are for; let one run it: sh -c '{line}'"
        )
    };
    let found = said(&["no-such-cd", "/code", "&&", "python3", "app.py"]);
    assert_eq!(found, Some((shell("no-such-cd", "no-such-cd /code && python3 app.py"), absent)));
    assert_eq!(said(&["true", "|", "cat"]), Some((shell("true", "true | cat"), None)), "it is run, and ends");
    for fine in [&["sh", "-c", "true && true", "&&"][..], &["./my app"], &["true", "a b"]] {
        assert_eq!(said(fine), None, "{fine:?}");
    }
    let one = "there is no program 'python3 app.py': a command is a list of words; write each by itself: [python3, app.py, -v] in a template, -- python3 app.py -v behind fc-local's options";
    assert_eq!(said(&["python3 app.py", "-v"]), Some((one.to_owned(), absent)));
}

#[test]
fn a_functions_own_path_is_told_from_the_shells() {
    let mut code = Code::new();
    let mut said = |path: &str, program: &str| {
        code.function.variables = vec![("PATH".to_owned(), path.to_owned())];
        let fault = fault(&code.function, &[program.to_owned()]).expect("a fault");
        (format!("{fault}; {}", fault.remedy()), fault.is_of_this_machine())
    };
    let (text, is_of_this_machine) = said("/opt/nodejs20/bin", "sh");
    let begin = "no directory of the function's own PATH (/opt/nodejs20/bin) has 'sh': /opt/nodejs20/bin is a layer's, which is not here; the shell finds /";
    assert!(
        text.starts_with(begin) && text.ends_with("sh; here: --env PATH=\"$PATH\"") && is_of_this_machine,
        "{text}"
    );
    let (text, is_of_this_machine) = said("/nowhere", "sh");
    assert!(
        text.starts_with("no directory of the function's own PATH (/nowhere) has 'sh'; the shell finds"),
        "{text}"
    );
    assert!(!is_of_this_machine);
    assert!(said("/nowhere", "no-such-program").0.contains("is not installed here"));
}

#[test]
fn what_a_layer_has_is_found_there() {
    let mut code = Code::new();
    let layer = PathBuf::from(code.scratch.path("layer"));
    fs::create_dir_all(layer.join("bin")).expect("a directory");
    fs::copy("/bin/sh", layer.join("bin/shell")).expect("a copy");
    assert!(code.kind("/opt/bin/shell").is_some());
    code.function.layers.push(layer);
    assert_eq!(code.kind("/opt/bin/shell"), None);
    assert_eq!(code.kind_of(b"#!/opt/bin/shell\n"), None);
}

#[test]
fn each_fault_of_a_content_has_its_own_name() {
    let code = Code::new();
    let windows = |line: &str| FaultKind::WindowsLineEnds { first_line: line.to_owned() };
    let loader = |name: &str| FaultKind::MissingLoader { loader: name.to_owned() };
    let env = |name: &str| FaultKind::EnvProgram {
        program: name.to_owned(),
        kind: Box::new(FaultKind::NotInPath { is_here: false }),
    };
    let at = |name: &str| code.function.code.join(name).display().to_string();
    code.write("plain", b"#!/bin/sh\n", 0o644);
    code.write("script", b"#!/bin/sh\n", 0o755);
    for (text, wanted) in [
        (&b"#!/bin/sh\nexec ./x\r\n"[..], None),
        (b"#! /bin/sh -e\n", None),
        (b"#!/bin/sh", None),
        (b"#!./script\n", None),
        (b"#!script\n", None),
        (b"#!/code/script\n", None),
        (b"#!/bin/sh\r\nexec ./x\r\n", Some(windows("/bin/sh\r"))),
        (b"#!/bin/sh -e\r\n", Some(windows("/bin/sh -e\r"))),
        (b"#!/usr/bin/env python3\r\n", Some(windows("/usr/bin/env python3\r"))),
        (b"#!/usr/bin/nobash\n", Some(interpreter("/usr/bin/nobash", not_found("/usr/bin/nobash")))),
        (b"#!./none -u\n", Some(interpreter("./none", not_found(&at("none"))))),
        (b"#!./plain\n", Some(interpreter("./plain", FaultKind::NotExecutable))),
        (b"#!/usr/bin\n", Some(interpreter("/usr/bin", FaultKind::Directory))),
        (b"#!/usr/bin/env no-such-program\n", Some(env("no-such-program"))),
        (b"#!/usr/bin/env -S A=1 no-such-program -u\n", Some(env("no-such-program"))),
        (b"#!/usr/bin/env -S sh -e\n", None),
        (b"#!/usr/bin/env sh\n", None),
        (b"#!/usr/bin/env sh -e\n", Some(FaultKind::EnvArguments { line: "sh -e".to_owned() })),
        (b"#!\n", Some(FaultKind::NoFormat)),
        (b"", Some(FaultKind::Empty)),
        (b"exec ./x\n", Some(FaultKind::NoFormat)),
        (b"\xef\xbb\xbf#!/bin/sh\n", Some(FaultKind::ByteOrderMark)),
        (b"MZ\x90\0", Some(FaultKind::OtherSystem("Windows"))),
        (b"\xcf\xfa\xed\xfe\x07", Some(FaultKind::OtherSystem("macOS"))),
        (&program(own()), None),
        (&program(RISCV), Some(FaultKind::Architecture { of: "riscv64", wanted: std::env::consts::ARCH })),
        (&dynamic(own(), "/lib/ld-nowhere.so.1"), Some(loader("/lib/ld-nowhere.so.1"))),
        (&dynamic(own(), "/bin/sh"), None),
        (b"\x7fELF", None),
        (b"\x7fELF\x02\x01\x01", None),
    ] {
        assert_eq!(code.kind_of(text), wanted, "{:?}", String::from_utf8_lossy(text));
    }
    let itself = std::env::current_exe().expect("this test").display().to_string();
    assert_eq!(code.kind(&itself), None);
}

#[test]
fn interpreters_that_ask_for_each_other_end() {
    let code = Code::new();
    assert_eq!(code.kind_of(b"#!./x\n"), None);
}

/// What is said to be refused is refused with that very number, and the rest is run.
#[test]
fn the_number_is_the_systems_own() {
    let code = Code::new();
    code.write("plain", b"", 0o644);
    for text in [
        &b"#!/bin/sh\r\n"[..],
        b"#!/usr/bin/nobash\n",
        b"#!./plain\n",
        b"#!/usr/bin\n",
        b"",
        b"exec ./x\n",
        b"\xef\xbb\xbf#!/bin/sh\n",
        b"MZ\x90\0",
        b"#!/usr/bin/env no-such-program\n",
        b"#!/usr/bin/env sh -e\n",
        b"#!/bin/sh -e\r\n",
        b"#!/bin/sh\n",
        &dynamic(own(), "/lib/ld-nowhere.so.1"),
        &program(RISCV),
    ] {
        code.write("x", text, 0o755);
        let system = System::here(&code.function, &[]);
        if system.runs_other_formats() && !text.starts_with(b"#!") {
            continue;
        }
        let errno = system.fault(&["./x".to_owned()]).and_then(|fault| fault.errno());
        let run = Command::new("./x").current_dir(&code.function.code).output();
        let wanted = run.err().and_then(|error| error.raw_os_error());
        assert_eq!(errno, wanted, "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn of_the_platform_the_processor_and_the_loader_are_known() {
    let code = Code::new();
    let kind = |text: &[u8]| {
        code.write("bootstrap", text, 0o755);
        fault_on_platform(&code.function.code, "bootstrap").map(|fault| fault.kind)
    };
    let musl = "/lib/ld-musl-x86_64.so.1";
    for (text, wanted) in [
        (&b"#!/usr/bin/nobash\n"[..], None),
        (b"#!/usr/bin/env no-such-program\n", None),
        (
            b"#!/code/none\n",
            Some(interpreter(
                "/code/none",
                not_found(&code.function.code.join("none").display().to_string()),
            )),
        ),
        (&program(X86_64), None),
        (&dynamic(X86_64, PLATFORM_LOADER), None),
        (&dynamic(X86_64, musl), Some(FaultKind::MissingLoader { loader: musl.to_owned() })),
        (&program(AARCH64), Some(FaultKind::Architecture { of: "aarch64", wanted: "x86_64" })),
        (b"#!/bin/sh\r\n", Some(FaultKind::WindowsLineEnds { first_line: "/bin/sh\r".to_owned() })),
    ] {
        assert_eq!(kind(text), wanted, "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn what_the_loader_prints_names_what_it_misses() {
    let missing = |library: &str| Some(FaultKind::MissingLibrary { library: library.to_owned() });
    for (logs, wanted) in [
        (
            "./x: error while loading shared libraries: libfoo.so.1: cannot open shared object file: No such file or directory",
            missing("libfoo.so.1"),
        ),
        (
            "Error loading shared library libfoo.so: No such file or directory (needed by ./x)",
            missing("libfoo.so"),
        ),
        (
            "./x: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found (required by ./x)",
            Some(FaultKind::OldLibc { version: "2.99".to_owned() }),
        ),
        ("version `GLIBC_2.99' is what I like", None),
        ("Traceback", None),
    ] {
        assert_eq!(fault::of_loader(logs), wanted, "{logs}");
    }
}

#[test]
fn an_interpreter_in_code_that_the_system_does_not_see_there_is_named_after_the_failure_alone() {
    let code = Code::new();
    code.write("tool", b"#!/bin/sh\n", 0o755);
    code.write("x", b"#!/code/tool\n", 0o755);
    let words = ["./x".to_owned()];
    assert_eq!(fault(&code.function, &words), None);
    let after = fault_after_refusal(&code.function, &words, 2).map(|fault| fault.kind);
    assert_eq!(after, Some(interpreter("/code/tool", FaultKind::NotMapped)));
    assert_eq!(
        fault_after_refusal(&code.function, &words, 26).map(|fault| fault.kind),
        Some(FaultKind::Busy)
    );
}

#[test]
fn a_remedy_names_the_file_by_its_name_on_this_machine() {
    let code = Code::new();
    let path = code.write("x", b"#!/bin/sh\r\n", 0o755).display().to_string();
    let remedy = |program: &str| fault(&code.function, &[program.to_owned()]).expect("a fault").remedy();
    assert!(remedy("/code/x").contains(&format!(" {path} (and")), "{}", remedy("/code/x"));
    assert!(remedy("./x").contains(" ./x (and"), "{}", remedy("./x"));
    code.write("x", b"#!/bin/sh\n", 0o644);
    assert_eq!(remedy("/code/x"), format!("chmod +x {path}"));
}

#[test]
fn every_fault_says_what_is_wrong_and_what_to_do() {
    let fault = Fault::new("./g3", FaultKind::WindowsLineEnds { first_line: "/bin/sh\r".to_owned() });
    assert_eq!(fault.to_string(), "'./g3' has Windows line ends: its first line asks for '/bin/sh\\r'");
    assert!(fault.remedy().starts_with("convert it: sed -i 's/\\r$//' ./g3"), "{}", fault.remedy());
    let fault = Fault::new("./g3", interpreter("/usr/bin/nobash", not_found("/usr/bin/nobash")));
    let wanted = "the first line of './g3' asks for '/usr/bin/nobash': there is no file '/usr/bin/nobash'";
    assert_eq!(fault.to_string(), wanted);
    assert_eq!(fault.remedy(), "install it, or correct the first line");
}
