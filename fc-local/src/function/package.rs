//! A code package, unpacked into a place of its own, whatever its author put into it. Where the package is from is not
//! known here.

use std::fmt::Debug;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use zip::ZipArchive;

/// How much a package may hold: more than the platform takes, and no disk is full of it.
const MAX_SIZE: u64 = 2 * 1024 * 1024 * 1024;

/// How many files it may hold.
const MAX_FILES: usize = 200_000;

/// What keeps the place of a package that is unpacked, for as long as somebody has it.
#[derive(Debug, Clone)]
pub struct Kept(Arc<dyn Debug + Send + Sync>);

impl Kept {
    pub fn new(place: impl Debug + Send + Sync + 'static) -> Kept {
        Kept(Arc::new(place))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Kept) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Unpacks the zip file at `path` into the empty directory `into`; which links would have led out of it and were left out.
pub fn unpack(path: &Path, into: &Path) -> Result<Vec<String>> {
    let unpack = || -> Result<_> {
        let mut archive = ZipArchive::new(io::BufReader::new(File::open(path)?))?;
        if archive.len() > MAX_FILES {
            bail!("it holds {} files, more than {MAX_FILES}", archive.len());
        }
        let mut unpacking = Unpacking { root: into.canonicalize()?, left: MAX_SIZE, links: Vec::new() };
        for index in 0..archive.len() {
            unpacking.take(&mut archive, index)?;
        }
        unpacking.link()
    };
    unpack().with_context(|| format!("cannot unpack {}", path.display()))
}

struct Unpacking {
    root: PathBuf,
    /// The bytes that there may still be.
    left: u64,
    /// Made when all else is there, so that nothing is written through one.
    links: Vec<(PathBuf, String)>,
}

impl Unpacking {
    fn take<R: io::Read + io::Seek>(&mut self, archive: &mut ZipArchive<R>, index: usize) -> Result<()> {
        let entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let Some(relative) = entry.enclosed_name() else { bail!("'{name}' leads out of it") };
        let target = self.root.join(relative);
        let mode = entry.unix_mode().map(|mode| mode & 0o777);
        if entry.is_dir() {
            fs::create_dir_all(&target).with_context(|| name.clone())?;
            // What its owner cannot enter cannot be filled, nor removed.
            fs::set_permissions(&target, Permissions::from_mode(mode.unwrap_or(0o755) | 0o700))?;
            return Ok(());
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| name.clone())?;
        }
        if entry.is_symlink() {
            let mut link = String::new();
            entry.take(4096).read_to_string(&mut link).with_context(|| name.clone())?;
            self.links.push((target, link));
            return Ok(());
        }
        let mut file = File::create(&target).with_context(|| name.clone())?;
        // What it says of its size may be wrong.
        let copied = io::copy(&mut entry.take(self.left + 1), &mut file).with_context(|| name.clone())?;
        let Some(left) = self.left.checked_sub(copied) else { bail!("it holds more than {MAX_SIZE} bytes") };
        self.left = left;
        fs::set_permissions(&target, Permissions::from_mode(mode.unwrap_or(0o644)))?;
        Ok(())
    }

    /// Makes the links; which ones lead out and were left out.
    fn link(self) -> Result<Vec<String>> {
        let mut left_out = Vec::new();
        for (place, target) in &self.links {
            let name = place.strip_prefix(&self.root).unwrap_or(place).display().to_string();
            let parent = place.strip_prefix(&self.root).ok().and_then(Path::parent).unwrap_or(Path::new(""));
            match inside(parent, target) {
                Some(target) => {
                    let _ = fs::remove_file(place); // a file of the same name came before it
                    symlink(target, place).with_context(|| name)?;
                }
                None => left_out.push(format!("{name} -> {target}")),
            }
        }
        Ok(left_out)
    }
}

/// Where a link in the directory `parent` of a package leads, relative to it, if that is in the package. `/code/…` is.
fn inside(parent: &Path, target: &str) -> Option<PathBuf> {
    let depth = parent.components().count();
    let (target, mut level) = match target.strip_prefix("/code/") {
        Some(rest) => ((0..depth).map(|_| "..").collect::<PathBuf>().join(rest), depth),
        None => (PathBuf::from(target), depth),
    };
    for part in target.components() {
        match part {
            Component::Normal(_) => level += 1,
            Component::ParentDir => level = level.checked_sub(1)?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!target.as_os_str().is_empty()).then_some(target)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use crate::tests::Scratch;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A package, and an empty directory beside it.
    fn package(make: impl FnOnce(&mut ZipWriter<File>)) -> (Scratch, PathBuf, PathBuf) {
        let scratch = Scratch::new();
        let (path, into) = (PathBuf::from(scratch.path("app.zip")), PathBuf::from(scratch.path("place")));
        let mut zip = ZipWriter::new(File::create(&path).expect("a file"));
        make(&mut zip);
        zip.finish().expect("a package");
        fs::create_dir(&into).expect("a directory");
        (scratch, path, into)
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("it is there").permissions().mode() & 0o7777
    }

    #[test]
    fn files_modes_directories_and_links_are_kept() {
        let (_scratch, path, into) = package(|zip| {
            let options = SimpleFileOptions::default();
            zip.add_directory("empty/", options).expect("a directory");
            zip.add_symlink("bin/link", "../bootstrap", options).expect("a link");
            zip.add_symlink("bin/code", "/code/lib/x", options).expect("a link");
            zip.start_file("bootstrap", options.unix_permissions(0o4755)).expect("a file");
            zip.write_all(b"#!/bin/sh\n").expect("bytes");
            zip.start_file("lib/x", options.unix_permissions(0o640)).expect("a file");
        });
        assert_eq!(unpack(&path, &into).expect("a package"), [""; 0]);
        let at = |name: &str| into.join(name);
        assert!(at("empty").is_dir());
        assert_eq!((mode(&at("bootstrap")), mode(&at("lib/x"))), (0o755, 0o640));
        assert_eq!(fs::read(at("bin/link")).expect("a link to a file"), b"#!/bin/sh\n");
        assert_eq!(fs::read_link(at("bin/code")).expect("a link"), Path::new("../lib/x"));
    }

    #[test]
    fn nothing_is_written_outside_and_no_link_leads_there() {
        let (scratch, path, into) = package(|zip| {
            let options = SimpleFileOptions::default();
            for (name, target) in [("up", ".."), ("root", "/etc"), ("a/b", "../../x"), ("a/c", "../up")] {
                zip.add_symlink(name, target, options).expect("a link");
            }
            zip.start_file("up/evil", options).expect("a file");
        });
        let left_out = unpack(&path, &into).expect("a package");
        assert!(into.join("up/evil").is_file(), "a directory, since the link was left out");
        assert!(!Path::new(&scratch.path("evil")).exists());
        assert_eq!(left_out, ["up -> ..", "root -> /etc", "a/b -> ../../x"]);
        let (_scratch, path, into) = package(|zip| {
            zip.start_file("../evil", SimpleFileOptions::default()).expect("a file");
        });
        let error = format!("{:#}", unpack(&path, &into).expect_err("it leads out"));
        assert!(error.contains("'../evil' leads out of it"), "{error}");
    }

    #[test]
    fn what_is_no_package_is_told_with_its_path() {
        let (_scratch, path, into) = package(|_| ());
        fs::write(&path, "no zip").expect("a file");
        let error = format!("{:#}", unpack(&path, &into).expect_err("no package"));
        assert!(error.starts_with(&format!("cannot unpack {}", path.display())), "{error}");
    }
}
