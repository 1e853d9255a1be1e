//! `fc-local new`: the project of a new function, from the files below `project/`. A project that exists is
//! never touched. What the project does is not known here.

mod trigger;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::cli::args::NewArgs;
use crate::cli::console;
use crate::sample::{self, Sample};
use trigger::{TRIGGERS, Trigger};

/// Where each file goes, and its text with `{{name}}` and `{{runtime}}` left open. The manifest has another
/// name here: cargo takes a directory with a Cargo.toml for a package of its own, and would leave it out of
/// this one.
const FILES: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("project/manifest.toml")),
    ("src/main.rs", include_str!("project/main.rs")),
    ("s.yaml", include_str!("project/s.yaml")),
    ("Makefile", include_str!("project/Makefile")),
    ("Dockerfile", include_str!("project/Dockerfile")),
    (".dockerignore", include_str!("project/dockerignore")),
    (".gitignore", include_str!("project/gitignore")),
];

/// What a project for a trigger has in the place of those, with its parts left open.
const EVENT_MAIN: &str = include_str!("project/event.rs");
const EVENT_TEMPLATE: &str = include_str!("project/event.yaml");
/// A target of its Makefile, in front of the one that is named here.
const EVENT_TARGET: &str = "event: static ## invoke the function once, with event.json
\t@fc-local invoke --code target/fc/function --event-file event.json

";
const TARGET_BEHIND: &str = "static: ##";

/// The platform's limit for a function's name.
const LONGEST_NAME: usize = 64;

/// Where this was built: a checkout of fc-runtime, for as long as that is there.
const OWN_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Rust's keywords, of all editions, in the order of its reference.
const KEYWORDS: [&str; 53] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false",
    "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return",
    "self", "Self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while",
    "abstract", "become", "box", "do", "final", "gen", "macro", "override", "priv", "try", "typeof",
    "unsized", "virtual", "yield", "union",
];

/// Directories that cargo makes where it puts what it builds.
const ARTIFACTS: [&str; 4] = ["build", "deps", "examples", "incremental"];

/// Crates that come with Rust.
const OWN_CRATES: [&str; 5] = ["alloc", "core", "proc_macro", "std", "test"];

/// What the project depends on.
const DEPENDENCIES: [&str; 3] = ["anyhow", "fc_runtime", "log"];

/// What no file can be called on Windows.
const WINDOWS_DEVICES: [&str; 4] = ["aux", "con", "nul", "prn"];

pub fn run(args: &NewArgs) -> Result<ExitCode> {
    let Some(name) = args.path.file_name().and_then(|name| name.to_str()) else {
        bail!("'{}' does not end in a name", args.path.display());
    };
    check_name(name)?;
    // Also a link to nothing is somebody's.
    if args.path.symlink_metadata().is_ok() {
        bail!("{} exists already", args.path.display());
    }
    let runtime = match args.runtime.as_deref() {
        Some(checkout) => {
            path_dependency(checkout).with_context(|| format!("--runtime {}", checkout.display()))?
        }
        None => own_checkout(Path::new(OWN_CHECKOUT))?,
    };
    let files = match args.event.as_deref() {
        Some(event) => project_for(name, &runtime, sample::named(event)?)?,
        None => project(name, &runtime),
    };
    make(&args.path, files)?;
    let path = args.path.display().to_string();
    let quoted = shlex::try_quote(&path).unwrap_or(path.as_str().into());
    console::print(format_args!("{path} is a function now. Try:\n  cd {quoted} && make test && make run"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the files of a project at `path`: all of them, or nothing stays of it.
fn make(path: &Path, files: Vec<(&'static str, String)>) -> Result<()> {
    let is_missing = |path: &&Path| path.symlink_metadata().is_err() && !path.as_os_str().is_empty();
    let made = path.ancestors().take_while(is_missing).last();
    for (file, text) in files {
        write(&path.join(file), &text).inspect_err(|_| {
            let _ = made.map(fs::remove_dir_all); // what there is of it was made here
        })?;
    }
    Ok(())
}

/// Every file of the project `name`, with `runtime` as the value of its dependency on fc-runtime.
fn project(name: &str, runtime: &str) -> Vec<(&'static str, String)> {
    let filled = |text: &str| text.replace("{{name}}", name).replace("{{runtime}}", runtime);
    FILES.into_iter().map(|(file, text)| (file, filled(text))).collect()
}

/// The same for what a trigger sends.
fn project_for(name: &str, runtime: &str, sample: &Sample) -> Result<Vec<(&'static str, String)>> {
    let Some(trigger) = TRIGGERS.iter().find(|trigger| trigger.name == sample.name) else {
        bail!("there is no project for '{}'", sample.name);
    };
    let Trigger { imports, reads_as, body, answer, .. } = trigger;
    let what = sample.what.split(';').next().unwrap_or_default();
    let main = EVENT_MAIN.replace("{{name}}", name).replace("{{what}}", what).replace("{{imports}}", imports);
    let main = main
        .replace("{{type}}", reads_as)
        .replace("{{body}}", body)
        .replace("{{answered}}", &answered(answer));
    let template = EVENT_TEMPLATE.replace("{{name}}", name).replace("{{trigger}}", &trigger.section());
    let runtime = runtime.replace(" }", ", features = [\"events\"] }");
    let mut files = project(name, &runtime);
    for (file, text) in &mut files {
        match *file {
            "src/main.rs" => text.clone_from(&main),
            "s.yaml" => text.clone_from(&template),
            "Makefile" => {
                *text = text.replace(TARGET_BEHIND, &format!("{EVENT_TARGET}{TARGET_BEHIND}"));
                *text = text.replace(".PHONY: help test run", ".PHONY: help test run event");
            }
            _ => {}
        }
    }
    files.push(("event.json", sample.json.to_owned()));
    Ok(files)
}

/// The response and `answer`, as rustfmt has them as arguments.
fn answered(answer: &str) -> String {
    let line = format!("response.text(), {answer}");
    // Of 100 characters 21 are around it.
    if line.len() <= 79 {
        line
    } else {
        format!("\n            response.text(),\n            {answer}\n        ")
    }
}

/// Refuses what is not both a crate's name and a function's.
fn check_name(name: &str) -> Result<()> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let allowed = |other: char| other.is_ascii_alphanumeric() || other == '-' || other == '_';
    if !starts_well || !name.chars().all(allowed) || name.len() > LONGEST_NAME {
        bail!(
            "'{name}' cannot be a function's name: a letter, then letters, digits, '-' or '_', {LONGEST_NAME} at most"
        );
    }
    let crate_name = name.replace('-', "_");
    let device = crate_name.to_ascii_lowercase();
    let is_port = |name: &str| {
        let number = name.strip_prefix("com").or(name.strip_prefix("lpt"));
        number.is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let what = match crate_name.as_str() {
        name if KEYWORDS.contains(&name) => "it is a keyword of Rust",
        name if ARTIFACTS.contains(&name) => "cargo has a directory of that name where it builds",
        name if OWN_CRATES.contains(&name) => "a crate of Rust's own has it",
        name if DEPENDENCIES.contains(&name) => "a crate that it depends on has it",
        _ if WINDOWS_DEVICES.contains(&device.as_str()) || is_port(&device) => {
            "Windows has a device of that name"
        }
        _ => return Ok(()),
    };
    bail!("'{name}' cannot be a function's name: {what}");
}

/// The checkout that fc-local was built in, as long as it is there and has not become another version.
fn own_checkout(path: &Path) -> Result<String> {
    let dependency = path_dependency(path).map_err(|_| {
        anyhow!("fc-runtime is not published yet, and the checkout that fc-local was built in is gone: name one with --runtime DIR")
    })?;
    let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
    let version = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
    if !manifest.lines().any(|line| line.trim() == version) {
        bail!(
            "{} is of another version than this fc-local by now: install it from there again, or name a checkout with --runtime DIR",
            path.display()
        );
    }
    Ok(dependency)
}

fn path_dependency(checkout: &Path) -> Result<String> {
    let path = fs::canonicalize(checkout)?;
    let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
    if !manifest.lines().any(|line| line.trim() == "name = \"fc-runtime\"") {
        bail!("no checkout of fc-runtime: there is no Cargo.toml of that name");
    }
    // A JSON string is a TOML string too.
    Ok(format!("{{ path = {} }}", serde_json::to_string(&path)?))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use crate::tests::Scratch;

    use super::*;

    #[test]
    fn nothing_is_left_open_in_a_project() {
        let for_triggers = sample::SAMPLES
            .iter()
            .map(|sample| project_for("greeter", "{ path = \"/\" }", sample).expect(sample.name));
        let projects = for_triggers.chain([project("greeter", "\"0.1.0\"")]);
        for (file, text) in projects.flatten() {
            assert!(!text.contains("{{"), "{file}: {text}");
        }
        let manifest = project("greeter", "\"0.1.0\"").into_iter().find(|(file, _)| *file == "Cargo.toml");
        let (_, text) = manifest.expect("a manifest");
        assert!(text.contains("name = \"greeter\"") && text.contains("fc-runtime = \"0.1.0\""), "{text}");
    }

    #[test]
    fn of_a_project_that_cannot_be_written_nothing_stays() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("kept")).expect("a directory");
        for (path, left) in [("kept/a/b", "kept/a"), ("new", "new")] {
            // A file cannot be a directory too.
            let files = [("one", "1".to_owned()), ("one/two", "2".to_owned())];
            let error = make(Path::new(&scratch.path(path)), files.to_vec()).expect_err("not to be written");
            assert!(format!("{error:#}").starts_with("cannot write "), "{error:#}");
            assert!(!Path::new(&scratch.path(left)).exists(), "{left} is left");
        }
        assert!(Path::new(&scratch.path("kept")).exists(), "what was there before is somebody's");
    }

    #[test]
    fn a_checkout_that_is_gone_or_of_another_version_is_not_taken() {
        let scratch = Scratch::new();
        let refused =
            |directory: &str| own_checkout(Path::new(directory)).expect_err("no checkout").to_string();
        assert!(refused(&scratch.path("gone")).contains("is gone: name one with --runtime DIR"));
        // As where cargo unpacks what comes from a registry.
        fs::create_dir(scratch.path("registry")).expect("a directory");
        assert!(refused(&scratch.path("registry")).contains("is gone"));
        fs::create_dir(scratch.path("other")).expect("a directory");
        scratch.write("other/Cargo.toml", "[package]\nname = \"fc-runtime\"\nversion = \"9.9.9\"\n");
        assert!(refused(&scratch.path("other")).contains("is of another version"));
    }

    #[test]
    fn a_name_is_both_a_crates_and_a_functions() {
        for name in ["a", "A-1", "a_b", "builder", "com", "com10", "tests", &"a".repeat(LONGEST_NAME)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let refused = ["", "1st", "-a", "_a", "a b", "a.b", "naïve", &"a".repeat(LONGEST_NAME + 1)];
        let no_crate = [
            "fn",
            "Self",
            "async",
            "try",
            "build",
            "deps",
            "test",
            "core",
            "proc-macro",
            "fc-runtime",
            "Con",
            "lpt1",
        ];
        for name in refused.into_iter().chain(no_crate) {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
