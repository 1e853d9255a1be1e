//! Several layers in one directory: whose file is there when two have one of the same name? The later layer's, as on
//! the platform. Where the directory is, and what it stands for, is not known here.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Fills the empty directory `into` with the files of all `layers`.
pub fn merge(layers: &[PathBuf], into: &Path) -> io::Result<()> {
    layers.iter().try_for_each(|layer| add(layer, into))
}

/// Adds what is in `from`, over what is in `into`.
fn add(from: &Path, into: &Path) -> io::Result<()> {
    let mut unread = vec![(from.to_owned(), into.to_owned())];
    while let Some((from, into)) = unread.pop() {
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let (source, target) = (entry.path(), into.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !target.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                    make_room(&target)?;
                    fs::create_dir(&target)?;
                }
                unread.push((source, target));
            } else {
                make_room(&target)?;
                if kind.is_symlink() {
                    symlink(fs::read_link(&source)?, &target)?;
                } else if kind.is_file() {
                    // A link costs nothing, and is refused between two file systems and for another user's file.
                    fs::hard_link(&source, &target).or_else(|_| fs::copy(&source, &target).map(drop))?;
                }
            }
        }
    }
    Ok(())
}

fn make_room(target: &Path) -> io::Result<()> {
    match target.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(target),
        Ok(_) => fs::remove_file(target),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::Scratch;

    use super::*;

    #[test]
    fn of_two_files_of_one_name_the_later_layers_is_there() {
        let scratch = Scratch::new();
        let path = |name: &str| PathBuf::from(scratch.path(name));
        let write = |name: &str, text: &str| {
            fs::create_dir_all(path(name).parent().expect("a parent")).expect("directories");
            fs::write(path(name), text).expect("a file");
        };
        write("a/python/one.py", "a");
        write("a/python/both.py", "a");
        write("a/was-a-directory/x", "a");
        write("a/was-a-file", "a");
        write("b/python/both.py", "b");
        write("b/was-a-directory", "b");
        write("b/was-a-file/x", "b");
        symlink("python/both.py", path("b/link")).expect("a link");
        fs::create_dir(path("into")).expect("a directory");
        merge(&[path("a"), path("b")], &path("into")).expect("merged");
        for (name, text) in [
            ("python/one.py", "a"),
            ("python/both.py", "b"),
            ("was-a-directory", "b"),
            ("was-a-file/x", "b"),
            ("link", "b"),
        ] {
            assert_eq!(fs::read_to_string(path("into").join(name)).ok().as_deref(), Some(text), "{name}");
        }
        assert_eq!(fs::read_to_string(path("a/python/both.py")).expect("it stays"), "a");
    }
}
