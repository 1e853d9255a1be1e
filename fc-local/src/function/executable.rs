//! Why can a file not be run? The system has one number for several faults; each has a remedy of its own. Nothing is run
//! here, and whether the platform would start a function is not known here.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::configuration::Function;
use super::environment;
use super::places::Places;
use object::elf;
use object::read::elf::{ElfFile32, ElfFile64, FileHeader, ProgramHeader as _};
use object::read::{Architecture, Object as _, ReadCache};

/// How much of a file is looked at for its first line: Linux reads 256 bytes of it (execve(2)).
const FIRST_LINE: u64 = 256;

/// Where a file is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// On this one, with what is installed here.
    Own,
    /// On the platform: x86-64, and what is installed there is not known.
    Platform,
}

/// What is wrong with a file that is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Missing,
    DanglingLink {
        target: PathBuf,
    },
    Directory,
    /// Without a right to execute it.
    NotExecutable,
    Empty,
    /// Neither a program nor a script.
    NoFormat,
    /// A program of another system, which is named.
    OtherSystem(&'static str),
    /// A program of another processor.
    OtherMachine {
        is_for: &'static str,
        runs: &'static str,
    },
    /// The program that loads its libraries.
    MissingLoader {
        loader: String,
    },
    /// The program that its first line names.
    MissingInterpreter {
        interpreter: String,
    },
    /// Its first line ends as on Windows, which is a part of the interpreter's name to Linux.
    WindowsLineEnds {
        interpreter: String,
    },
}

/// The file that `program` is, for a process that starts in `directory` and finds programs in `path`.
pub fn find(program: &str, directory: &Path, path: &str) -> PathBuf {
    if program.contains('/') {
        return directory.join(program);
    }
    let mut candidates = std::env::split_paths(path).map(|place| directory.join(place).join(program));
    candidates.find(|candidate| candidate.exists()).unwrap_or_else(|| directory.join(program))
}

/// What is wrong with the program that `function` starts with, as it is found here; `None` also for what a layer may have.
pub fn fault_of(function: &Function) -> Option<(PathBuf, Fault)> {
    let program = function.command.first()?;
    if program.starts_with("/opt/") && !function.layers.is_empty() {
        return None;
    }
    let code = function.code.display().to_string();
    let places = match function.maps_code {
        true => Places::substituted(&function.code, code, None),
        false => Places::unmapped(&function.code),
    };
    let environment = environment::of(function, &places, "", function.port);
    let path = environment.get("PATH").map_or("", String::as_str);
    let file = find(&places.seen(program), &function.code, path);
    let fault = fault(&file, Machine::Own)?;
    Some((file, fault))
}

/// What is wrong with the file at `path`; `None` also for what cannot be looked at.
pub fn fault(path: &Path, machine: Machine) -> Option<Fault> {
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Some(match fs::read_link(path) {
                Ok(target) => Fault::DanglingLink { target },
                Err(_) => Fault::Missing,
            });
        }
        Err(_) => return None,
    };
    if about.is_dir() {
        return Some(Fault::Directory);
    }
    if about.permissions().mode() & 0o111 == 0 {
        return Some(Fault::NotExecutable);
    }
    let file = File::open(path).ok()?;
    let mut begin = Vec::new();
    (&file).take(FIRST_LINE).read_to_end(&mut begin).ok()?;
    match begin.as_slice() {
        [] => Some(Fault::Empty),
        [b'#', b'!', rest @ ..] => of_script(rest, machine),
        [0x7f, b'E', b'L', b'F', ..] => of_program(file, machine),
        [b'M', b'Z', ..] => Some(Fault::OtherSystem("Windows")),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            Some(Fault::OtherSystem("macOS"))
        }
        _ => Some(Fault::NoFormat),
    }
}

/// Of a script whose first line goes on with `rest`.
fn of_script(rest: &[u8], machine: Machine) -> Option<Fault> {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let interpreter = line.trim_matches([' ', '\t']).split([' ', '\t']).next().unwrap_or_default();
    // With arguments behind it the interpreter gets the stray character instead, and says so itself.
    if let Some(interpreter) = interpreter.strip_suffix('\r') {
        return Some(Fault::WindowsLineEnds { interpreter: interpreter.to_owned() });
    }
    if line.ends_with('\r') && interpreter.ends_with("/env") {
        return Some(Fault::WindowsLineEnds { interpreter: line.trim().to_owned() });
    }
    let is_missing = machine == Machine::Own && !Path::new(interpreter).exists();
    is_missing.then(|| Fault::MissingInterpreter { interpreter: interpreter.to_owned() })
}

fn of_program(file: File, machine: Machine) -> Option<Fault> {
    let data = ReadCache::new(file);
    if let Ok(program) = ElfFile64::<object::Endianness, _>::parse(&data) {
        let loader = loader(program.elf_header(), &data);
        return of_elf(program.architecture(), loader, machine);
    }
    let program = ElfFile32::<object::Endianness, _>::parse(&data).ok()?;
    let loader = loader(program.elf_header(), &data);
    of_elf(program.architecture(), loader, machine)
}

/// The program that loads the libraries of a dynamic one.
fn loader<H, R>(header: &H, data: &ReadCache<R>) -> Option<String>
where
    H: FileHeader<Endian = object::Endianness>,
    R: object::read::ReadCacheOps,
{
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, data).ok()?;
    let found = headers.iter().find(|header| header.p_type(endian) == elf::PT_INTERP)?;
    let name = found.interpreter(endian, data).ok()??;
    Some(String::from_utf8_lossy(name).into_owned())
}

fn of_elf(built_for: Architecture, loader: Option<String>, machine: Machine) -> Option<Fault> {
    let runs = match machine {
        Machine::Own => std::env::consts::ARCH,
        Machine::Platform => "x86_64",
    };
    let is_for = match built_for {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "aarch64",
        Architecture::I386 => "x86",
        Architecture::Arm => "arm",
        Architecture::Riscv64 => "riscv64",
        _ => "another processor",
    };
    if is_for != runs && !(is_for == "x86" && runs == "x86_64") {
        return Some(Fault::OtherMachine { is_for, runs });
    }
    let missing = loader.filter(|loader| machine == Machine::Own && !Path::new(loader).exists());
    missing.map(|loader| Fault::MissingLoader { loader })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("there is no such file; build it, or check the name"),
            Fault::DanglingLink { target } => {
                write!(f, "it is a link to {}, where nothing is", target.display())
            }
            Fault::Directory => f.write_str("it is a directory; name the program in it"),
            Fault::NotExecutable => f.write_str("it is not executable; chmod +x it"),
            Fault::Empty => f.write_str("it is empty"),
            Fault::NoFormat => f.write_str(
                "it is neither a program nor a script: a script begins with a line such as #!/bin/sh",
            ),
            Fault::OtherSystem(system) => {
                write!(f, "it is a program for {system}; build it for Linux")
            }
            Fault::OtherMachine { is_for, runs } => {
                write!(f, "it is built for {is_for}, and runs on {runs}; build it for that")
            }
            Fault::MissingLoader { loader } => write!(
                f,
                "it needs the loader {loader}, which is not here; link it statically, or against the C library of the system that it runs on"
            ),
            Fault::MissingInterpreter { interpreter } => {
                write!(f, "its first line asks for {interpreter:?}, which is not here")
            }
            Fault::WindowsLineEnds { interpreter } => write!(
                f,
                "its first line asks for {:?}: it has Windows line ends (CRLF); dos2unix it, and have git leave it alone (eol=lf)",
                format!("{interpreter}\r")
            ),
        }
    }
}

#[cfg(test)]
mod tests;
