//! What stands for a function's `/code` and `/opt` on this machine? The directories themselves, at the platform's places
//! in a file system of the instance's own or named in their places; links and copies where they cannot be used as they
//! are. Whether there is such a file system is decided in `isolation.rs`.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::isolation::{self, Space};
use super::layers;
use super::supervisor::Within;
use super::temporary::Temporary;
use crate::function::Function;
use crate::function::places::{Places, is_plain};

pub struct Home {
    pub places: Places,
    /// The file system of its processes, unless it is this machine's.
    pub space: Option<Space>,
    /// What the places are in.
    _temporary: Option<Temporary>,
}

impl Home {
    /// The home of a function whose processes have file systems of their own if `is_isolated`.
    pub fn of(function: &Function, is_isolated: bool) -> io::Result<Home> {
        if !function.maps_code {
            let places = Places::unmapped(&function.code);
            return Ok(Home { places, space: None, _temporary: None });
        }
        let mut temporary = Lazy(None);
        let opt = match function.layers.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => {
                let merged = temporary.path()?.join("opt");
                std::fs::create_dir(&merged)?;
                layers::merge(several, &merged)?;
                Some(merged)
            }
        };
        if is_isolated {
            let space = Some(isolation::space(Some(&function.code), opt.as_deref())?);
            return Ok(Home { places: Places::real(), space, _temporary: temporary.0 });
        }
        let code = temporary.plain(&function.code, "code")?;
        let opt = opt.map(|opt| temporary.plain(&opt, "layer")).transpose()?;
        let places = Places::substituted(&function.code, code, opt);
        Ok(Home { places, space: None, _temporary: temporary.0 })
    }

    /// What there is without any directory made for it.
    pub fn bare(function: &Function) -> Home {
        let code = function.code.display().to_string();
        let places = match function.maps_code {
            true => Places::substituted(&function.code, code, None),
            false => Places::unmapped(&function.code),
        };
        Home { places, space: None, _temporary: None }
    }

    pub fn within(&self) -> Within<'_> {
        self.space.as_ref().map_or(Within::Machine, Within::Space)
    }
}

/// A temporary directory that is made when it is needed.
struct Lazy(Option<Temporary>);

impl Lazy {
    fn path(&mut self) -> io::Result<PathBuf> {
        if self.0.is_none() {
            self.0 = Some(Temporary::new()?);
        }
        Ok(self.0.as_ref().map(|temporary| temporary.path().to_owned()).unwrap_or_default())
    }

    /// `directory`, or a link to it, as a text that goes through a shell as it is.
    fn plain(&mut self, directory: &Path, name: &str) -> io::Result<String> {
        if is_plain(directory) {
            return Ok(directory.display().to_string());
        }
        let link = self.path()?.join(name);
        symlink(directory, &link)?;
        Ok(link.display().to_string())
    }
}
