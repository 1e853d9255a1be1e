//! Where is a package unpacked? In a place of its own, gone with the last who knows it or with the program, however that
//! ends. What is in it is not known here.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::function::package::{self, Kept};
use crate::instance::temporary::Temporary;

/// A package that is unpacked.
pub struct Unpacked {
    pub directory: PathBuf,
    pub kept: Kept,
    /// The links that would have led out of it.
    pub left_out: Vec<String>,
}

/// Unpacks the package at `path`.
pub fn unpack(path: &Path) -> Result<Unpacked> {
    let place = Temporary::new().context("cannot make a directory to unpack into")?;
    let left_out = package::unpack(path, place.path())?;
    Ok(Unpacked { directory: place.path().to_owned(), kept: Kept::new(place), left_out })
}
