//! What every file of fc-local has to be like. The layers are read from ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a file may have before its tests.
const MAX_LINES: usize = 400;

/// A module by the names on the way to it: `["instance", "client", "pool"]`.
type Module = Vec<String>;

struct Source {
    module: Module,
    text: String,
}

impl Source {
    /// What stands before the tests of the file.
    fn production(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default()
    }

    /// That without comments.
    fn code(&self) -> String {
        let lines = self.production().lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The modules that it imports.
    fn imports(&self, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
        let parent = &self.module[..self.module.len() - 1];
        let code = self.code();
        let starts = [("crate::", &[][..]), ("super::", parent)];
        let mut imports = BTreeSet::new();
        for (start, base) in starts {
            for (at, _) in code.match_indices(start) {
                for names in paths(&code[at + start.len()..]) {
                    let path: Module = base.iter().cloned().chain(names).collect();
                    let module =
                        (0..=path.len()).rev().map(|end| &path[..end]).find(|p| modules.contains(*p));
                    imports.extend(module.map(<[String]>::to_vec));
                }
            }
        }
        imports.remove(&self.module);
        imports
    }

    fn name(&self) -> String {
        self.module.join("/")
    }
}

/// The paths that begin `text`: `a::{b, c::d}` is two.
fn paths(text: &str) -> Vec<Module> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (names, rest) = text.split_at(end);
    let names: Module = names.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let Some(group) = rest.strip_prefix('{') else { return vec![names] };
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                let inner = group[begin..at].trim();
                let inner = if inner.is_empty() { Vec::new() } else { paths(inner) };
                found.extend(inner.into_iter().map(|path| [names.clone(), path].concat()));
                begin = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
        if c == '}' && depth == 0 && begin == at + 1 {
            break;
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The files of a new project are text here.
        if path.is_dir() && !path.ends_with("new/project") {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// All files but `lib.rs`, `main.rs` and those with tests alone.
fn sources() -> Vec<Source> {
    let folder = root().join("src");
    let source = |path: PathBuf| {
        let names = path.strip_prefix(&folder).unwrap().with_extension("");
        let names = names.iter().map(|name| name.to_str().unwrap().to_owned());
        let module = names.filter(|name| name != "mod").collect();
        Source { module, text: fs::read_to_string(path).unwrap() }
    };
    let mut sources: Vec<Source> = files_below(&folder).into_iter().map(source).collect();
    sources.retain(|source| !["lib", "main", "tests"].contains(&source.module.last().unwrap().as_str()));
    assert!(sources.len() > 50);
    sources
}

fn modules(sources: &[Source]) -> BTreeSet<Module> {
    sources.iter().map(|source| source.module.clone()).collect()
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
fn every_module_imports_what_its_row_says_and_every_row_is_a_module() {
    let sources = sources();
    let modules = modules(&sources);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in &sources {
        let of_layer = found.entry(source.module[0].clone()).or_default();
        let imports = source.imports(&modules).into_iter().map(|import| import[0].clone());
        of_layer.extend(imports.filter(|layer| *layer != source.module[0]));
    }
    assert_eq!(found, layers());
}

#[test]
fn no_layer_imports_one_above_it() {
    fn reaches(layers: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
        layers[from].iter().any(|next| next == to || reaches(layers, next, to))
    }
    let layers = layers();
    for layer in layers.keys() {
        assert!(!reaches(&layers, layer, layer), "{layer} imports itself in a circle");
    }
}

/// The modules of each folder in the order of its `mod` lines.
fn orders(sources: &[Source]) -> BTreeMap<Module, Vec<String>> {
    let order = |source: &Source| {
        let lines = source.production().lines().map(|line| line.strip_prefix("pub ").unwrap_or(line));
        let names = lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        (source.module.clone(), names.map(str::to_owned).collect())
    };
    sources.iter().map(order).collect()
}

#[test]
fn inside_of_a_folder_a_file_imports_only_those_below_it() {
    let sources = sources();
    let (modules, orders) = (modules(&sources), orders(&sources));
    for source in &sources {
        for import in source.imports(&modules) {
            let common = source.module.iter().zip(&import).take_while(|(one, other)| one == other).count();
            let (folder, own, other) = (&import[..common], source.module.get(common), import.get(common));
            let names = (source.name(), import.join("/"));
            match (own, other) {
                // Layers have a table of their own.
                _ if folder.is_empty() => {}
                // A folder's face says what others may use of its files.
                (None, Some(_)) => {}
                (Some(own), Some(other)) => {
                    let place =
                        |name| orders[folder].iter().position(|other| other == name).expect("a mod line");
                    assert!(
                        place(own) < place(other),
                        "{} imports {}, which stands above it",
                        names.0,
                        names.1
                    );
                }
                (_, None) => panic!("{} imports the face of its own folder, {}", names.0, names.1),
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_is_not_long() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{} does not open with its question", source.name());
        let lines = source.production().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", source.name());
    }
}

/// Only `allowed` may have one of `marks` in their code.
fn assert_only(allowed: &[&str], marks: &[&str]) {
    for source in sources().iter().filter(|source| !allowed.contains(&source.name().as_str())) {
        for line in source.code().lines() {
            for mark in marks {
                assert!(!line.contains(mark), "{} has {mark}: {line}", source.name());
            }
        }
    }
}

#[test]
fn nothing_panics_on_purpose() {
    assert_only(&[], &[".unwrap()", ".expect(", "panic!(", "unreachable!(", "assert!(", "assert_eq!("]);
}

#[test]
fn one_file_is_the_source_of_locks() {
    assert_only(&["sync"], &["std::sync::Mutex", "std::sync::Condvar", "PoisonError"]);
}

#[test]
fn one_file_writes_standard_output() {
    assert_only(
        &["log/output"],
        &["io::stdout", "io::stderr", "println!(", "eprintln!(", "print!(", "stdio::"],
    );
}

#[test]
fn only_the_instance_layer_writes_heads() {
    let outside =
        |source: &Source| source.module[0] != "instance" && source.name() != "cli/check/probes/connections";
    for source in sources().iter().filter(|source| outside(source)) {
        assert!(!source.code().contains("\\r\\n"), "{} writes a head", source.name());
    }
}

#[test]
fn rules_know_no_process_clock_thread_or_lock() {
    let pure = [
        "scaling/slot",
        "scaling/slots",
        "scaling/upkeep",
        "scaling/unavailable",
        "front/async_queue/life",
        "front/async_queue/result",
        "front/timers/agenda",
        "function/schedule",
    ];
    let codec = ["instance/client/chunk", "instance/client/reply_head", "instance/client/request"];
    for source in sources().iter().filter(|source| {
        let name = source.name();
        pure.contains(&name.as_str()) || codec.contains(&name.as_str())
    }) {
        for mark in ["now()", "std::thread", "std::sync", "crate::sync", "Arc<", "std::process", "std::net"] {
            assert!(!source.code().contains(mark), "{} has {mark}", source.name());
        }
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    for source in sources() {
        for mark in ["TODO", "FIXME", "dbg!(", "todo!(", "unimplemented!("] {
            assert!(!source.text.contains(mark), "{} has {mark}", source.name());
        }
    }
}

#[test]
fn imports_are_read_as_the_compiler_reads_them() {
    let source = |text: &str| Source { module: vec!["a".to_owned(), "b".to_owned()], text: text.to_owned() };
    let module = |name: &str| name.split('/').map(str::to_owned).collect::<Module>();
    let modules = ["a", "a/b", "a/c", "d", "d/e"].map(module).into();
    for (text, wanted) in [
        ("use super::c::Item;", vec!["a/c"]),
        ("use super::{c, Item};", vec!["a", "a/c"]),
        ("use crate::{d::{self, e::{X, Y}}, a::c};", vec!["a/c", "d", "d/e"]),
        ("use crate::d::{\n    e::X,\n    Z,\n};", vec!["d", "d/e"]),
        ("fn f() -> crate::d::e::X { crate::a::c::g() }", vec!["a/c", "d/e"]),
        ("// crate::d\nuse std::x;", vec![]),
        ("\n#[cfg(test)]\nuse crate::d::X;\nuse super::c;", vec!["a/c", "d"]),
        ("\n#[cfg(test)]\nmod tests {\n    use crate::d::X;\n}", vec![]),
    ] {
        let wanted: BTreeSet<Module> = wanted.into_iter().map(module).collect();
        assert_eq!(source(text).imports(&modules), wanted, "{text}");
    }
}
