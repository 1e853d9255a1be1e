//! What every file of the library, and every document, has to be like. The layers are read from ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a file may have before its tests.
const MAX_LINES: usize = 400;

/// One file, by the module that it is: `serve/worker`, `lib`.
struct Source {
    module: String,
    text: String,
}

impl Source {
    /// What stands before the tests of the file.
    fn production(&self) -> &str {
        let tests = ["\n#[cfg(test)]\nmod tests", "\n#[cfg(test)]\n#[path"];
        tests
            .iter()
            .filter_map(|mark| self.text.split_once(mark))
            .map(|(before, _)| before)
            .next()
            .unwrap_or(&self.text)
    }

    /// The lines of that which are no comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.production().lines().filter(|line| !line.trim_start().starts_with("//"))
    }

    /// The module at the root of the crate that it belongs to.
    fn layer(&self) -> &str {
        self.module.split('/').next().unwrap_or_default()
    }

    /// All paths in its code that have `::` in them, groups in braces taken apart: `crate::http1::Head`. What does
    /// not say where it begins is one of its own modules, or another crate.
    fn paths(&self) -> Vec<String> {
        let code: Vec<&str> = self.code().map(|line| line.split("//").next().unwrap_or_default()).collect();
        let code = code.join(" ");
        let mut paths = Vec::new();
        let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let mut at = 0;
        while let Some(colons) = code[at..].find("::").map(|found| found + at) {
            let first = code[..colons].rfind(|c| !is_of_path(c)).map_or(0, |found| found + 1);
            at = take_apart(&code, first, "", &mut paths);
        }
        paths
    }

    /// All modules that it imports: `http1/head`, `serve/worker`. What a folder's face hands out is the file's that
    /// has it.
    fn imports(&self, library: &Library) -> BTreeSet<String> {
        let mut imports = BTreeSet::new();
        for path in self.paths() {
            let mut segments: Vec<&str> = path.split("::").collect();
            let mut from: Vec<&str> = match segments[0] {
                "crate" => Vec::new(),
                "super" => self.module.split('/').collect(),
                _ if library.modules.contains(&format!("{}/{}", self.module, segments[0])) => {
                    self.module.split('/').collect()
                }
                _ => continue,
            };
            while matches!(segments.first(), Some(&("crate" | "super"))) {
                if segments.remove(0) == "super" {
                    from.pop();
                }
            }
            from.extend(segments);
            imports.insert(library.resolve(&from));
        }
        imports.remove("");
        imports.remove(&self.module);
        imports
    }
}

/// Adds to `paths` what begins at `at`, each path behind `prefix`; where it ends.
fn take_apart(code: &str, at: usize, prefix: &str, paths: &mut Vec<String>) -> usize {
    let rest = &code[at..];
    let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
    let path = format!("{prefix}{}", &rest[..length]);
    if !(path.ends_with("::") && rest[length..].starts_with('{')) {
        paths.push(path);
        return at + length.max(1);
    }
    let mut at = at + length + 1;
    loop {
        at += code[at..].len() - code[at..].trim_start_matches([' ', ',']).len();
        match code[at..].chars().next() {
            Some('}') | None => return at + 1,
            Some(_) => at = take_apart(code, at, &path, paths),
        }
        // What is renamed is named by its first name.
        if let Some(renamed) = code[at..].strip_prefix(" as ") {
            at = code.len() - renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        }
    }
}

/// All files of the library without their tests.
struct Library {
    sources: Vec<Source>,
    modules: BTreeSet<String>,
    /// Where what a folder's face hands out is: `threads/Pool` is in `threads/pool`.
    handed_out: BTreeMap<String, String>,
}

impl Library {
    fn read() -> Library {
        let mut sources = sources_of("src");
        sources.retain(|source| !source.module.ends_with("tests"));
        let modules: BTreeSet<String> = sources.iter().map(|source| source.module.clone()).collect();
        let mut handed_out = BTreeMap::new();
        for face in &sources {
            for path in face.paths() {
                if let Some((file, name)) = path.rsplit_once("::")
                    && modules.contains(&format!("{}/{file}", face.module))
                {
                    handed_out.insert(format!("{}/{name}", face.module), format!("{}/{file}", face.module));
                }
            }
        }
        Library { sources, modules, handed_out }
    }

    /// The file that has what is named so.
    fn resolve(&self, path: &[&str]) -> String {
        for length in (1..=path.len()).rev() {
            let name = path[..length].join("/");
            if self.modules.contains(&name) {
                return name;
            }
            if let Some(file) = self.handed_out.get(&name) {
                let file: Vec<&str> = file.split('/').chain([path[length - 1]]).collect();
                return self.resolve(&file);
            }
        }
        String::new()
    }

    fn module(&self, name: &str) -> &Source {
        self.sources.iter().find(|source| source.module == name).expect("a file")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn sources_of(folder: &str) -> Vec<Source> {
    let folder = root().join(folder);
    let source = |path: PathBuf| {
        let module = path.strip_prefix(&folder).unwrap().with_extension("").display().to_string();
        let module = module.strip_suffix("/mod").unwrap_or(&module).to_owned();
        Source { module, text: fs::read_to_string(path).unwrap() }
    };
    files_below(&folder).into_iter().map(source).collect()
}

/// The table of layers in ARCHITECTURE.md, from above: what each may import.
fn layers() -> Vec<(String, BTreeSet<String>)> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("| module | may import | says |\n|---|---|---|\n").expect("the table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 3 && !cells[2].is_empty(), "{row}");
        let may_import = cells[1].split(',').map(|name| name.trim().to_owned());
        (cells[0].to_owned(), may_import.filter(|name| !name.is_empty()).collect())
    })
    .collect()
}

#[test]
fn every_module_imports_what_its_row_allows_and_every_row_is_a_module() {
    let (library, layers) = (Library::read(), layers());
    let found: BTreeSet<&str> = library.sources.iter().map(Source::layer).filter(|it| *it != "lib").collect();
    assert_eq!(found, layers.iter().map(|(layer, _)| layer.as_str()).collect());
    for (layer, may_import) in &layers {
        for source in library.sources.iter().filter(|source| source.layer() == layer) {
            for import in source.imports(&library) {
                let imported = import.split('/').next().unwrap();
                let is_allowed = imported == layer || may_import.contains(imported);
                assert!(is_allowed, "{} imports {import}", source.module);
            }
        }
    }
}

#[test]
fn no_layer_may_import_one_above_it() {
    let layers = layers();
    for (at, (layer, may_import)) in layers.iter().enumerate() {
        for import in may_import {
            let stands_at = layers.iter().position(|(other, _)| other == import).expect("a row");
            assert!(stands_at > at, "{layer} may import {import}, which stands above it");
        }
    }
}

#[test]
fn a_file_on_the_path_of_a_request_imports_only_those_below_it() {
    let library = Library::read();
    let names = library.module("serve").production().lines();
    let names = names.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let order: Vec<String> = names.map(|name| format!("serve/{name}")).collect();
    assert!(order.len() > 10, "{order:?}");
    for (at, module) in order.iter().enumerate() {
        let imports = library.module(module).imports(&library);
        for import in imports.iter().filter(|import| import.split('/').next() == Some("serve")) {
            let below = order.iter().position(|other| other == import).expect("in the list");
            assert!(below > at, "{module} imports {import}, which stands above it");
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let library = Library::read();
    let mut imports: BTreeMap<&str, BTreeSet<String>> =
        library.sources.iter().map(|source| (source.module.as_str(), source.imports(&library))).collect();
    // Whatever imports nothing that is left is in no circle.
    loop {
        let free: Vec<&str> =
            imports.iter().filter(|(_, needs)| needs.is_empty()).map(|(module, _)| *module).collect();
        if free.is_empty() {
            break;
        }
        for module in free {
            imports.remove(module);
            imports.values_mut().for_each(|needs| {
                needs.remove(module);
            });
        }
    }
    assert!(imports.is_empty(), "in a circle, or above one: {imports:#?}");
}

/// The walls above stand on this.
#[test]
fn an_import_is_found_however_it_is_written() {
    let text = "use crate::{serve::Serving as S, api::{Error, Request}};\n\
        use super::{\n    ready::Key,\n    socket,\n};\n\
        use std::{io, sync::Mutex}; // and std::thread\n\
        fn f() -> crate::http1::Head { slots::new(a::b) }\n";
    let source = Source { module: "net/listener".into(), text: text.into() };
    let expected = [
        "crate::serve::Serving",
        "crate::api::Error",
        "crate::api::Request",
        "super::ready::Key",
        "super::socket",
        "std::io",
        "std::sync::Mutex",
        "crate::http1::Head",
        "slots::new",
        "a::b",
    ];
    assert_eq!(source.paths(), expected);
    let imports = source.imports(&Library::read());
    let expected =
        ["api/error", "api/request", "http1/head", "net/ready/selector", "net/socket", "serve/serving"];
    assert_eq!(imports.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn every_file_says_what_it_is_for_and_is_not_long() {
    for source in Library::read().sources.iter().chain(&sources_of("examples")) {
        if source.module != "lib" {
            assert!(source.text.starts_with("//! "), "{} does not open with its question", source.module);
        }
        let lines = source.production().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", source.module);
    }
}

/// Only `allowed` may have one of `marks` in their code, or in a path of it.
fn assert_only(allowed: &[&str], marks: &[&str]) {
    for source in Library::read().sources.iter().filter(|it| !allowed.contains(&it.module.as_str())) {
        let paths = source.paths();
        for text in source.code().chain(paths.iter().map(String::as_str)) {
            for mark in marks {
                assert!(!text.contains(mark), "{} has {mark}: {text}", source.module);
            }
        }
    }
}

#[test]
fn one_file_reads_the_environment() {
    assert_only(&["environment"], &["env::var", "std::env"]);
}

#[test]
fn one_file_writes_standard_output() {
    assert_only(&["log/stdout"], &["stdout()", "println!", "print!("]);
}

#[test]
fn one_file_is_the_source_of_locks_atomics_threads_and_channels() {
    assert_only(&["sync"], &["std::sync", "std::thread", "crossbeam_channel"]);
}

#[test]
fn one_file_is_the_boundary_of_panics_and_two_call_into_it() {
    assert_only(&["contain"], &["catch_unwind"]);
    let authors = ["contain", "platform/failure", "platform/lifecycle", "serve/exchange", "testing"];
    assert_only(&authors, &["contain(", "drop_contained("]);
}

#[test]
fn the_programs_logger_is_called_where_its_panics_are_contained() {
    assert_only(&["contain", "log/logger"], &["log::logger()", "error!(", "warn!(", "info!(", "debug!("]);
}

#[test]
fn one_file_asks_what_time_it_is_for_a_deadline() {
    // An author's `time_left` is not this server's deadline; poll's timeout is the system's own.
    assert_only(&["clock", "api/context", "net/ready/poll"], &["Instant::now"]);
}

#[test]
fn the_codec_knows_no_sockets_clocks_threads_or_environment() {
    for source in Library::read().sources.iter().filter(|source| source.layer() == "http1") {
        for path in source.paths() {
            for name in ["std::io", "std::thread", "std::env", "rustix", "log::", "Instant", "SystemTime"] {
                assert!(!path.contains(name), "{}: {path}", source.module);
            }
            let is_allowed = |outside: &str, allowed: &str| !path.starts_with(outside) || path == allowed;
            assert!(is_allowed("std::net", "std::net::Ipv6Addr"), "{}: {path}", source.module);
            assert!(is_allowed("crate::", "crate::clock::Moment"), "{}: {path}", source.module);
        }
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    for source in Library::read().sources.iter().chain(&sources_of("examples")) {
        for mark in ["TODO", "FIXME", "dbg!(", "todo!(", "unimplemented!("] {
            assert!(!source.text.contains(mark), "{} has {mark}", source.module);
        }
    }
}

/// httparse's `std` chooses its SIMD at run time: ten CPUID instructions, which on a virtual machine are a tenth of a
/// start.
#[test]
fn httparse_does_not_look_for_simd_at_the_start() {
    let arguments = ["tree", "--package", "fc-runtime", "--locked", "--edges", "normal,dev,features"];
    let mut cargo = std::process::Command::new(env!("CARGO"));
    let output = cargo.args(arguments).args(["--invert", "httparse"]).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.starts_with("httparse"), "{tree}");
    assert!(!tree.contains("httparse feature"), "{tree}");
}

#[test]
fn every_link_in_a_document_names_a_file_that_exists() {
    let mut followed = 0;
    for folder in ["", "docs", "fc-local"].map(|folder| root().join(folder)) {
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        for document in files.filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
            let text = fs::read_to_string(&document).unwrap();
            let targets = text.split("](").skip(1).map(|link| link.split([')', '#']).next().unwrap());
            for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
                assert!(folder.join(target).exists(), "{}: {target}", document.display());
                followed += 1;
            }
        }
    }
    assert!(followed > 10, "{followed} links are too few to be all");
}
