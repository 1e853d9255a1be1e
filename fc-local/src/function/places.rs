//! Where does a function's process find its code and its layers? In `/code` and `/opt`, or in directories that stand
//! for them, which are then named in their places. Who has made them is not known here.

use std::path::{Path, PathBuf};

use super::configuration::{Function, InitializerKind};
use super::substitution::{self, Substitute};

/// The platform's directories.
pub const CODE: &str = "/code";
pub const OPT: &str = "/opt";

/// The directories as the process sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Where it starts.
    pub directory: PathBuf,
    /// What `FC_FUNC_CODE_PATH` says.
    pub code: String,
    substitutes: Vec<(&'static str, String)>,
}

impl Places {
    /// Both are where the platform has them.
    pub fn real() -> Places {
        Places { directory: PathBuf::from(CODE), code: CODE.to_owned(), substitutes: Vec::new() }
    }

    /// `/code` and `/opt` are paths like any other, and the process starts in `directory`.
    pub fn unmapped(directory: &Path) -> Places {
        Places { directory: directory.to_owned(), ..Places::real() }
    }

    /// `code` stands for `/code`, and `opt`, if there is such a directory, for `/opt`; what the process starts in is
    /// `directory` by its own name.
    pub fn substituted(directory: &Path, code: String, opt: Option<String>) -> Places {
        let opt = opt.map(|opt| (OPT, opt));
        let substitutes = [(CODE, code.clone())].into_iter().chain(opt).collect();
        Places { directory: directory.to_owned(), code, substitutes }
    }

    /// A word or a value as the process is to read it.
    pub fn seen(&self, text: &str) -> String {
        let substitutes: Vec<Substitute<'_>> = self
            .substitutes
            .iter()
            .map(|(directory, substitute)| (*directory, substitute.as_str()))
            .collect();
        substitution::substituted(text, &substitutes)
    }
}

/// Whether a path goes through a shell's text, a list of paths and JSON as it is.
pub fn is_plain(path: &Path) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    path.to_str().is_some_and(|path| path.chars().all(is_plain))
}

impl Function {
    /// Whether the author's own texts name `/code` or `/opt` as something more than the start of a command's word.
    pub fn names_places(&self) -> bool {
        let hook = match self.initializer.as_ref().map(|initializer| &initializer.kind) {
            Some(InitializerKind::Command(words)) => words.as_slice(),
            _ => &[],
        };
        let values = self.variables.iter().map(|(_, value)| value);
        let mut texts = self.command.iter().chain(hook).chain(values);
        texts.any(|text| substitution::names(text, &[CODE, OPT]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_directory_is_named_in_its_place() {
        let directory = Path::new("/srv/my app");
        let places = Places::substituted(directory, "/tmp/a/code".to_owned(), Some("/srv/layer".to_owned()));
        assert_eq!(places.seen("/code/x:/opt/y"), "/tmp/a/code/x:/srv/layer/y");
        assert_eq!((places.directory.as_path(), places.code.as_str()), (directory, "/tmp/a/code"));
        let without_layers = Places::substituted(directory, "/srv/app".to_owned(), None);
        assert_eq!(without_layers.seen("/code/x:/opt/y"), "/srv/app/x:/opt/y");
    }

    #[test]
    fn nothing_is_named_otherwise_where_nothing_stands_for_anything() {
        for places in [Places::real(), Places::unmapped(Path::new("/srv/app"))] {
            assert_eq!(
                (places.seen("/code/x:/opt/y").as_str(), places.code.as_str()),
                ("/code/x:/opt/y", "/code")
            );
        }
        assert_eq!(Places::unmapped(Path::new("/srv/app")).directory, Path::new("/srv/app"));
    }

    #[test]
    fn a_plain_path_has_no_character_that_a_shell_or_a_list_takes_for_its_own() {
        for path in ["/", "/srv/my-app_1.0+x", "/home/jürgen/代码"] {
            assert!(is_plain(Path::new(path)), "{path}");
        }
        for path in [
            "/a b", "/a:b", "/a'b", "/a\"b", "/a$b", "/a\\b", "/a;b", "/a(b", "/a*b", "/a\nb", "/a,b", "/a~b",
        ] {
            assert!(!is_plain(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_function_is_asked_whether_it_names_the_directories() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let plain = Function { command: words(&["python3", "app.py"]), ..Function::example() };
        assert!(!plain.names_places());
        let in_command = Function { command: words(&["sh", "-c", "exec /code/x"]), ..plain.clone() };
        let variables = vec![("PYTHONPATH".to_owned(), "/opt/python".to_owned())];
        assert!(in_command.names_places() && Function { variables, ..plain }.names_places());
    }
}
