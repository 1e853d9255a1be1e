//! What is in a binary that cargo built? A CycloneDX document of the crates that are linked into it, the standard
//! library, and the checksums of what is shipped. The same build makes the same document, without time or chance and
//! without a network: cargo itself says what it resolved. What a package is, is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// A crate as cargo names it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Crate {
    license: String,
    repository: String,
    /// The purls of those that it uses itself.
    uses: BTreeSet<String>,
}

/// The crates by their purls, and the one that the binary is of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tree {
    root: String,
    crates: BTreeMap<String, Crate>,
}

/// The document for the binary that the project at `manifest` makes when it is built with these options of cargo's.
/// `files` are the names and checksums of what is shipped.
pub fn of(manifest: &Path, options: &[String], files: &[(String, String)]) -> Result<String> {
    let manifest = manifest.as_os_str();
    // What is resolved already, and only what ends up in the binary: no build scripts, no macros, no tests.
    let tree =
        "tree --locked --offline --edges normal,no-proc-macro --prefix depth --color never --charset ascii";
    let mut arguments: Vec<&OsStr> = tree.split(' ').map(OsStr::new).collect();
    arguments.extend(["--format".as_ref(), " {p}|{l}|{r}".as_ref(), "--manifest-path".as_ref(), manifest]);
    arguments.extend(options.iter().map(OsStr::new));
    let tree = Tree::parse(&cargo(&arguments)?)?;
    let locate = ["locate-project", "--workspace", "--message-format", "plain", "--manifest-path"];
    let locate: Vec<&OsStr> = locate.iter().map(OsStr::new).chain([manifest]).collect();
    let lock = Path::new(cargo(&locate)?.trim_end()).with_file_name("Cargo.lock");
    let lock = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let document = document(&tree, &checksums(&lock), &standard_library()?, files)?;
    Ok(format!("{:#}\n", document))
}

/// In hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cargo(arguments: &[&OsStr]) -> Result<String> {
    output(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {}", name(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        bail!("{} failed: {said}", name(command));
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} said something that is no text", name(command)))
}

/// As `cargo tree`: what it is told besides is ours.
fn name(command: &Command) -> String {
    let words = [Path::new(command.get_program()).file_name(), command.get_args().next()];
    words.into_iter().flatten().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// The version of the compiler, which brings the standard library.
fn standard_library() -> Result<String> {
    let said = output(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"))?;
    let version = said.lines().find_map(|line| line.strip_prefix("release: "));
    Ok(version.context("rustc does not say its version")?.to_owned())
}

impl Tree {
    /// Of lines like `2 log v0.4.1 (/path)|MIT|https://… (*)`, which begin with their depth.
    fn parse(text: &str) -> Result<Tree> {
        let mut tree = Tree::default();
        let mut above: Vec<String> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let read = || -> Option<(usize, String, &str, &str)> {
                let (depth, rest) = line.split_once(' ')?;
                let mut parts = rest.trim_end_matches(" (*)").splitn(3, '|');
                let mut words = parts.next()?.split(' ');
                let purl = purl(words.next()?, words.next()?.strip_prefix('v')?);
                Some((depth.parse().ok()?, purl, parts.next()?, parts.next()?))
            };
            let Some((depth, purl, license, repository)) = read() else {
                bail!("cargo tree says something that is not understood: {line}");
            };
            above.truncate(depth);
            match above.last() {
                Some(user) => {
                    tree.crates.entry(user.clone()).or_default().uses.insert(purl.clone());
                }
                None if tree.root.is_empty() => tree.root.clone_from(&purl),
                None => bail!("there are several packages: choose one with -- --package NAME"),
            }
            let known = tree.crates.entry(purl.clone()).or_default();
            // Cargo's older spelling of a choice.
            known.license = license.replace(" / ", " OR ").replace('/', " OR ");
            known.repository = repository.to_owned();
            above.push(purl);
        }
        if tree.root.is_empty() {
            bail!("cargo tree says nothing");
        }
        Ok(tree)
    }
}

fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// Those of Cargo.lock, by purl: what comes from a registry has one.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let packages = lock.split("[[package]]").skip(1);
    let checksum = |package: &str| {
        let field = |key: &str| {
            let mut lines = package.lines();
            lines.find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.trim_end_matches('"')))
        };
        Some((purl(field("name")?, field("version")?), field("checksum")?.to_owned()))
    };
    packages.filter_map(checksum).collect()
}

fn document(
    tree: &Tree,
    checksums: &BTreeMap<String, String>,
    rust: &str,
    files: &[(String, String)],
) -> Result<Value> {
    let rust = format!("pkg:generic/rust-std@{rust}");
    let standard =
        Crate { license: "MIT OR Apache-2.0".to_owned(), repository: RUST.to_owned(), uses: BTreeSet::new() };
    let mut crates: BTreeMap<&String, &Crate> = tree.crates.iter().collect();
    crates.insert(&rust, &standard);
    let Some(root) = crates.remove(&tree.root) else { bail!("cargo tree does not name its root") };
    let component = |purl: &String, about: &Crate| component(purl, about, checksums.get(purl));
    let mut main = component(&tree.root, root);
    main.insert("type".to_owned(), json!("application"));
    let shipped =
        files.iter().map(|(name, sum)| json!({"type": "file", "name": name, "hashes": hashes(sum)}));
    main.insert("components".to_owned(), shipped.collect());
    let mut dependencies = vec![];
    for (purl, about) in &tree.crates {
        let uses = about.uses.iter().chain([&rust].into_iter().filter(|_| *purl == tree.root));
        dependencies.push(json!({"ref": purl, "dependsOn": uses.collect::<Vec<_>>()}));
    }
    dependencies.push(json!({"ref": rust, "dependsOn": []}));
    let libraries = crates.into_iter().map(|(purl, about)| Value::Object(component(purl, about)));
    let tool = json!({"type": "application", "name": "fc-local", "version": env!("CARGO_PKG_VERSION")});
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"tools": {"components": [tool]}, "component": main},
        "components": libraries.collect::<Vec<_>>(),
        "dependencies": dependencies,
    }))
}

const RUST: &str = "https://github.com/rust-lang/rust";

fn hashes(sha256: &str) -> Value {
    json!([{"alg": "SHA-256", "content": sha256}])
}

fn component(purl: &str, about: &Crate, checksum: Option<&String>) -> Map<String, Value> {
    let (_, name) = purl.rsplit_once('/').unwrap_or_default();
    let (name, version) = name.split_once('@').unwrap_or_default();
    let fields = [
        ("type", Some(json!("library"))),
        ("bom-ref", Some(json!(purl))),
        ("name", Some(json!(name))),
        ("version", Some(json!(version.replace("%2B", "+")))),
        ("purl", Some(json!(purl))),
        ("licenses", (!about.license.is_empty()).then(|| json!([{"expression": about.license}]))),
        (
            "externalReferences",
            (!about.repository.is_empty()).then(|| json!([{"type": "vcs", "url": about.repository}])),
        ),
        ("hashes", checksum.map(|sum| hashes(sum))),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0 app v0.1.0 (/home/me/app)|MIT|
1 log v0.4.1|MIT/Apache-2.0|https://example.org/log
1 sys v1.0.0+2.1|Zlib|
2 log v0.4.1|MIT/Apache-2.0|https://example.org/log (*)
";

    #[test]
    fn a_tree_says_which_crate_uses_which() {
        let tree = Tree::parse(TREE).expect("a tree");
        assert_eq!(tree.root, "pkg:cargo/app@0.1.0");
        let uses = |purl: &str| tree.crates[purl].uses.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(uses("pkg:cargo/app@0.1.0"), ["pkg:cargo/log@0.4.1", "pkg:cargo/sys@1.0.0%2B2.1"]);
        assert_eq!(uses("pkg:cargo/sys@1.0.0%2B2.1"), ["pkg:cargo/log@0.4.1"]);
        assert_eq!(tree.crates["pkg:cargo/log@0.4.1"].license, "MIT OR Apache-2.0");
        for text in ["", "0 app\n", "x app v1|MIT|\n", "0 a v1|MIT|\n0 b v1|MIT|\n"] {
            assert!(Tree::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_document_names_every_crate_with_its_checksum_and_nothing_of_the_machine() {
        let lock = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"log\"\n\
                    version = \"0.4.1\"\nsource = \"registry\"\nchecksum = \"ab12\"\n";
        let files = [("bootstrap".to_owned(), sha256(b""))];
        let tree = Tree::parse(TREE).expect("a tree");
        let document = document(&tree, &checksums(lock), "1.95.0", &files).expect("a document");
        let names: Vec<_> =
            document["components"].as_array().expect("a list").iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["log", "sys", "rust-std"]);
        assert_eq!(document["components"][0]["hashes"][0]["content"], "ab12");
        assert_eq!(document["components"][1]["version"], "1.0.0+2.1");
        assert_eq!(document["metadata"]["component"]["name"], "app");
        let shipped = &document["metadata"]["component"]["components"][0];
        assert_eq!(
            shipped["hashes"][0]["content"],
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert!(!document.to_string().contains("/home"), "{document}");
    }
}
