//! What keeps a system from running a command? Found by looking at the file, before it is run or after that has failed.
//! What it is said to be is in `fault.rs`; who says it is not known here.

mod elf;
mod fault;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use rustix::io::Errno;

use super::configuration::Function;
use super::places::{CODE, OPT};
pub use fault::{Fault, FaultKind, Owner};

/// How much of a file's beginning Linux looks at (`BINPRM_BUF_SIZE`): a longer first line is cut there.
const BEGINNING: usize = 256;

/// How often an interpreter may be a script itself before Linux gives up.
const MAX_INTERPRETERS: usize = 5;

/// Where programs are looked for when nothing says so (execvp(3)).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Where the platform has what it runs functions with, and nobody else.
const PLATFORM: &str = "/var/fc/";

/// Where the platform's own images have the loader of programs that are linked dynamically.
const PLATFORM_LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// What keeps this machine from running `words` as `function` would.
pub fn fault(function: &Function, words: &[String]) -> Option<Fault> {
    System::here(function, words).fault(words)
}

/// The same after the system has refused them with `errno`.
pub fn fault_after_refusal(function: &Function, words: &[String], errno: i32) -> Option<Fault> {
    if Errno::from_raw_os_error(errno) == Errno::TXTBSY {
        return Some(Fault::new(words.first()?, FaultKind::Busy));
    }
    let has_failed = Errno::from_raw_os_error(errno) == Errno::NOENT;
    System { has_failed, ..System::here(function, words) }.fault(words)
}

/// Why they ended by themselves before they served, as far as the file or what was printed tells.
pub fn fault_after_exit(function: &Function, words: &[String], logs: &str) -> Option<Fault> {
    let of_file = System::here(function, words).fault(words).filter(|fault| fault.errno().is_none());
    of_file.or_else(|| Some(Fault::new(words.first()?, fault::of_loader(logs)?)))
}

/// What would keep the platform from running the file `name` of the code in `directory`. Of what is not in the code only
/// the loader is known.
pub fn fault_on_platform(directory: &Path, name: &str) -> Option<Fault> {
    let system = System {
        directory,
        layers: &[],
        maps_code: true,
        path: None,
        has_own_path: false,
        architecture: "x86_64",
        has_failed: false,
        is_command: true,
    };
    let fault = system.of_file(&directory.join(name), 0)?;
    Some(Fault::new(name, fault))
}

/// Where a command is to be run.
struct System<'a> {
    /// The working directory, which is also `/code`.
    directory: &'a Path,
    layers: &'a [PathBuf],
    maps_code: bool,
    /// Where programs are looked for; `None` on a system that is not this one.
    path: Option<String>,
    /// The author says where, and not the shell.
    has_own_path: bool,
    architecture: &'static str,
    /// The system has found something missing.
    has_failed: bool,
    /// It is the function's own, not that of its Initializer.
    is_command: bool,
}

impl<'a> System<'a> {
    fn here(function: &'a Function, words: &[String]) -> System<'a> {
        let own = function.variables.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
        System {
            directory: &function.code,
            layers: &function.layers,
            maps_code: function.maps_code,
            has_own_path: own.is_some(),
            path: Some(own.or_else(|| std::env::var("PATH").ok()).unwrap_or_else(|| DEFAULT_PATH.to_owned())),
            architecture: std::env::consts::ARCH,
            has_failed: false,
            is_command: words == function.command,
        }
    }

    fn fault(&self, words: &[String]) -> Option<Fault> {
        let program = words.first()?;
        let fault = match self.program(program) {
            Ok(path) => {
                let path = path?;
                let kind = self.of_file(&path, 0);
                kind.map(|kind| Fault::new(program, self.owned(kind, words)).at(&path))
            }
            Err(kind) => Some(Fault::new(program, kind)),
        };
        // What a shell would have made of the words explains more.
        match for_a_shell(words) {
            Some(line) if fault.as_ref().is_none_or(Fault::is_absence) => {
                let is_absent = fault.is_some();
                Some(Fault::new(program, FaultKind::ForAShell { line, is_absent }))
            }
            _ if program.contains(char::is_whitespace) && fault.as_ref().is_some_and(Fault::is_absence) => {
                let words =
                    program.split_whitespace().map(str::to_owned).chain(words.iter().skip(1).cloned());
                Some(Fault::new(program, FaultKind::OneWord { words: words.collect() }))
            }
            _ => fault,
        }
    }

    /// Of what is missing where only the platform or a layer has something, whose it is.
    fn owned(&self, kind: FaultKind, words: &[String]) -> FaultKind {
        match kind {
            FaultKind::NotFound { path } => match words.first().and_then(|program| self.owner(program)) {
                Some(owner) => FaultKind::Elsewhere { owner, instead: self.instead(words) },
                None => FaultKind::NotFound { path },
            },
            FaultKind::Interpreter { interpreter, kind } => {
                let words = [std::slice::from_ref(&interpreter), words].concat();
                FaultKind::Interpreter { interpreter, kind: Box::new(self.owned(*kind, &words)) }
            }
            kind => kind,
        }
    }

    fn owner(&self, path: &str) -> Option<Owner> {
        let is_of_layer = self.maps_code && path.strip_prefix(OPT).is_some_and(|rest| rest.starts_with('/'));
        match path.starts_with(PLATFORM) {
            true => Some(Owner::Platform),
            false => is_of_layer.then_some(Owner::Layer),
        }
    }

    /// The options that run `words` with this machine's own program of that name.
    fn instead(&self, words: &[String]) -> String {
        let name = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
        let words: Vec<String> =
            words.iter().take(1).map(name).chain(words.iter().skip(1).cloned()).collect();
        let line = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default(); // no NUL gets here
        match self.is_command {
            true => format!("-- {line}"),
            false => format!("--initializer-command {}", shlex::try_quote(&line).unwrap_or_default()),
        }
    }

    /// The file that `name` leads to; `None` when that is another system's.
    fn program(&self, name: &str) -> Result<Option<PathBuf>, FaultKind> {
        if name.contains('/') {
            return Ok(self.located(name));
        }
        let Some(path) = &self.path else { return Ok(None) };
        self.searched(name, path).map(Some).ok_or_else(|| self.not_in_path(name, path))
    }

    /// Where the directories of `path` have the program `name`.
    fn searched(&self, name: &str, path: &str) -> Option<PathBuf> {
        let directories = path.split(':').filter_map(|directory| self.located(directory));
        let candidates = directories.map(|directory| directory.join(name)).filter(|file| file.is_file());
        candidates.min_by_key(|file| access(file, Access::EXEC_OK).is_err())
    }

    fn not_in_path(&self, name: &str, path: &str) -> FaultKind {
        let is_here = self.directory.join(name).exists();
        let shell = std::env::var("PATH").ok().filter(|_| self.has_own_path && !is_here);
        let found = shell.and_then(|shell| self.searched(name, &shell));
        let is_missing = |directory: &&str| self.located(directory).is_none_or(|place| !place.exists());
        let missing = path.split(':').filter(is_missing);
        let missing =
            missing.filter_map(|directory| Some((self.owner(directory)?, directory.to_owned()))).next();
        if self.has_own_path && !is_here && (found.is_some() || missing.is_some()) {
            FaultKind::NotInOwnPath { path: path.to_owned(), missing, found }
        } else {
            FaultKind::NotInPath { is_here }
        }
    }

    /// Where the file of a path is found.
    fn located(&self, path: &str) -> Option<PathBuf> {
        let below = |root: &str| path.strip_prefix(root).filter(|rest| rest.starts_with('/'));
        let inner = |rest: &str| rest.trim_start_matches('/').to_owned();
        if let Some(rest) = below(CODE).filter(|_| self.maps_code) {
            return Some(self.directory.join(inner(rest)));
        }
        if let Some(rest) = below(OPT) {
            let layered =
                self.layers.iter().rev().map(|layer| layer.join(inner(rest))).find(|file| file.exists());
            if layered.is_some() {
                return layered;
            }
        }
        let is_known = self.path.is_some() || !path.starts_with('/');
        is_known.then(|| self.directory.join(path))
    }

    /// What keeps the system from running the file, which `depth` interpreters ask for.
    fn of_file(&self, path: &Path, depth: usize) -> Option<FaultKind> {
        let about = match fs::metadata(path) {
            Ok(about) => about,
            Err(error) => return Some(unreachable(path, error.kind())),
        };
        if about.is_dir() {
            return Some(FaultKind::Directory);
        }
        if !about.is_file() {
            return Some(FaultKind::NoFile);
        }
        if about.permissions().mode() & 0o111 == 0 {
            return Some(FaultKind::NotExecutable);
        }
        if self.path.is_some() && access(path, Access::EXEC_OK).is_err() {
            let is_noexec = statvfs(path).is_ok_and(|about| about.f_flag.contains(StatVfsMountFlags::NOEXEC));
            return Some(if is_noexec { FaultKind::NoExecMount } else { FaultKind::NotPermitted });
        }
        // One that may be run and not read is not looked into.
        let file = File::open(path).ok()?;
        let mut beginning = [0; BEGINNING];
        let length = read_up_to(&file, &mut beginning);
        self.of_content(file, beginning.get(..length)?, depth)
    }

    fn of_content(&self, file: File, beginning: &[u8], depth: usize) -> Option<FaultKind> {
        if let Some(line) = beginning.strip_prefix(b"#!") {
            return self.of_first_line(line.split(|byte| *byte == b'\n').next()?, depth);
        }
        match beginning {
            [] => Some(FaultKind::Empty),
            [0xef, 0xbb, 0xbf, b'#', b'!', ..] => Some(FaultKind::ByteOrderMark),
            [0x7f, b'E', b'L', b'F', ..] => self.of_program(elf::read(file)?),
            _ if self.runs_other_formats() => None,
            [b'M', b'Z', ..] => Some(FaultKind::OtherSystem("Windows")),
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => Some(FaultKind::OtherSystem("macOS")),
            _ => Some(FaultKind::NoFormat),
        }
    }

    /// Of a script, from what follows its `#!`.
    fn of_first_line(&self, line: &[u8], depth: usize) -> Option<FaultKind> {
        let line = String::from_utf8_lossy(line).into_owned();
        if line.ends_with('\r') {
            return Some(FaultKind::WindowsLineEnds { first_line: line });
        }
        let line = line.trim_matches([' ', '\t']);
        let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let of = |kind| FaultKind::Interpreter { interpreter: interpreter.to_owned(), kind: Box::new(kind) };
        if interpreter.is_empty() {
            return Some(FaultKind::NoFormat);
        }
        let path = self.located(interpreter)?;
        if self.has_failed
            && interpreter.starts_with('/')
            && path.exists()
            && !Path::new(interpreter).exists()
        {
            return Some(of(FaultKind::NotMapped));
        }
        if depth < MAX_INTERPRETERS
            && let Some(kind) = self.of_file(&path, depth + 1)
        {
            return Some(of(kind));
        }
        let is_env = Path::new(interpreter).file_name().is_some_and(|name| name == "env");
        if is_env { self.of_env(argument.trim()) } else { None }
    }

    /// Of what `env` is to find, which Linux hands on as one argument.
    fn of_env(&self, argument: &str) -> Option<FaultKind> {
        let (splits, words) = match argument.strip_prefix("-S").or(argument.strip_prefix("--split-string=")) {
            Some(words) => (true, words.trim()),
            None => (false, argument),
        };
        if !splits && argument.contains([' ', '\t']) {
            return Some(FaultKind::EnvArguments { line: argument.to_owned() });
        }
        let program = words.split_whitespace().find(|word| !word.starts_with('-') && !word.contains('='))?;
        let missing = |kind| FaultKind::EnvProgram { program: program.to_owned(), kind: Box::new(kind) };
        match self.program(program) {
            Ok(Some(path)) => {
                fs::metadata(&path).err().map(|error| missing(unreachable(&path, error.kind())))
            }
            Ok(None) => None,
            Err(kind) => Some(missing(kind)),
        }
    }

    fn of_program(&self, program: elf::Program) -> Option<FaultKind> {
        let elf::Program { architecture, loader } = program;
        let is_ours =
            architecture == self.architecture || (architecture, self.architecture) == ("x86", "x86_64");
        if !is_ours {
            let (of, wanted) = (architecture, self.architecture);
            return (!self.runs_other_formats()).then_some(FaultKind::Architecture { of, wanted });
        }
        let loader = loader?;
        let is_there = match &self.path {
            Some(_) => self.located(&loader).is_some_and(|path| path.exists()),
            None => loader == PLATFORM_LOADER,
        };
        (!is_there).then_some(FaultKind::MissingLoader { loader })
    }

    /// Whether this machine hands on what it cannot run itself (binfmt_misc), to an emulator for instance.
    fn runs_other_formats(&self) -> bool {
        let entries = fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
        self.path.is_some()
            && entries.map(|entry| entry.file_name()).any(|name| name != "register" && name != "status")
    }
}

/// The line that a shell would take, of words that have something of its own in them.
fn for_a_shell(words: &[String]) -> Option<String> {
    const OPERATORS: [&str; 6] = ["&&", "||", "|", ">", ">>", "2>&1"];
    let is_operator = |word: &&String| OPERATORS.contains(&word.as_str());
    let program = words.first()?.rsplit('/').next()?;
    // Behind its -c a shell has one word that is the line, and what follows is not its concern.
    if program.ends_with("sh") || !words.iter().skip(1).any(|word| is_operator(&word)) {
        return None;
    }
    let quoted = |word: &String| match is_operator(&word) {
        true => word.clone(),
        false => shlex::try_quote(word).map(String::from).unwrap_or_default(), // no NUL gets here
    };
    Some(words.iter().map(quoted).collect::<Vec<_>>().join(" "))
}

/// Why the file of a path cannot be looked at.
fn unreachable(path: &Path, error: ErrorKind) -> FaultKind {
    match (error, fs::read_link(path)) {
        (ErrorKind::PermissionDenied, _) => FaultKind::NotPermitted,
        (_, Ok(target)) => FaultKind::DanglingLink { target: target.display().to_string() },
        (_, Err(_)) => {
            // Without the dot of `/srv/code/./bootstrap`.
            let path: PathBuf = path.components().collect();
            FaultKind::NotFound { path: path.display().to_string() }
        }
    }
}

/// How much of the file's beginning there is.
fn read_up_to(file: &File, buffer: &mut [u8]) -> usize {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, length as u64) {
            Ok(0) | Err(_) => break,
            Ok(count) => length += count,
        }
    }
    length
}
