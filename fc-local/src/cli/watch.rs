//! `--watch`: have the code or the template changed? Then the function is loaded anew. What becomes of its
//! instances is not decided here.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::args::FunctionArgs;
use super::load;
use super::serving::Reload;

/// A build or an editor writes more than one file: it is over when nothing changed for this long.
const QUIET: Duration = Duration::from_millis(100);

/// What programs write beside the code while it runs, and editors while it is edited.
const IGNORED: [&str; 6] = ["__pycache__", ".git", "node_modules", ".venv", ".mypy_cache", ".pytest_cache"];

/// Reloads what is served on every change until the returned watcher is dropped.
pub fn watch(args: &FunctionArgs, reload: Reload) -> Result<RecommendedWatcher> {
    let (sender, changes) = channel();
    let template = load::template_path(args);
    let mut code: Vec<PathBuf> =
        reload.platforms.iter().map(|platform| platform.function().code.clone()).collect();
    code.sort();
    code.dedup();
    let template = template.map(|path| path.canonicalize().unwrap_or(path));
    let watched = (code.clone(), template.clone());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| watched.0.iter().any(|code| matters(&event, code, watched.1.as_deref()))) {
            let _ = sender.send(()); // the receiver goes only with the program
        }
    })
    .context("cannot watch files")?;
    let watching = |path: &Path| format!("cannot watch {}", path.display());
    for code in &code {
        watcher.watch(code, RecursiveMode::Recursive).with_context(|| watching(code))?;
        reload.log.event(None, &format!("watching {}", code.display()));
    }
    // Its directory, since editors replace a file rather than write to it.
    let is_watched = |path: &Path| code.iter().any(|code| path.starts_with(code));
    if let Some(directory) = template.as_deref().and_then(Path::parent).filter(|path| !is_watched(path)) {
        watcher.watch(directory, RecursiveMode::NonRecursive).with_context(|| watching(directory))?;
    }
    let args = args.clone();
    thread::Builder::new()
        .name("reload".to_owned())
        .spawn(move || follow(&changes, &args, &reload))
        .context("cannot start a thread")?;
    Ok(watcher)
}

fn follow(changes: &Receiver<()>, args: &FunctionArgs, reload: &Reload) {
    while changes.recv().is_ok() {
        loop {
            match changes.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        match load::project(args) {
            Ok(project) => {
                reload.reload(project);
                reload.log.event(None, "the code or the template changed: the next call starts it anew");
            }
            Err(error) => reload.log.warn(None, &format!("the change is not used: {error:#}")),
        }
    }
}

fn matters(event: &Event, code: &Path, template: Option<&Path>) -> bool {
    let changed = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
    let ours = |path: &Path| path.starts_with(code) || Some(path) == template;
    changed
        && event.paths.iter().any(|path| ours(path) && !is_ignored(path.strip_prefix(code).unwrap_or(path)))
}

fn is_ignored(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Vim probes whether it may write a directory with a file of this name.
    let editors = name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".swx") || name == "4913";
    editors
        || name.ends_with(".pyc")
        || path.components().any(|part| IGNORED.iter().any(|ignored| part.as_os_str() == *ignored))
}
