//! `--watch`: has something changed that the functions are made of, or that says so? Then they are loaded anew. What becomes
//! of their instances is not decided here.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::args::FunctionArgs;
use super::load::{self, Choice};
use super::serving::Reload;
use super::watched::{self, Concern, Need, Watched};
use crate::function::Project;

/// A build or an editor writes more than one file: it is over when nothing changed for this long.
const QUIET: Duration = Duration::from_millis(100);

/// A file that was being written has been closed as a rule; one that nobody says so of is waited for no longer.
const LONGEST_WRITE: Duration = Duration::from_secs(2);

/// What is replaced while it begins to be watched is watched anew, but whoever replaces it without end is not waited for.
const MOST_TRIES: usize = 100;

/// What has happened to a file or a directory.
#[derive(Debug)]
enum Change {
    Of {
        what: What,
        /// The names of what it concerns.
        sources: BTreeSet<PathBuf>,
        /// Whether one of them may be another file or directory now.
        is_moved: bool,
    },
    /// Nobody watches any more.
    End,
}

#[derive(Debug)]
enum What {
    /// It may be written further.
    Writing(PathBuf),
    Closed(PathBuf),
    Other,
}

/// Changes until it was quiet.
#[derive(Default)]
struct Changes {
    sources: BTreeSet<PathBuf>,
    is_moved: bool,
}

/// Watches until it is dropped.
pub struct Watching(Sender<Change>);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.send(Change::End); // whom nobody hears has ended
    }
}

/// Reloads what is served on every change of `sources`, files and directories.
pub fn watch(
    args: &FunctionArgs,
    choice: Choice,
    mut sources: Vec<PathBuf>,
    reload: Reload,
) -> Result<Watching> {
    let (sender, changes) = channel();
    sources.sort();
    sources.dedup();
    let home = std::env::current_dir().context("the current directory")?;
    let mut watch = Watch {
        home,
        args: args.clone(),
        choice,
        reload,
        sender: sender.clone(),
        watched: Vec::new(),
        watcher: None,
    };
    watch.try_set(sources).into_iter().next().map_or(Ok(()), Err)?;
    for tree in watched::trees(&watch.watched) {
        watch.reload.log.event(None, &format!("watching {}", tree.display()));
    }
    thread::Builder::new()
        .name("reload".to_owned())
        .spawn(move || watch.follow(&changes))
        .context("cannot start a thread")?;
    Ok(Watching(sender))
}

struct Watch {
    /// The directory that fc-local was started in, by its name.
    home: PathBuf,
    args: FunctionArgs,
    choice: Choice,
    reload: Reload,
    sender: Sender<Change>,
    watched: Vec<Watched>,
    /// None when it would not tell of everything any more.
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    fn follow(&mut self, changes: &Receiver<Change>) {
        while let Ok(first) = changes.recv() {
            let Some(changed) = settle(changes, first) else { return };
            if changed.is_moved {
                self.set(self.watched.iter().map(|watched| watched.name.clone()).collect());
            }
            match self.project() {
                Ok(project) => self.reload.reload(project, &changed.sources),
                Err(error) => self.reload.refuse(&error, &changed.sources),
            }
        }
    }

    /// What is configured now, read after all that it is read from was watched: a later change is told.
    fn project(&mut self) -> Result<Project> {
        loop {
            // It may have been removed and made again, and relative paths are meant by name.
            let _ = std::env::set_current_dir(&self.home);
            let mut sources = Vec::new();
            let project = load::project(&self.args, "start", self.choice, &mut sources);
            if project.is_err() {
                // It is not known of all that it was to be read from.
                sources.extend(self.watched.iter().map(|watched| watched.name.clone()));
            }
            sources.sort();
            sources.dedup();
            if sources.iter().eq(self.watched.iter().map(|watched| &watched.name)) {
                return project;
            }
            self.set(sources);
        }
    }

    /// Watches `sources` from now on, and says what cannot be watched.
    fn set(&mut self, sources: Vec<PathBuf>) {
        for error in self.try_set(sources) {
            self.reload.log.warn(None, &format!("{error:#}: what changes there is not noticed"));
        }
    }

    /// Watches `sources` from now on, and nothing else. What cannot be watched is an error each.
    fn try_set(&mut self, sources: Vec<PathBuf>) -> Vec<anyhow::Error> {
        let find = || sources.iter().map(|name| Watched::find(name, &self.home)).collect::<Vec<_>>();
        self.watcher = None; // before the next one, since a user may have few
        let (mut found, mut errors) = (find(), Vec::new());
        for _ in 0..MOST_TRIES {
            let failed = match watcher(&found, self.sender.clone()) {
                Ok((watcher, failed)) => {
                    self.watcher = Some(watcher);
                    failed
                }
                Err(error) => {
                    errors = vec![anyhow::Error::from(error).context("cannot watch files")];
                    break;
                }
            };
            // Nobody told of what was replaced before it was watched.
            let again = find();
            let is_settled = again == found && !failed.iter().any(|(_, error)| is_gone(error));
            let cannot = |(path, error): (PathBuf, notify::Error)| {
                anyhow::Error::from(error).context(format!("cannot watch {}", path.display()))
            };
            errors = failed.into_iter().map(cannot).collect();
            if is_settled {
                break;
            }
            found = again;
        }
        self.watched = found;
        errors
    }
}

/// A watcher of what is `found`, and what it cannot watch.
fn watcher(
    found: &[Watched],
    sender: Sender<Change>,
) -> notify::Result<(RecommendedWatcher, Vec<(PathBuf, notify::Error)>)> {
    let watched = found.to_vec();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if let Some(change) = change(&watched, &event) {
            let _ = sender.send(change); // the receiver goes only with the program
        }
    })?;
    let mut failed = Vec::new();
    let directories = watched::directories(found);
    let watch_directories = |watcher: &mut RecommendedWatcher, failed: &mut Vec<_>| {
        for (path, need) in &directories {
            let result = watcher.watch(path, RecursiveMode::NonRecursive);
            if let Err(error) = result
                && (*need == Need::Must || is_gone(&error))
            {
                failed.push((path.clone(), error));
            }
        }
    };
    // Outermost first: who replaces what is about to be watched is told of.
    watch_directories(&mut watcher, &mut failed);
    for tree in watched::trees(found) {
        if let Err(error) = watcher.watch(tree, RecursiveMode::Recursive) {
            failed.push((tree.to_owned(), error));
        }
    }
    // Once more, for their names: a link below a tree may have led to one of them, which then has that name.
    watch_directories(&mut watcher, &mut failed);
    Ok((watcher, failed))
}

/// Whether it was removed meanwhile.
fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        }
        _ => false,
    }
}

/// What `event` says, unless it concerns nothing that is watched.
fn change(watched: &[Watched], event: &notify::Result<Event>) -> Option<Change> {
    let Some(event) = event.as_ref().ok().filter(|event| !event.need_rescan()) else {
        // Not all is told: anything may have changed.
        let sources = watched.iter().map(|watched| watched.name.clone()).collect();
        return Some(Change::Of { what: What::Other, sources, is_moved: true });
    };
    let path = event.paths.first()?;
    let (what, is_attribute) = match event.kind {
        EventKind::Modify(ModifyKind::Data(_)) => (What::Writing(path.clone()), false),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => (What::Closed(path.clone()), false),
        EventKind::Modify(ModifyKind::Metadata(_)) => (What::Other, true),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => (What::Other, false),
        _ => return None,
    };
    let (mut sources, mut is_moved) = (BTreeSet::new(), false);
    for watched in watched {
        for concern in event.paths.iter().filter_map(|path| watched.concern(path)) {
            let is_way = concern == Concern::Way;
            if !is_way || !is_attribute {
                sources.insert(watched.name.clone());
                is_moved |= is_way;
            }
        }
    }
    (!sources.is_empty()).then_some(Change::Of { what, sources, is_moved })
}

/// Waits until nothing changes and no file is being written any more; none when nobody watches any longer.
fn settle(changes: &Receiver<Change>, first: Change) -> Option<Changes> {
    let (mut writing, mut last, mut all) = (HashSet::new(), Instant::now(), Changes::default());
    let mut next = Some(first);
    loop {
        match next.take() {
            Some(Change::Of { what, sources, is_moved }) => {
                all.sources.extend(sources);
                all.is_moved |= is_moved;
                match what {
                    What::Writing(path) => drop(writing.insert(path)),
                    What::Closed(path) => drop(writing.remove(&path)),
                    What::Other => {}
                }
            }
            Some(Change::End) => return None,
            None => {}
        }
        match changes.recv_timeout(QUIET) {
            Ok(change) => {
                last = Instant::now();
                next = Some(change);
            }
            Err(RecvTimeoutError::Timeout) if writing.is_empty() || last.elapsed() > LONGEST_WRITE => {
                return Some(all);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use notify::event::{Flag, MetadataKind, RemoveKind};

    use super::*;
    use crate::tests::Scratch;

    fn of(what: What) -> Change {
        Change::Of { what, sources: BTreeSet::new(), is_moved: false }
    }

    fn file() -> PathBuf {
        PathBuf::from("program")
    }

    #[test]
    fn a_file_that_is_being_written_is_waited_for_until_it_is_closed() {
        let (sender, changes) = channel();
        let settling = thread::spawn(move || settle(&changes, of(What::Writing(file()))).is_some());
        thread::park_timeout(QUIET * 3);
        assert!(!settling.is_finished(), "its writer pauses");
        sender.send(of(What::Closed(file()))).expect("it is waited for");
        assert!(settling.join().expect("no panic"));
        drop(sender);
    }

    #[test]
    fn what_nobody_closes_is_waited_for_no_longer_than_a_write_takes() {
        let (_sender, changes) = channel();
        let start = Instant::now();
        assert!(settle(&changes, of(What::Writing(file()))).is_some());
        assert!(start.elapsed() > LONGEST_WRITE);
    }

    #[test]
    fn other_changes_are_over_when_it_is_quiet_and_a_watcher_that_is_gone_ends_it() {
        let (sender, changes) = channel();
        let start = Instant::now();
        sender.send(of(What::Other)).expect("there is a receiver");
        assert!(settle(&changes, of(What::Other)).is_some());
        assert!(start.elapsed() >= QUIET);
        drop(Watching(sender));
        assert!(settle(&changes, of(What::Other)).is_none());
    }

    #[test]
    fn what_is_done_to_one_source_is_all_that_is_told() {
        let scratch = Scratch::new();
        for directory in ["a", "b"] {
            std::fs::create_dir(scratch.path(directory)).expect("a directory");
        }
        let name = |name: &str| PathBuf::from(scratch.path(name));
        let home = Path::new("/");
        let watched = [Watched::find(&name("a"), home), Watched::find(&name("b"), home)];
        let file = Path::new(&scratch.path("a")).canonicalize().expect("a directory").join("file");
        let told = |kind, path: &Path| match change(&watched, &Ok(Event::new(kind).add_path(path.to_owned())))
        {
            Some(Change::Of { sources, is_moved, .. }) => (sources.into_iter().collect(), is_moved),
            _ => (Vec::new(), false),
        };
        let (data, attribute) = (ModifyKind::Any, ModifyKind::Metadata(MetadataKind::Any));
        let tree = file.parent().expect("it has one");
        assert_eq!(told(EventKind::Modify(data), &file), (vec![name("a")], false));
        assert_eq!(told(EventKind::Remove(RemoveKind::Any), tree), (vec![name("a")], true));
        assert_eq!(told(EventKind::Modify(attribute), tree), (Vec::new(), false), "it is the same one");
        assert_eq!(told(EventKind::Access(AccessKind::Open(AccessMode::Any)), &file), (Vec::new(), false));
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        let Some(Change::Of { sources, is_moved, .. }) = change(&watched, &Ok(lost)) else {
            panic!("anything may have changed")
        };
        assert!(sources.len() == 2 && is_moved);
    }
}
