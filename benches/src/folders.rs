//! Where things are: the checkout, what cargo builds, what the benchmarks write.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The directory of the library, which is this package's parent.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from)
}

/// target/bench, where results and logs go; made when it is not there.
pub fn output() -> io::Result<PathBuf> {
    let path = target().join("bench");
    fs::create_dir_all(&path)?;
    Ok(path)
}
