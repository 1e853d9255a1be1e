//! `--watch`: have the code or the template changed? Then the function is loaded anew. What becomes of its
//! instances is not decided here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::args::FunctionArgs;
use super::load;
use super::serving::Reload;

/// A build or an editor writes more than one file: it is over when nothing changed for this long.
const QUIET: Duration = Duration::from_millis(100);

/// What programs write beside the code while it runs, and editors while it is edited.
const IGNORED: [&str; 6] = ["__pycache__", ".git", "node_modules", ".venv", ".mypy_cache", ".pytest_cache"];

/// A file that was being written has been closed as a rule; one that nobody says so of is waited for no longer.
const LONGEST_WRITE: Duration = Duration::from_secs(2);

/// What has happened to a file.
enum Change {
    /// It may be written further.
    Writing(PathBuf),
    Closed(PathBuf),
    Other,
}

/// What is watched.
struct Watched {
    code: Vec<PathBuf>,
    /// The files that say what is served, whether or not they are there.
    sources: Vec<PathBuf>,
}

/// Reloads what is served on every change of its code or of `sources`, until the returned watcher is dropped.
pub fn watch(args: &FunctionArgs, sources: Vec<PathBuf>, reload: Reload) -> Result<RecommendedWatcher> {
    let (sender, changes) = channel();
    let functions = reload.platforms.iter().map(|platform| platform.function());
    // A package's directory changes with the package only.
    let functions = functions.filter(|function| function.unpacked.is_empty());
    let mut code: Vec<PathBuf> = functions.map(|function| function.code.clone()).collect();
    code.sort();
    code.dedup();
    let sources: Vec<PathBuf> = sources.iter().filter_map(|path| settled(path)).collect();
    let places = places_of(&code, &sources);
    let watched = Watched { code: code.clone(), sources };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if let Some(change) = event.ok().and_then(|event| watched.change(&event)) {
            let _ = sender.send(change); // the receiver goes only with the program
        }
    })
    .context("cannot watch files")?;
    let watching = |path: &Path| format!("cannot watch {}", path.display());
    for code in &code {
        watcher.watch(code, RecursiveMode::Recursive).with_context(|| watching(code))?;
        reload.log.event(None, &format!("watching {}", code.display()));
    }
    for place in &places {
        watcher.watch(place, RecursiveMode::NonRecursive).with_context(|| watching(place))?;
    }
    let args = args.clone();
    thread::Builder::new()
        .name("reload".to_owned())
        .spawn(move || follow(&changes, &args, &reload))
        .context("cannot start a thread")?;
    Ok(watcher)
}

/// Where a file is or would be, by the name that events have for it.
fn settled(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    Some(parent.canonicalize().ok()?.join(path.file_name()?))
}

/// The directories of the sources, since editors replace a file rather than write to it.
fn places_of(code: &[PathBuf], sources: &[PathBuf]) -> Vec<PathBuf> {
    let is_watched = |path: &Path| code.iter().any(|code| path.starts_with(code));
    let parents = sources.iter().filter_map(|path| path.parent());
    let mut places: Vec<PathBuf> =
        parents.filter(|path| path.is_dir() && !is_watched(path)).map(Path::to_owned).collect();
    places.sort();
    places.dedup();
    places
}

fn follow(changes: &Receiver<Change>, args: &FunctionArgs, reload: &Reload) {
    while let Ok(first) = changes.recv() {
        if !settle(changes, first) {
            return;
        }
        match load::project(args, "start") {
            Ok(project) => {
                project.notes.iter().for_each(|remark| reload.log.warn(None, remark));
                reload.reload(project);
                reload.log.event(None, "the code or the template changed: the next call starts it anew");
            }
            Err(error) => reload.log.warn(None, &format!("the change is not used: {error:#}")),
        }
    }
}

/// Waits until nothing changes and no file is being written any more; false when there is nobody left to tell.
fn settle(changes: &Receiver<Change>, first: Change) -> bool {
    let (mut writing, mut last) = (HashSet::new(), Instant::now());
    let mut next = Some(first);
    loop {
        match next.take() {
            Some(Change::Writing(path)) => drop(writing.insert(path)),
            Some(Change::Closed(path)) => drop(writing.remove(&path)),
            Some(Change::Other) | None => {}
        }
        match changes.recv_timeout(QUIET) {
            Ok(change) => {
                last = Instant::now();
                next = Some(change);
            }
            Err(RecvTimeoutError::Timeout) if writing.is_empty() || last.elapsed() > LONGEST_WRITE => {
                return true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

impl Watched {
    /// What `event` says, unless it concerns nothing that is watched.
    fn change(&self, event: &Event) -> Option<Change> {
        let path = event.paths.iter().find(|path| self.matters(path))?.clone();
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => Some(Change::Writing(path)),
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Change::Closed(path)),
            EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => Some(Change::Other),
            _ => None,
        }
    }

    fn matters(&self, path: &Path) -> bool {
        if self.sources.iter().any(|source| source == path) {
            return true;
        }
        self.code.iter().any(|code| path.strip_prefix(code).is_ok_and(|below| !is_ignored(below)))
    }
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
    use super::*;

    fn file() -> PathBuf {
        PathBuf::from("program")
    }

    #[test]
    fn a_file_that_is_being_written_is_waited_for_until_it_is_closed() {
        let (sender, changes) = channel();
        let settling = thread::spawn(move || settle(&changes, Change::Writing(file())));
        thread::park_timeout(QUIET * 3);
        assert!(!settling.is_finished(), "its writer pauses");
        sender.send(Change::Closed(file())).expect("it is waited for");
        assert!(settling.join().expect("no panic"));
        drop(sender);
    }

    #[test]
    fn what_nobody_closes_is_waited_for_no_longer_than_a_write_takes() {
        let (_sender, changes) = channel();
        let start = Instant::now();
        assert!(settle(&changes, Change::Writing(file())));
        assert!(start.elapsed() > LONGEST_WRITE);
    }

    #[test]
    fn other_changes_are_over_when_it_is_quiet_and_a_watcher_that_is_gone_ends_it() {
        let (sender, changes) = channel();
        let start = Instant::now();
        sender.send(Change::Other).expect("there is a receiver");
        assert!(settle(&changes, Change::Other));
        assert!(start.elapsed() >= QUIET);
        drop(sender);
        assert!(!settle(&changes, Change::Other));
    }
}
