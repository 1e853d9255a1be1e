//! What is wrong with a command that does not run, with the platform's number for it and a remedy. How it is found out
//! is not known here.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// What is wrong with the program that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// As the command names it.
    program: String,
    /// By the name that whoever mends it can use.
    file: String,
    pub(super) kind: FaultKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    NotFound {
        path: String,
    },
    /// A name without a slash; whether the working directory has such a file.
    NotInPath {
        is_here: bool,
    },
    /// The same where the function's own PATH, and not the shell's, says where programs are.
    NotInOwnPath {
        path: String,
        /// A directory of it that is not here, and whose it is.
        missing: Option<(Owner, String)>,
        /// Where the shell finds it.
        found: Option<PathBuf>,
    },
    /// Only the platform, or a layer of it, has it.
    Elsewhere {
        owner: Owner,
        /// The options that run this machine's own.
        instead: String,
    },
    /// `&&` and the like are arguments like any other.
    ForAShell {
        /// What a shell would take.
        line: String,
        /// Whether the first word is no program either.
        is_absent: bool,
    },
    /// A whole command where its first word belongs.
    OneWord {
        words: Vec<String>,
    },
    DanglingLink {
        target: String,
    },
    Directory,
    /// A socket, a device.
    NoFile,
    NotExecutable,
    /// Its mode allows somebody, and not this user; or a directory on the way may not be entered.
    NotPermitted,
    NoExecMount,
    Busy,
    Empty,
    ByteOrderMark,
    /// Neither a program nor a script with a first line that says what runs it.
    NoFormat,
    OtherSystem(&'static str),
    Architecture {
        of: &'static str,
        wanted: &'static str,
    },
    MissingLoader {
        loader: String,
    },
    MissingLibrary {
        library: String,
    },
    OldLibc {
        version: String,
    },
    WindowsLineEnds {
        /// What follows `#!`, with the carriage return.
        first_line: String,
    },
    /// What a script's first line asks for.
    Interpreter {
        interpreter: String,
        kind: Box<FaultKind>,
    },
    /// An interpreter below `/code` or `/opt` that is here, at another place.
    NotMapped,
    EnvProgram {
        program: String,
        kind: Box<FaultKind>,
    },
    EnvArguments {
        line: String,
    },
}

/// Whose a place is that this machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Platform,
    Layer,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Owner::Platform => "the platform's own",
            Owner::Layer => "a layer's, which is not here",
        })
    }
}

/// What the dynamic loader printed when it could not load a program: only the output of such a process tells.
pub fn of_loader(logs: &str) -> Option<FaultKind> {
    // glibc and musl.
    for (before, after) in
        [("error while loading shared libraries: ", ':'), ("Error loading shared library ", ':')]
    {
        if let Some((library, _)) = logs.split_once(before).and_then(|(_, rest)| rest.split_once(after)) {
            return Some(FaultKind::MissingLibrary { library: library.to_owned() });
        }
    }
    let (_, rest) = logs.split_once("version `GLIBC_")?;
    let (version, rest) = rest.split_once('\'')?;
    rest.starts_with(" not found").then(|| FaultKind::OldLibc { version: version.to_owned() })
}

impl Fault {
    pub fn new(program: &str, kind: FaultKind) -> Fault {
        Fault { program: program.to_owned(), file: program.to_owned(), kind }
    }

    /// The same of a program that the command names by its place on the platform; `path` is where it is here.
    pub fn at(self, path: &Path) -> Fault {
        if self.program.starts_with('/') { Fault { file: path.display().to_string(), ..self } } else { self }
    }

    /// The number by which the system refuses to run it; `None` when it is run and then ends by itself.
    pub fn errno(&self) -> Option<i32> {
        self.kind.errno().map(Errno::raw_os_error)
    }

    /// Whether there is nothing at the place that the command names.
    pub fn is_absence(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::NotFound { .. }
                | FaultKind::NotInPath { .. }
                | FaultKind::NotInOwnPath { .. }
                | FaultKind::Elsewhere { .. }
                | FaultKind::ForAShell { is_absent: true, .. }
                | FaultKind::OneWord { .. }
                | FaultKind::DanglingLink { .. }
        )
    }

    /// Whether the platform may well have what this machine lacks: nothing is said of the function then.
    pub fn is_of_this_machine(&self) -> bool {
        let mut kind = &self.kind;
        while let FaultKind::Interpreter { kind: inner, .. } | FaultKind::EnvProgram { kind: inner, .. } =
            kind
        {
            kind = inner;
        }
        matches!(kind, FaultKind::Elsewhere { .. } | FaultKind::NotInOwnPath { missing: Some(_), .. })
    }

    /// Whether it is only the place of a program, which may come yet.
    pub fn is_placeholder(&self) -> bool {
        self.kind == FaultKind::Empty
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        self.kind.remedy(&self.file)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.describe(f, &self.program)
    }
}

impl FaultKind {
    fn errno(&self) -> Option<Errno> {
        Some(match self {
            FaultKind::NotFound { .. }
            | FaultKind::NotInPath { .. }
            | FaultKind::NotInOwnPath { .. }
            | FaultKind::Elsewhere { .. }
            | FaultKind::ForAShell { is_absent: true, .. }
            | FaultKind::OneWord { .. }
            | FaultKind::DanglingLink { .. }
            | FaultKind::MissingLoader { .. }
            | FaultKind::NotMapped => Errno::NOENT,
            FaultKind::Directory
            | FaultKind::NoFile
            | FaultKind::NotExecutable
            | FaultKind::NotPermitted
            | FaultKind::NoExecMount => Errno::ACCESS,
            FaultKind::Empty
            | FaultKind::ByteOrderMark
            | FaultKind::NoFormat
            | FaultKind::OtherSystem(_)
            | FaultKind::Architecture { .. } => Errno::NOEXEC,
            FaultKind::Busy => Errno::TXTBSY,
            FaultKind::Interpreter { kind, .. } => return kind.errno(),
            // The interpreter's name has the carriage return, unless an argument follows it.
            FaultKind::WindowsLineEnds { first_line } if !first_line.trim().contains([' ', '\t']) => {
                Errno::NOENT
            }
            FaultKind::WindowsLineEnds { .. }
            | FaultKind::MissingLibrary { .. }
            | FaultKind::OldLibc { .. }
            | FaultKind::ForAShell { is_absent: false, .. }
            | FaultKind::EnvProgram { .. }
            | FaultKind::EnvArguments { .. } => return None,
        })
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, of: &str) -> fmt::Result {
        match self {
            FaultKind::NotFound { path } if path == of => write!(f, "there is no file '{of}'"),
            FaultKind::NotFound { path } => write!(f, "there is no file '{of}' ({path})"),
            FaultKind::NotInPath { .. } => {
                write!(f, "'{of}' is not installed here: no directory of PATH has it")
            }
            FaultKind::NotInOwnPath { path, missing, .. } => {
                write!(f, "no directory of the function's own PATH ({path}) has '{of}'")?;
                match missing {
                    Some((owner, directory)) => write!(f, ": {directory} is {owner}"),
                    None => Ok(()),
                }
            }
            FaultKind::ForAShell { .. } => {
                write!(f, "'{of}' is run without a shell, which '&&' and the like are for")
            }
            FaultKind::OneWord { .. } => {
                write!(f, "there is no program '{of}': a command is a list of words")
            }
            FaultKind::Elsewhere { owner, .. } => write!(f, "'{of}' is {owner}"),
            FaultKind::DanglingLink { target } => {
                write!(f, "'{of}' is a link to '{target}', which leads nowhere")
            }
            FaultKind::Directory => write!(f, "'{of}' is a directory"),
            FaultKind::NoFile => write!(f, "'{of}' is not a regular file"),
            FaultKind::NotExecutable => write!(f, "'{of}' is not executable"),
            FaultKind::NotPermitted => write!(f, "'{of}' may not be run by this user"),
            FaultKind::NoExecMount => write!(f, "'{of}' is on a file system that is mounted with noexec"),
            FaultKind::Busy => write!(f, "'{of}' is being written by another program"),
            FaultKind::Empty => write!(f, "'{of}' is empty"),
            FaultKind::ByteOrderMark => write!(f, "'{of}' has a byte order mark before its #!"),
            FaultKind::NoFormat => {
                write!(
                    f,
                    "'{of}' is neither a program for Linux nor a script whose first line says what runs it"
                )
            }
            FaultKind::OtherSystem(system) => write!(f, "'{of}' is a program for {system}"),
            FaultKind::Architecture { of: built, wanted } => {
                write!(f, "'{of}' is a program for {built}, and {wanted} is to run it")
            }
            FaultKind::MissingLoader { loader } => {
                write!(f, "'{of}' is linked dynamically, and its loader '{loader}' is not there")
            }
            FaultKind::MissingLibrary { library } => write!(f, "'{of}' needs the shared library '{library}'"),
            FaultKind::OldLibc { version } => write!(f, "'{of}' was built for glibc {version} or newer"),
            FaultKind::WindowsLineEnds { first_line } => write!(
                f,
                "'{of}' has Windows line ends: its first line asks for '{}'",
                first_line.trim_start_matches([' ', '\t']).escape_debug()
            ),
            FaultKind::Interpreter { interpreter, kind } => {
                write!(f, "the first line of '{of}' asks for '{interpreter}': ")?;
                kind.describe(f, interpreter)
            }
            FaultKind::NotMapped => write!(f, "'{of}' is not at that place on this machine"),
            FaultKind::EnvProgram { program, kind } => {
                write!(f, "the first line of '{of}' asks for '{program}'")?;
                match **kind {
                    FaultKind::NotInOwnPath { .. } => {
                        f.write_str(": ")?;
                        kind.describe(f, program)
                    }
                    _ => f.write_str(", which no directory of PATH has"),
                }
            }
            FaultKind::EnvArguments { line } => {
                write!(f, "the first line of '{of}' has env look for a program named '{line}'")
            }
        }
    }

    fn remedy(&self, of: &str) -> String {
        let text = match self {
            FaultKind::NotFound { .. } => "build it first, or correct the command",
            FaultKind::NotInPath { is_here: true } => {
                return format!("a file of the code is named with its directory: ./{of}");
            }
            FaultKind::NotInPath { is_here: false } => "install it, or correct the command",
            FaultKind::NotInOwnPath { found: Some(found), .. } => {
                return format!("the shell finds {}; here: --env PATH=\"$PATH\"", found.display());
            }
            FaultKind::ForAShell { line, .. } => {
                let line = shlex::try_quote(line).unwrap_or_default(); // no NUL gets here
                return format!("let one run it: sh -c {line}");
            }
            FaultKind::OneWord { words } => {
                let (list, line) = (words.join(", "), words.join(" "));
                return format!(
                    "write each by itself: [{list}] in a template, -- {line} behind fc-local's options"
                );
            }
            FaultKind::NotInOwnPath { .. } => "put a local directory in the layer's place, or install it",
            FaultKind::Elsewhere { owner: Owner::Platform, instead } => return format!("here: … {instead}"),
            FaultKind::Elsewhere { instead, .. } => {
                return format!("put a local directory in the layer's place, or here: … {instead}");
            }
            FaultKind::DanglingLink { .. } => "make its target, or the file itself instead of a link",
            FaultKind::Directory | FaultKind::NoFile => "name the program in the command",
            FaultKind::NotExecutable => return format!("chmod +x {of}"),
            FaultKind::NotPermitted => "look at its owner and mode, and at those of the directories above it",
            FaultKind::NoExecMount => "put it into another directory",
            FaultKind::Busy => "wait until it is complete",
            FaultKind::Empty => "see whether its build has failed",
            FaultKind::ByteOrderMark => "save it without one (UTF-8, not UTF-8 with BOM)",
            FaultKind::NoFormat => "begin a script with a line such as #!/bin/sh",
            FaultKind::OtherSystem(_) => "build it for Linux",
            FaultKind::Architecture { wanted, .. } => return format!("build it for {wanted}"),
            FaultKind::MissingLoader { loader } if loader.contains("musl") => {
                "link it statically, or build it for glibc (a target that ends in -gnu)"
            }
            FaultKind::MissingLoader { .. } => "link it statically, or build it on the system that runs it",
            FaultKind::MissingLibrary { .. } => {
                "put the library into the code and name its directory in LD_LIBRARY_PATH, or link statically"
            }
            FaultKind::OldLibc { .. } => "build it on an older system, or link it statically",
            FaultKind::WindowsLineEnds { .. } => {
                return format!(
                    "convert it: sed -i 's/\\r$//' {of} (and keep git from converting it back: * text eol=lf in .gitattributes)"
                );
            }
            FaultKind::Interpreter { kind, interpreter } => match **kind {
                FaultKind::NotFound { .. } => "install it, or correct the first line",
                _ => return kind.remedy(interpreter),
            },
            FaultKind::NotMapped => {
                "let the command name the interpreter, as in 'python3 app.py'; only an isolated function sees it at that place"
            }
            FaultKind::EnvProgram { kind, program } => match **kind {
                FaultKind::NotInOwnPath { .. } => return kind.remedy(program),
                _ => "install it, or correct the first line",
            },
            FaultKind::EnvArguments { .. } => "write #!/usr/bin/env -S before a program with arguments",
        };
        text.to_owned()
    }
}
