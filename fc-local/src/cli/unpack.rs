//! A code package as a directory: a place of its own for what is in it, for as long as somebody runs it. What a package is
//! for is not known here.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use zip::ZipArchive;

use crate::function::Held;
use crate::instance::temporary::Temporary;

/// More than the platform takes, unpacked: its largest disk.
const MAX_SIZE: u64 = 10 * 1024 * 1024 * 1024;

/// The files of the zip at `package`, in a directory that goes with what is put into `held`.
pub fn package(package: &Path, held: &mut Held) -> Result<PathBuf> {
    let shown = || format!("cannot unpack {}", package.display());
    let mut archive = ZipArchive::new(File::open(package).with_context(shown)?).with_context(shown)?;
    let size: u64 = (0..archive.len())
        .filter_map(|index| archive.by_index_raw(index).ok().map(|entry| entry.size()))
        .fold(0, u64::saturating_add);
    if size > MAX_SIZE {
        bail!("{}: it has more than {MAX_SIZE} bytes unpacked", package.display());
    }
    let place = Temporary::new().context("cannot make a directory")?;
    // Names and links that lead out of the directory are refused by it.
    archive.extract(place.path()).with_context(shown)?;
    Ok(kept(place, held))
}

/// A directory with nothing but the file at `path`.
pub fn file(path: &Path, held: &mut Held) -> Result<PathBuf> {
    let place = Temporary::new().context("cannot make a directory")?;
    let name = path.file_name().unwrap_or_default();
    fs::copy(path, place.path().join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
    Ok(kept(place, held))
}

fn kept(place: Temporary, held: &mut Held) -> PathBuf {
    let path = place.path().to_owned();
    held.add(place);
    path
}
