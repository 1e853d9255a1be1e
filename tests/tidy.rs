//! What every file of the library has to be like. The layers are read from ARCHITECTURE.md.

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

    /// All modules that it imports, as far as their names can tell: `http1`, `serve/worker`.
    fn imports(&self, modules: &BTreeSet<String>) -> BTreeSet<String> {
        let mut imports = BTreeSet::new();
        for line in self.code() {
            for (at, found) in line.match_indices("crate::").chain(line.match_indices("super::")) {
                let mut path: Vec<&str> = match found {
                    "super::" => {
                        self.module.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect()
                    }
                    _ => Vec::new(),
                };
                let rest = &line[at + found.len()..];
                let names = rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next();
                path.extend(names.unwrap_or_default().split("::").filter(|name| !name.is_empty()));
                while !path.is_empty() && !modules.contains(&path.join("/")) {
                    path.pop();
                }
                imports.insert(path.join("/"));
            }
        }
        imports.remove("");
        imports.remove(&self.module);
        imports
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

/// The library without its tests.
fn library() -> Vec<Source> {
    let mut sources = sources_of("src");
    sources.retain(|source| !source.module.ends_with("tests"));
    sources
}

/// The table of layers in ARCHITECTURE.md: what each may import.
fn layers() -> BTreeMap<String, BTreeSet<String>> {
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
    let (sources, layers) = (library(), layers());
    let modules: BTreeSet<String> = sources.iter().map(|source| source.module.clone()).collect();
    let found: BTreeSet<&str> = sources.iter().map(Source::layer).filter(|layer| *layer != "lib").collect();
    assert_eq!(found, layers.keys().map(String::as_str).collect());
    for source in sources.iter().filter(|source| source.module != "lib") {
        for import in source.imports(&modules) {
            let layer = import.split('/').next().unwrap();
            let is_allowed = layer == source.layer() || layers[source.layer()].contains(layer);
            assert!(is_allowed, "{} imports {import}", source.module);
        }
    }
}

#[test]
fn no_layer_imports_one_above_it() {
    let layers = layers();
    fn reaches(layers: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
        layers[from].iter().any(|next| next == to || reaches(layers, next, to))
    }
    for layer in layers.keys() {
        assert!(!reaches(&layers, layer, layer), "{layer} imports itself in a circle");
    }
}

#[test]
fn a_file_on_the_path_of_a_request_imports_only_those_below_it() {
    let sources = library();
    let modules: BTreeSet<String> = sources.iter().map(|source| source.module.clone()).collect();
    let index = sources.iter().find(|source| source.module == "serve").expect("src/serve/mod.rs");
    let names = index.production().lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let order: Vec<String> = names.map(|name| format!("serve/{name}")).collect();
    assert!(order.len() > 10, "{order:?}");
    for (at, module) in order.iter().enumerate() {
        let source = sources.iter().find(|source| source.module == *module).expect("a file");
        for import in source.imports(&modules).iter().filter(|import| import.starts_with("serve/")) {
            let below = order.iter().position(|other| other == import).expect("in the list");
            assert!(below > at, "{module} imports {import}, which stands above it");
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let sources = library();
    let modules: BTreeSet<String> = sources.iter().map(|source| source.module.clone()).collect();
    let mut imports: BTreeMap<&str, BTreeSet<String>> =
        sources.iter().map(|source| (source.module.as_str(), source.imports(&modules))).collect();
    // A folder's own file hands out what its files have.
    for source in &sources {
        let folder = format!("{}/", source.module);
        imports.get_mut(source.module.as_str()).unwrap().retain(|import| !import.starts_with(&folder));
    }
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
    // A file may import its folder's face, which imports nothing by itself.
    assert!(imports.is_empty(), "in a circle, or above one: {imports:#?}");
}

#[test]
fn every_file_says_what_it_is_for_and_is_not_long() {
    for source in library().iter().chain(&sources_of("examples")) {
        if source.module != "lib" {
            assert!(source.text.starts_with("//! "), "{} does not open with its question", source.module);
        }
        let lines = source.production().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", source.module);
    }
}

/// Only `allowed` may have one of `marks` in their code.
fn assert_only(allowed: &[&str], marks: &[&str]) {
    for source in library().iter().filter(|source| !allowed.contains(&source.module.as_str())) {
        for line in source.code() {
            for mark in marks {
                assert!(!line.contains(mark), "{} has {mark}: {line}", source.module);
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
    assert_only(&["platform/contain"], &["catch_unwind"]);
    assert_only(
        &["platform/contain", "platform/lifecycle", "serve/exchange"],
        &["contain(", "drop_contained("],
    );
}

#[test]
fn one_file_asks_what_time_it_is_for_a_deadline() {
    // An author's `time_left` is not this server's deadline; poll's timeout is the system's own.
    assert_only(&["clock", "api/context", "net/ready/poll"], &["Instant::now"]);
}

#[test]
fn the_codec_knows_no_sockets_clocks_threads_or_environment() {
    for source in library().iter().filter(|source| source.layer() == "http1") {
        for line in source.code() {
            for name in ["std::io", "std::thread", "std::env", "rustix", "log::", "Instant", "SystemTime"] {
                assert!(!line.contains(name), "{}: {line}", source.module);
            }
            let of_std = line.split_once("std::net").is_none_or(|(_, rest)| rest.starts_with("::Ipv6Addr;"));
            assert!(of_std, "{}: {line}", source.module);
            let of_crate =
                line.split_once("crate::").is_none_or(|(_, rest)| rest.starts_with("clock::Moment;"));
            assert!(of_crate, "{}: {line}", source.module);
        }
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    for source in library().iter().chain(&sources_of("examples")) {
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
