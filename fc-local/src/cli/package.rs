//! `fc-local package`: a directory as the code package that is uploaded as it is. The same files make the
//! same bytes, on any machine and at any time: deploying tools compare checksums, and what did not change is
//! not uploaded again. What is in the files is not known here.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use ignore::WalkBuilder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::args::PackageArgs;
use super::console;
use super::sbom;
use crate::function::executable;
use crate::log::terminal;

/// What the platform starts when the function names no command.
const START_FILE: &str = "bootstrap";

/// What a project of cargo's has, and what runs has not.
const MANIFEST: &str = "Cargo.toml";

/// What is left out, in gitignore's syntax, each for what is below it: the vendor's deploying tool reads the same.
const IGNORE_FILE: &str = ".fcignore";

/// So many of those that are left out are named.
const SHOWN: usize = 20;

/// The level: above 9 it is Zopfli, seconds once, for 3 to 4 % less to fetch at every cold start. More rounds
/// gain nothing (0.3 %).
const COMPRESSION: i64 = 10;

/// One file of the package, a symbolic link or an empty directory.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// Relative to the directory, with `/`; that of a directory ends with one.
    name: String,
    path: PathBuf,
    kind: EntryKind,
}

#[derive(Debug, PartialEq, Eq)]
enum EntryKind {
    File {
        executable: bool,
    },
    Link,
    /// With nothing in it.
    Directory,
}

/// What is below the directory.
struct Files {
    entries: Vec<Entry>,
    /// What `.fcignore` leaves out; of a directory its name alone.
    ignored: Vec<String>,
}

pub fn run(args: &PackageArgs) -> Result<ExitCode> {
    let directory = fs::canonicalize(&args.directory)
        .with_context(|| format!("cannot read the directory {}", args.directory.display()))?;
    // By the name that it was given, unless that is `.` or the like.
    let named = if args.directory.file_name().is_some() { &args.directory } else { &directory };
    let output = args.output.clone().unwrap_or_else(|| beside(named));
    if let Some(manifest) = args.sbom.as_ref().filter(|manifest| !manifest.is_file()) {
        bail!(
            "--sbom {}: there is no such file; it is the Cargo.toml of what is packaged",
            manifest.display()
        );
    }
    let Files { entries, ignored } = entries(&directory)?;
    check(&entries, &directory, &output).with_context(|| args.directory.display().to_string())?;
    if named == &directory && args.output.is_none() {
        let output = output.display();
        console::note(format_args!(
            "fc-local: it is written beside the directory, as {output}; --output names another place"
        ));
    }
    let package = pack(&entries)?;
    // The old package stays whole until the new one is.
    let unfinished = with_suffix(&output, ".part");
    fs::write(&unfinished, &package)
        .and_then(|()| fs::rename(&unfinished, &output))
        .with_context(|| format!("cannot write {}", output.display()))?;
    if let Some(manifest) = &args.sbom {
        write_sbom(manifest, &args.cargo, &entries, &output, &package)?;
    }
    let files = counted(entries.iter().filter(|entry| !entry.is_directory()).count(), "file");
    console::print(format_args!("{}: {} bytes, {files}", output.display(), package.len()))?;
    tell_what_is_ignored(&ignored)?;
    warn_of_secrets(&entries);
    Ok(ExitCode::SUCCESS)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn tell_what_is_ignored(ignored: &[String]) -> Result<()> {
    let Some(more) = ignored.len().checked_sub(SHOWN) else {
        return if ignored.is_empty() { Ok(()) } else { left_out(ignored, "") };
    };
    left_out(ignored.get(..SHOWN).unwrap_or_default(), &format!(" and {more} more"))
}

fn left_out(names: &[String], more: &str) -> Result<()> {
    console::print(format_args!("left out by {IGNORE_FILE}: {}{more}", terminal::shown(&names.join(", "))))
}

fn warn_of_secrets(entries: &[Entry]) {
    let mut secret: Vec<&str> = entries.iter().filter_map(Entry::secret).collect();
    secret.dedup();
    if !secret.is_empty() {
        console::note(format_args!(
            "fc-local: the package has what looks like a secret: {}; name it in {IGNORE_FILE} to leave it out",
            secret.join(", ")
        ));
    }
}

/// Says which links lead to something that is in the directory here and not in the package.
fn warn_of_links(entries: &[Entry], directory: &Path) {
    let is_packed = |path: &Path| {
        let has = |entry: &Entry| entry.path == path || (!entry.is_link() && entry.path.starts_with(path));
        path == directory || (path.starts_with(directory) && entries.iter().any(has))
    };
    let is_astray = |entry: &&Entry| entry.is_link() && entry.leads_astray(directory, is_packed);
    let astray: Vec<&str> = entries.iter().filter(is_astray).map(|entry| entry.name.as_str()).collect();
    if !astray.is_empty() {
        console::note(format_args!(
            "fc-local: links that lead nowhere in the package: {}",
            astray.join(", ")
        ));
    }
}

/// Beside `function.zip` as `function.cdx.json`, the name by which tools know the format.
fn write_sbom(
    manifest: &Path,
    cargo: &[String],
    entries: &[Entry],
    output: &Path,
    package: &[u8],
) -> Result<()> {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let mut files = vec![(name.into_owned(), sbom::sha256(package))];
    for entry in entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. })) {
        let content =
            fs::read(&entry.path).with_context(|| format!("cannot read {}", entry.path.display()))?;
        files.push((entry.name.clone(), sbom::sha256(&content)));
    }
    let sbom = output.with_extension("cdx.json");
    fs::write(&sbom, sbom::of(manifest, cargo, &files)?)
        .with_context(|| format!("cannot write {}", sbom.display()))
}

/// The package of `dir/function` is `dir/function.zip`.
fn beside(directory: &Path) -> PathBuf {
    with_suffix(directory, ".zip")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    // Through the components, so that `function/` loses its slash.
    let mut name: OsString = path.components().collect::<PathBuf>().into();
    name.push(suffix);
    name.into()
}

/// Everything below `directory` but what its `.fcignore` files leave out, ordered by name: the file system's order is not
/// the same everywhere.
fn entries(directory: &Path) -> Result<Files> {
    let mut entries = Vec::new();
    let mut walk = WalkBuilder::new(directory);
    walk.standard_filters(false).add_custom_ignore_filename(IGNORE_FILE);
    for item in walk.build() {
        let item = item.with_context(|| format!("cannot read {}", directory.display()))?;
        if let Some(error) = item.error() {
            bail!("cannot read what is to be left out: {error}");
        }
        if item.file_name() != IGNORE_FILE && item.depth() > 0 {
            entries.push(Entry::of(directory, item.into_path())?);
        }
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let packed: HashSet<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
    let mut ignored = Vec::new();
    find_ignored(directory, directory, &packed, &mut ignored)?;
    ignored.sort();
    let is_parent = |parent: &Entry, child: &Entry| child.name.starts_with(&parent.name);
    // A directory is there by what is in it, unless that is nothing.
    let needless: HashSet<usize> = entries
        .windows(2)
        .enumerate()
        .filter(
            |(_, pair)| matches!(pair, [parent, child] if parent.is_directory() && is_parent(parent, child)),
        )
        .map(|(index, _)| index)
        .collect();
    let mut index = 0..;
    entries.retain(|_| index.next().is_none_or(|index| !needless.contains(&index)));
    Ok(Files { entries, ignored })
}

/// What is not packed, and of a directory that is not nothing that is in it.
fn find_ignored(
    root: &Path,
    directory: &Path,
    packed: &HashSet<&Path>,
    ignored: &mut Vec<String>,
) -> Result<()> {
    let unreadable = || format!("cannot read {}", directory.display());
    for item in fs::read_dir(directory).with_context(unreadable)? {
        let item = item.with_context(unreadable)?;
        let path = item.path();
        if !packed.contains(path.as_path()) {
            if item.file_name() != IGNORE_FILE {
                ignored.push(Entry::of(root, path)?.name);
            }
        } else if item.file_type().with_context(unreadable)?.is_dir() {
            find_ignored(root, &path, packed, ignored)?;
        }
    }
    Ok(())
}

impl Entry {
    fn of(directory: &Path, path: PathBuf) -> Result<Entry> {
        let below = path.strip_prefix(directory).unwrap_or(&path);
        let Some(name) = below.to_str().map(str::to_owned) else {
            bail!("the name of {} is not UTF-8", path.display());
        };
        let about = fs::symlink_metadata(&path).with_context(|| path.display().to_string())?;
        let kind = EntryKind::of(&about).with_context(|| path.display().to_string())?;
        let name = if kind == EntryKind::Directory { format!("{name}/") } else { name };
        Ok(Entry { name, path, kind })
    }

    fn is_directory(&self) -> bool {
        self.kind == EntryKind::Directory
    }

    /// What of it looks like a secret: the file, or the history of all files.
    fn secret(&self) -> Option<&str> {
        match self.name.find(".git/") {
            Some(at) if at == 0 || self.name.get(..at).is_some_and(|before| before.ends_with('/')) => {
                self.name.get(..at + ".git/".len())
            }
            _ => self.looks_secret().then_some(self.name.as_str()),
        }
    }

    fn is_link(&self) -> bool {
        self.kind == EntryKind::Link
    }

    /// Whether the link leads to nothing on the platform; what that has outside of the code is not known.
    fn leads_astray(&self, directory: &Path, is_packed: impl Fn(&Path) -> bool) -> bool {
        let target = fs::read_link(&self.path).unwrap_or_default();
        match target.strip_prefix("/code") {
            Ok(below) => !is_packed(&directory.join(below)),
            Err(_) if target.is_absolute() => target.starts_with(directory),
            Err(_) => fs::canonicalize(&self.path).map_or(true, |target| !is_packed(&target)),
        }
    }

    /// By its name, as those who look for such things in public packages do; of certificates, which many packages of
    /// Python's and Node's have, by what they begin with.
    fn looks_secret(&self) -> bool {
        let name = self.name.rsplit('/').next().unwrap_or_default();
        let is_template = [".example", ".sample", ".template", ".dist"].iter().any(|end| name.ends_with(end));
        let is_certificate = || {
            let text = fs::read(&self.path).unwrap_or_default();
            let has = |wanted: &[u8]| text.windows(wanted.len()).any(|window| window == wanted);
            has(b"-----BEGIN CERTIFICATE") && !has(b"PRIVATE KEY-----")
        };
        let is_key = || [".key", ".p12", ".pfx", ".jks"].iter().any(|suffix| name.ends_with(suffix));
        !self.is_directory()
            && (name == ".env"
                || (name.starts_with(".env.") && !is_template)
                || [".npmrc", ".pypirc", ".netrc"].contains(&name)
                || ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"].contains(&name)
                || is_key()
                || (name.ends_with(".pem") && !is_certificate()))
    }
}

impl EntryKind {
    fn of(about: &Metadata) -> Result<EntryKind> {
        if about.is_symlink() {
            Ok(EntryKind::Link)
        } else if about.is_dir() {
            Ok(EntryKind::Directory)
        } else if about.is_file() {
            Ok(EntryKind::File { executable: about.permissions().mode() & 0o111 != 0 })
        } else {
            bail!("neither a file, a directory nor a link")
        }
    }
}

/// Refuses what the platform would refuse only when the function starts.
fn check(entries: &[Entry], directory: &Path, output: &Path) -> Result<()> {
    match entries.iter().find(|entry| entry.name == START_FILE) {
        // What a link leads to may be there, and not here.
        Some(Entry { kind: EntryKind::File { .. }, .. }) => {
            let fault = executable::fault_on_platform(directory, START_FILE);
            match fault.map(|fault| (format!("{fault}; {}", fault.remedy()), fault)) {
                Some((text, fault)) if fault.is_placeholder() => {
                    console::note(format_args!("fc-local: {text}"))
                }
                Some((text, _)) => bail!(text),
                None => {}
            }
        }
        Some(_) => {}
        None if entries.is_empty() => bail!("nothing to package"),
        None if entries.iter().any(|entry| entry.name == MANIFEST) => bail!(
            "it has a {MANIFEST} and no '{START_FILE}': it is what the function is built from; package what is built ('make package', or its directory, target/fc/function), or name {MANIFEST} and what else is not to run in {IGNORE_FILE}"
        ),
        None => console::note(format_args!(
            "fc-local: no '{START_FILE}': the function needs customRuntimeConfig.command"
        )),
    }
    let written = fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
    if entries.iter().any(|entry| entry.path == written) {
        bail!(
            "the package {} would contain itself; write it elsewhere with --output, or name it in {IGNORE_FILE}",
            output.display()
        );
    }
    warn_of_links(entries, directory);
    Ok(())
}

fn pack(entries: &[Entry]) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION))
        .last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let unreadable = || format!("cannot read {}", entry.path.display());
        match entry.kind {
            EntryKind::Link => {
                let target = fs::read_link(&entry.path).with_context(unreadable)?;
                let Some(target) = target.to_str() else {
                    bail!("the target of {} is not UTF-8", entry.path.display());
                };
                zip.add_symlink(entry.name.as_str(), target, options)?;
            }
            EntryKind::Directory => {
                zip.add_directory(entry.name.as_str(), options.unix_permissions(0o755))?
            }
            EntryKind::File { executable } => {
                // Only whether it can be run: the rest depends on who checked the files out.
                let mode = if executable { 0o755 } else { 0o644 };
                zip.start_file(entry.name.as_str(), options.unix_permissions(mode))?;
                zip.write_all(&fs::read(&entry.path).with_context(unreadable)?)?;
            }
        }
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_stands_beside_its_directory() {
        for (directory, package) in
            [("function", "function.zip"), ("a/function/", "a/function.zip"), ("v1.2", "v1.2.zip")]
        {
            assert_eq!(beside(Path::new(directory)), Path::new(package));
        }
    }
}
