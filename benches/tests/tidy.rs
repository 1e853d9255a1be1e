//! What every file of this package has to be like, and how much there may be of them all.

use harness::{folders::checkout, number};
use std::{fs, path::PathBuf};

/// Lines of Rust without `peers/`, which are other people's programs more than ours.
const BUDGET: usize = 3_120;

#[test]
fn the_package_is_within_its_budget_and_its_files_are_short_and_say_what_they_are_for() {
    let (mut folders, mut lines) = (vec![checkout().join("benches")], 0);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let (below, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
        folders.extend(below.into_iter().filter(|folder| !folder.ends_with("peers")));
        for file in files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
            let text = fs::read_to_string(&file).expect("text");
            assert!(text.starts_with("//! "), "{} does not open with its question", file.display());
            assert!(text.lines().count() <= 400, "{} is over 400 lines", file.display());
            lines += text.lines().count();
        }
    }
    let manifest = fs::read_to_string(checkout().join("benches/Cargo.toml")).expect("the manifest");
    assert!(manifest.contains(&format!("Budget: {} lines", number(BUDGET as f64, 0))));
    assert!(lines <= BUDGET, "{lines} lines of Rust: what is added takes the place of something");
}
