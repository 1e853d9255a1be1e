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

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::tests::Scratch;

    use super::*;

    /// A function with these layers, each with its own file and one that all have.
    fn function(scratch: &Scratch, code: &str, layers: &[&str]) -> Function {
        fs::create_dir(scratch.path(code)).expect("a directory");
        for layer in layers {
            fs::create_dir_all(scratch.path(&format!("{layer}/bin"))).expect("directories");
            scratch.write(&format!("{layer}/bin/{}", layer.replace(' ', "_")), layer);
            scratch.write(&format!("{layer}/bin/all"), layer);
        }
        let path = |name: &&str| PathBuf::from(scratch.path(name));
        Function { code: path(&code), layers: layers.iter().map(path).collect(), ..Function::example() }
    }

    #[test]
    fn one_layer_is_what_stands_for_opt_and_several_are_merged() {
        let scratch = Scratch::new();
        let one = Home::of(&function(&scratch, "one", &["a"]), false).expect("a home");
        assert_eq!(
            one.places.seen("/opt/bin:/code"),
            format!("{}/bin:{}", scratch.path("a"), scratch.path("one"))
        );
        assert!(one._temporary.is_none(), "nothing had to be made");
        let two = Home::of(&function(&scratch, "two", &["b", "c d"]), false).expect("a home");
        let opt = two.places.seen("/opt");
        for (file, text) in [("b", "b"), ("c_d", "c d"), ("all", "c d")] {
            assert_eq!(fs::read_to_string(format!("{opt}/bin/{file}")).ok().as_deref(), Some(text), "{file}");
        }
        drop(two);
        assert!(!Path::new(&opt).exists());
        assert_eq!(fs::read_to_string(scratch.path("b/bin/all")).expect("it stays"), "b");
    }

    #[test]
    fn without_layers_opt_is_this_machines() {
        let scratch = Scratch::new();
        let home = Home::of(&function(&scratch, "my code", &[]), false).expect("a home");
        assert_eq!(home.places.seen("/opt/bin"), "/opt/bin");
        let code = home.places.seen("/code");
        assert!(
            is_plain(Path::new(&code))
                && fs::read_link(&code).expect("a link") == Path::new(&scratch.path("my code"))
        );
        assert_eq!(home.places.directory, Path::new(&scratch.path("my code")));
    }
}
