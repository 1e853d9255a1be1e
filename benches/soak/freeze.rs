//! The platform freezes a process, for hours or for a moment: who goes on with what was begun is answered all the same.

use crate::scene::Scene;
use harness::{Client, GET};
use rustix::process::{Signal, kill_process};
use std::{io, thread, time::Duration};

/// What the shell does first: every limit is shorter than the first freeze, and all of them together.
pub const LIMITS: &str =
    "export FCRT_HEAD_TIMEOUT=2 FCRT_BODY_TIMEOUT=2 FCRT_WRITE_TIMEOUT=2 FCRT_IDLE_TIMEOUT=2";

/// In milliseconds: one longer than every limit, and many that are not, of which the server may each count a little.
const FREEZES: [u64; 10] = [2500, 100, 200, 300, 400, 500, 600, 700, 800, 900];

/// What has come before the freezes, and what comes in as many pieces as there are of those.
const REQUESTS: [(&str, &[u8], &[u8]); 6] = [
    ("a head on an idle connection", b"", GET),
    ("half a head", b"GET / HTTP/1.1\r\nHost: h\r\nX-", b"Header: that takes its time\r\n\r\n"),
    ("a small body", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n", b"abcdefghijklmnopqrst"),
    (
        "a head and a body",
        b"POST /echo HTTP/1.1\r\nHo",
        b"st: h\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz",
    ),
    (
        "chunks",
        b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na",
        b"bc\r\n3\r\ndef\r\n0\r\n\r\n",
    ),
    ("a large response", b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n", b""),
];

/// Each of them on two connections: one that goes on during the freezes, and one that does after each.
pub fn freezes(scene: &mut Scene) -> io::Result<()> {
    let mut clients = Client::connect_used(scene.server.port, 2 * REQUESTS.len())?;
    for (pair, (_, first, _)) in clients.chunks_mut(2).zip(REQUESTS) {
        pair.iter_mut().try_for_each(|client| client.send(first))?;
    }
    for (nth, freeze) in FREEZES.into_iter().enumerate() {
        scene.newcomers(GET, 1)?; // all that came before has been read by now
        let _ = kill_process(scene.server.pid(), Signal::STOP); // it lives: it has just answered
        go_on(&mut clients, nth, 0)?;
        thread::park_timeout(Duration::from_millis(freeze));
        let _ = kill_process(scene.server.pid(), Signal::CONT);
        go_on(&mut clients, nth, 1)?;
    }
    for (pair, (what, ..)) in clients.chunks_mut(2).zip(REQUESTS) {
        for (client, when) in pair.iter_mut().zip(["during", "after"]) {
            let is_answered = client.answer().is_ok_and(|answer| answer.status == 200);
            scene.holds(&format!("{what} survives freezes, a piece {when} each"), is_answered);
        }
    }
    Ok(())
}

/// Sends the nth piece of each request on one of its two connections.
fn go_on(clients: &mut [Client], nth: usize, which: usize) -> io::Result<()> {
    for (pair, (_, _, rest)) in clients.chunks_mut(2).zip(REQUESTS) {
        let piece = rest.chunks(rest.len().div_ceil(FREEZES.len()).max(1)).nth(nth).unwrap_or_default();
        let _ = pair[which].send(piece); // its answer says so
    }
    Ok(())
}
