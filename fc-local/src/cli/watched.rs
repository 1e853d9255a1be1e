//! What has to be watched so that nothing that happens to a path is missed? What is there, and every directory and link on
//! the way to it, as far as the way is there. What a change is used for is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// What programs write beside the code while it runs, and editors while it is edited.
const IGNORED: [&str; 6] = ["__pycache__", ".git", "node_modules", ".venv", ".mypy_cache", ".pytest_cache"];

/// As many links as the system follows on one way (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// A file or a directory, there or not, and where it is found now. All paths but its name are without links, so that each
/// directory has one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// As it is named.
    pub name: PathBuf,
    /// Directories and links on the way, outermost first; at last what is missing, where something is.
    way: Vec<PathBuf>,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Directory(PathBuf),
    File(PathBuf),
    Missing,
}

/// How a change concerns a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Its content.
    Content,
    /// Where it is found, or whether.
    Way,
}

/// A directory whose entries are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Without it the path itself would not be watched.
    Must,
    /// A directory far above, which its user may not be allowed to read.
    May,
}

impl Watched {
    /// What `name` leads to now, from the directory `home`.
    pub fn find(name: &Path, home: &Path) -> Watched {
        let (mut place, mut way, mut links) = (PathBuf::from("/"), Vec::new(), 0);
        let mut left = Vec::new();
        push(&mut left, &home.join(name));
        let found = |way, end| Watched { name: name.to_owned(), way, end };
        while let Some(next) = left.pop() {
            if next == ".." {
                place.pop();
                continue;
            }
            let entry = place.join(next);
            let Ok(metadata) = entry.symlink_metadata() else {
                way.push(entry);
                return found(way, End::Missing);
            };
            if metadata.is_file() && left.is_empty() {
                return found(way, End::File(entry));
            }
            way.push(entry.clone());
            if metadata.is_dir() {
                place = entry;
            } else {
                links += 1;
                match entry.read_link() {
                    Ok(target) if links <= MAX_LINKS => {
                        if target.is_absolute() {
                            place = PathBuf::from("/");
                        }
                        push(&mut left, &target);
                    }
                    _ => return found(way, End::Missing),
                }
            }
        }
        found(way, End::Directory(place))
    }

    /// The directory that it is, of which everything is watched.
    pub fn tree(&self) -> Option<&Path> {
        match &self.end {
            End::Directory(path) => Some(path),
            _ => None,
        }
    }

    /// How what happened to `path` concerns it.
    pub fn concern(&self, path: &Path) -> Option<Concern> {
        if self.way.iter().any(|entry| entry == path) {
            return Some(Concern::Way);
        }
        let is_content = match &self.end {
            End::Directory(tree) => path.strip_prefix(tree).is_ok_and(|below| !is_ignored(below)),
            End::File(file) => file == path,
            End::Missing => false,
        };
        is_content.then_some(Concern::Content)
    }

    /// The directories on the way, outermost first, in which something may be replaced.
    fn directories(&self) -> impl Iterator<Item = (PathBuf, Need)> {
        let file = match &self.end {
            End::File(file) => Some(file),
            _ => None,
        };
        let entries: Vec<&PathBuf> = self.way.iter().chain(file).collect();
        let last = entries.len().saturating_sub(1);
        let is_needed = move |place| self.tree().is_none() && place == last;
        let parents = entries.into_iter().enumerate().filter_map(move |(place, entry)| {
            Some((entry.parent()?.to_owned(), if is_needed(place) { Need::Must } else { Need::May }))
        });
        parents.collect::<Vec<_>>().into_iter()
    }
}

/// The directories that are watched with all below them.
pub fn trees(all: &[Watched]) -> BTreeSet<&Path> {
    all.iter().filter_map(Watched::tree).collect()
}

/// The directories besides, outermost first, whose entries are watched.
pub fn directories(all: &[Watched]) -> BTreeMap<PathBuf, Need> {
    let trees = trees(all);
    let mut found = BTreeMap::new();
    for (path, need) in all.iter().flat_map(Watched::directories) {
        // Whoever watches them once more takes what is below them from the tree.
        if !trees.iter().any(|tree| path.starts_with(tree)) {
            let known = found.entry(path).or_insert(need);
            if need == Need::Must {
                *known = need;
            }
        }
    }
    found
}

/// Adds the names of `path`, the first one last.
fn push(left: &mut Vec<OsString>, path: &Path) {
    let names = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    left.extend(names);
}

fn is_ignored(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Vim probes whether it may write a directory with a file of this name.
    let editors = name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".swx") || name == "4913";
    editors
        || name.ends_with(".pyc")
        || path.components().any(|part| IGNORED.iter().any(|ignored| part.as_os_str() == *ignored))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::tests::Scratch;

    /// A scratch directory, and its path without links.
    fn scratch() -> (Scratch, PathBuf) {
        let scratch = Scratch::new();
        let root = Path::new(&scratch.path("")).canonicalize().expect("a directory");
        (scratch, root)
    }

    /// What is watched below `root` for `name`: entries on the way, and the end.
    fn found(root: &Path, name: &str) -> (Vec<String>, String) {
        let watched = Watched::find(Path::new(name), root);
        let below = |path: &PathBuf| path.strip_prefix(root).ok().map(|path| path.display().to_string());
        let way = watched.way.iter().filter(|path| *path != root).filter_map(below).collect();
        let end = match &watched.end {
            End::Directory(path) => format!("directory {}", below(path).unwrap_or_default()),
            End::File(path) => format!("file {}", below(path).unwrap_or_default()),
            End::Missing => "missing".to_owned(),
        };
        (way, end)
    }

    #[test]
    fn everything_on_the_way_is_watched_as_far_as_it_is_there() {
        let (_scratch, root) = scratch();
        fs::create_dir_all(root.join("one/code")).expect("a directory");
        fs::write(root.join("one/file"), "").expect("a file");
        symlink("one", root.join("current")).expect("a link");
        symlink(root.join("current/file"), root.join("s.yaml")).expect("a link");
        symlink("circle", root.join("circle")).expect("a link");
        for (name, way, end) in [
            ("one/code", vec!["one", "one/code"], "directory one/code"),
            ("./one/../one/file", vec!["one", "one"], "file one/file"),
            ("current/code", vec!["current", "one", "one/code"], "directory one/code"),
            ("s.yaml", vec!["s.yaml", "current", "one"], "file one/file"),
            ("one/later/code", vec!["one", "one/later"], "missing"),
            ("one/file/code", vec!["one", "one/file"], "missing"),
            ("later", vec!["later"], "missing"),
            (".", vec![], "directory "),
        ] {
            let way = way.into_iter().map(str::to_owned).collect();
            assert_eq!(found(&root, name), (way, end.to_owned()), "{name}");
        }
        assert_eq!(found(&root, "circle").1, "missing");
    }

    #[test]
    fn the_directories_above_are_watched_unless_a_tree_has_them_and_the_last_one_is_needed() {
        let (_scratch, root) = scratch();
        fs::create_dir_all(root.join("code/lib")).expect("a directory");
        fs::create_dir(root.join("other")).expect("a directory");
        fs::write(root.join("code/s.yaml"), "").expect("a file");
        let names = ["code", "code/s.yaml", "code/lib", "other/later/base.yaml"];
        let all: Vec<Watched> = names.iter().map(|name| Watched::find(Path::new(name), &root)).collect();
        assert_eq!(trees(&all).into_iter().collect::<Vec<_>>(), [root.join("code"), root.join("code/lib")]);
        let found = directories(&all);
        let need = |name: &str| found.get(&root.join(name)).copied();
        assert_eq!((need("code"), need("other"), need("")), (None, Some(Need::Must), Some(Need::May)));
        assert!(
            found.keys().zip(found.keys().skip(1)).all(|(one, next)| one < next && !one.starts_with(next))
        );
    }

    #[test]
    fn what_programs_and_editors_write_beside_the_code_concerns_nobody() {
        let (_scratch, root) = scratch();
        fs::create_dir_all(root.join("node_modules/app")).expect("a directory");
        let watched = Watched::find(Path::new("node_modules/app"), &root);
        let concern = |name: &str| watched.concern(&root.join("node_modules/app").join(name));
        for name in ["x/__pycache__/y", ".git/HEAD", "node_modules/x", "a.swp", "a~", "4913", "a.pyc"] {
            assert_eq!(concern(name), None, "{name}");
        }
        assert_eq!(concern("src/app.py"), Some(Concern::Content));
        assert_eq!(concern(""), Some(Concern::Way));
        assert_eq!(watched.concern(&root.join("node_modules")), Some(Concern::Way));
        assert_eq!(watched.concern(&root.join("elsewhere")), None);
    }
}
