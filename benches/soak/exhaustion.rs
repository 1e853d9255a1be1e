//! A system that has nothing left to give for a while: what is missing is waited for, and said in few lines.

use crate::scene::Scene;
use harness::{Client, GET, ask_all, timed};
use rustix::process::{Resource, Signal, kill_process};
use std::time::{Duration, Instant};
use std::{fs, io, path::PathBuf, thread};

const SLEEP: &[u8] = b"GET /sleep HTTP/1.1\r\nHost: h\r\n\r\n";
const BLOCK: &[u8] = b"GET /block HTTP/1.1\r\nHost: h\r\n\r\n";

/// None at all, and all of them again, while nobody is connected and while somebody is.
pub fn no_descriptors(scene: &mut Scene) -> io::Result<()> {
    let (began, folder) = (Instant::now(), format!("/proc/{}/fd", scene.server.pid().as_raw_nonzero()));
    let links =
        || fs::read_dir(&folder).into_iter().flatten().flatten().flat_map(|it| fs::read_link(it.path()));
    let is_socket = |to: &PathBuf| to.to_string_lossy().starts_with("socket:");
    let are_answered = |clients: &mut [Client]| {
        clients.iter_mut().all(|client| client.answer().is_ok_and(|answer| answer.status == 200))
    };
    for is_connected in [false, true].repeat(scene.amount(3, 1)) {
        scene.wait_until("nobody is connected", |_| links().filter(is_socket).count() == 1)?;
        let mut calls = Client::connect_used(scene.server.port, if is_connected { 20 } else { 0 })?;
        calls.iter_mut().try_for_each(|client| client.send(SLEEP))?;
        scene.leave(Resource::Nofile, Some(1))?;
        let mut queued = Client::connect_all(scene.server.port, 20)?;
        queued.iter_mut().try_for_each(|client| client.send(GET))?;
        scene.holds(&format!("{} calls in flight go on without", calls.len()), are_answered(&mut calls));
        thread::park_timeout(Duration::from_millis(1200)); // for longer than one line
        scene.leave(Resource::Nofile, None)?;
        let (back, are_served) = (Instant::now(), are_answered(&mut queued));
        scene.holds("20 newcomers are answered when there are descriptors", are_served);
        scene.takes_at_most("how long that takes", back.elapsed().as_secs_f64() * 1e3, 1000.0, "ms");
    }
    scene.is_told_in_few_lines("accept:", began)
}

/// None, and all of them again: 40 calls at once take turns on the workers that there are. At last every worker is in the
/// author's code for good, and nobody looks at a signal.
pub fn no_threads(scene: &mut Scene) -> io::Result<()> {
    let began = Instant::now();
    // Not so much memory more as a thread's stack takes.
    let size = |scene: &Scene| Some(scene.server.usage().size as u64 + (4 << 20));
    let mut clients = Client::connect_used(scene.server.port, 40)?;
    scene.leave(Resource::As, size(scene))?;
    let few = timed(|| ask_all(&mut clients, SLEEP))? / 1e3;
    scene.takes_at_most("40 calls of 100 ms where no thread can be made", few, 3000.0, "ms");
    let wait = scene.newcomers(GET, 1)?.max() / 1e3;
    scene.takes_at_most("a newcomer then", wait, 100.0, "ms");
    scene.leave(Resource::As, None)?;
    let again = timed(|| ask_all(&mut clients, SLEEP))? / 1e3;
    scene.takes_at_most("40 calls where threads can be made again", again, 1000.0, "ms");
    scene.leave(Resource::As, size(scene))?;
    let mut blocked = Client::connect_all(scene.server.port, 300)?;
    blocked.iter_mut().try_for_each(|client| client.send(BLOCK))?;
    thread::park_timeout(Duration::from_millis(1200)); // for longer than one line
    scene.is_told_in_few_lines("cannot make a thread", began)?;
    scene.is_to_live = false;
    let signalled = Instant::now();
    // Two that are pending together are one: it is sent again.
    while scene.server.end().is_none() && signalled.elapsed() < Duration::from_secs(5) {
        let _ = kill_process(scene.server.pid(), Signal::TERM); // it may have ended by now
        thread::park_timeout(Duration::from_millis(100));
    }
    scene.takes_at_most("SIGTERM twice ends it", signalled.elapsed().as_secs_f64() * 1e3, 1000.0, "ms");
    Ok(())
}
