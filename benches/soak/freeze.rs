//! The platform freezes a process whenever no request runs, and for hours: whoever completes what it had begun is
//! answered as if no time had passed.

use crate::scene::Scene;
use harness::{Client, GET};
use rustix::process::{Signal, kill_process};
use std::io;
use std::thread;
use std::time::Duration;

/// What the shell does first: every limit is shorter than the freeze.
pub const LIMITS: &str =
    "export FCRT_HEAD_TIMEOUT=1 FCRT_BODY_TIMEOUT=1 FCRT_WRITE_TIMEOUT=1 FCRT_IDLE_TIMEOUT=1";

/// Longer than the limits, and than what counts as a late wake-up.
const FREEZE: Duration = Duration::from_millis(2500);

/// What has come before the freeze, and what completes it.
const HALVES: [(&str, &[u8], &[u8]); 5] = [
    ("an idle connection", b"", GET),
    ("half a head", b"GET / HTTP/1.1\r\nHos", b"t: h\r\n\r\n"),
    ("half a small body", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc", b"def"),
    (
        "a body that is being read",
        b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
        b"\r\n0\r\n\r\n",
    ),
    ("a large response", b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n", b""),
];

/// Each of them on two connections: one that goes on during the freeze, and one that does after it.
pub fn freeze(scene: &mut Scene) -> io::Result<()> {
    let mut clients = Client::connect_used(scene.server.port, 2 * HALVES.len())?;
    for (pair, (_, first, _)) in clients.chunks_mut(2).zip(HALVES) {
        pair.iter_mut().try_for_each(|client| client.send(first))?;
    }
    scene.newcomers(GET, 1)?; // all of that has been read by now
    let _ = kill_process(scene.server.pid(), Signal::STOP); // it lives: it has just answered
    for (pair, (_, _, rest)) in clients.chunks_mut(2).zip(HALVES) {
        pair[0].send(rest)?;
    }
    thread::park_timeout(FREEZE);
    let _ = kill_process(scene.server.pid(), Signal::CONT);
    for (pair, (what, _, rest)) in clients.chunks_mut(2).zip(HALVES) {
        pair[1].send(rest)?;
        for (client, when) in pair.iter_mut().zip(["during", "after"]) {
            let is_answered = client.answer().is_ok_and(|answer| answer.status == 200);
            scene.holds(&format!("{what} survives a freeze, completed {when} it"), is_answered);
        }
    }
    Ok(())
}
