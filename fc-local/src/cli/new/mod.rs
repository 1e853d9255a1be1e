//! `fc-local new`: the project of a new function, from the files below `project/`. A project that exists is
//! never touched. What the project does is not known here.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::cli::args::NewArgs;
use crate::cli::console;

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

/// The platform's limit for a function's name.
const LONGEST_NAME: usize = 64;

pub fn run(args: &NewArgs) -> Result<ExitCode> {
    let Some(name) = args.path.file_name().and_then(|name| name.to_str()) else {
        bail!("'{}' does not end in a name", args.path.display());
    };
    check_name(name)?;
    if args.path.exists() {
        bail!("{} exists already", args.path.display());
    }
    let runtime = match &args.runtime {
        Some(checkout) => path_dependency(checkout)?,
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
    };
    for (file, text) in project(name, &runtime) {
        write(&args.path.join(file), &text)?;
    }
    let path = args.path.display();
    console::print(format_args!("{path} is a function now. Try:\n  cd {path} && make test && make run"))?;
    Ok(ExitCode::SUCCESS)
}

/// Every file of the project `name`, with `runtime` as the value of its dependency on fc-runtime.
fn project(name: &str, runtime: &str) -> impl Iterator<Item = (&'static str, String)> {
    FILES
        .into_iter()
        .map(move |(file, text)| (file, text.replace("{{name}}", name).replace("{{runtime}}", runtime)))
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
    Ok(())
}

fn path_dependency(checkout: &Path) -> Result<String> {
    let path = fs::canonicalize(checkout).with_context(|| checkout.display().to_string())?;
    if !path.join("Cargo.toml").is_file() {
        bail!("{} is no checkout of fc-runtime: it has no Cargo.toml", checkout.display());
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
    use super::*;

    #[test]
    fn nothing_is_left_open_in_a_project() {
        for (file, text) in project("greeter", "\"0.1.0\"") {
            assert!(!text.contains("{{"), "{file}: {text}");
        }
        let manifest = project("greeter", "\"0.1.0\"").find(|(file, _)| *file == "Cargo.toml");
        let (_, text) = manifest.expect("a manifest");
        assert!(text.contains("name = \"greeter\"") && text.contains("fc-runtime = \"0.1.0\""), "{text}");
    }

    #[test]
    fn a_name_is_both_a_crates_and_a_functions() {
        for name in ["a", "A-1", "a_b", &"a".repeat(LONGEST_NAME)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "1st", "-a", "_a", "a b", "a.b", "naïve", &"a".repeat(LONGEST_NAME + 1)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
