//! Ordinary clients, many of them: idle, busy, coming and going, and a function that is not always quick.

use crate::busy::keep_busy;
use crate::scene::{Scene, idle_threads};
use harness::{Client, GET, Sample, Usage, ask_all, timed};
use std::io;

/// 10,000 connections that have been used and now wait.
pub fn idle_connections(scene: &mut Scene) -> io::Result<()> {
    let before = scene.newcomers(GET, 1000)?.median();
    let mut idle = Client::connect_used(scene.server.port, 10_000)?;
    let with = scene.newcomers(GET, 1000)?.median();
    // On a machine that does other things too a call may have looked late: those who took over go after a while.
    let usage = scene.wait_until("spares are gone", |usage| usage.threads <= idle_threads() + 4.0)?;
    scene.tell("open descriptors of the server", usage.descriptors, "");
    scene.at_most("threads with 10,000 idle connections", usage.threads, idle_threads() + 4.0, "");
    scene.at_most("resident with 10,000 idle connections", usage.resident / 1024.0, 16.0, "MiB");
    scene.tell("a new connection and its request, before, median", before, "µs");
    scene.tell("the same beside 10,000 idle ones", with, "µs");
    scene.takes_at_most("the ratio of the two", with / before, 1.5, "");
    let (mut first, mut best) = (Sample::new(), Sample::new());
    for client in &mut idle {
        let wait = client.timed(GET)?;
        first.push(wait);
        // One that was late by the machine's fault is not late three times.
        best.push(wait.min(client.timed(GET)?).min(client.timed(GET)?));
    }
    scene.tell("a request on each of the idle ones, median", first.median(), "µs");
    scene.tell("the slowest of them at the first try", first.max() / 1e3, "ms");
    scene.takes_at_most("the slowest of them, best of three tries", best.max() / 1e3, 5.0, "ms");
    Ok(())
}

/// 1,000 connections that all have something to ask all the time.
pub fn fairness(scene: &mut Scene) -> io::Result<()> {
    let waits = keep_busy(scene.server.port, 1000, GET, scene.amount(600_000, 150_000))?;
    scene.tell("requests on 1,000 busy connections", waits.in_order().len() as f64, "");
    scene.tell("median of the wait", waits.median() / 1e3, "ms");
    scene.tell("the longest wait", waits.max() / 1e3, "ms");
    scene.takes_at_most("p99 of the wait over its median", waits.quantile(0.99) / waits.median(), 5.0, "");
    Ok(())
}

/// One call in a thousand takes 30 ms. For every thousand calls, the longest wait of the others is
/// compared with that of as many calls of a function that is always quick: so the machine's own
/// pauses, which are longer than what is looked for, show on both sides.
pub fn suddenly_slow(scene: &mut Scene) -> io::Result<()> {
    const NOW_AND_THEN: &[u8] = b"GET /now-and-then HTTP/1.1\r\nHost: h\r\n\r\n";
    let requests = scene.amount(300_000, 100_000);
    let mut longest = [Sample::new(), Sample::new()];
    // In turns, as the machine is not the same from one second to the next.
    for _ in 0..10 {
        for (request, longest) in [GET, NOW_AND_THEN].iter().zip(&mut longest) {
            let waits = keep_busy(scene.server.port, 64, request, requests / 10)?;
            let thousands = waits.in_order().chunks_exact(1000);
            thousands.for_each(|waits| longest.push(waits.iter().copied().fold(0.0, f64::max)));
        }
    }
    for share in [0.5, 0.9] {
        let [quick, mixed] = longest.each_ref().map(|longest| longest.quantile(share) / 1e3);
        let what = format!("of the longest waits in 1,000, {:.0} %, always quick", 100.0 * share);
        scene.tell(&what, quick, "ms");
        scene.tell("the others' when one is slow", mixed, "ms");
        if quick <= 2.0 {
            scene.takes_at_most("so much longer they wait", (mixed - quick).max(0.0), 2.0, "ms");
        } else {
            scene.tell("not judged: the machine itself pauses for longer than", 2.0, "ms");
        }
    }
    Ok(())
}

/// A function that was quick takes a second from now on, and 200 callers come at once.
pub fn all_slow_at_once(scene: &mut Scene) -> io::Result<()> {
    let mut clients = Client::connect_used(scene.server.port, 200)?;
    let took = timed(|| ask_all(&mut clients, b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n"))? / 1e3;
    scene.takes_at_most("200 calls of 1 s at once, where calls were quick", took, 1200.0, "ms");
    Ok(())
}

/// As many calls as may run at once block, and more wait; the platform is answered all the same.
pub fn all_workers_blocked(scene: &mut Scene) -> io::Result<()> {
    let mut blocked = Client::connect_all(scene.server.port, 300)?;
    blocked.iter_mut().try_for_each(|client| client.send(b"GET /block HTTP/1.1\r\nHost: h\r\n\r\n"))?;
    scene.wait_until("256 invocations run", |usage| usage.threads >= 257.0)?;
    let wait = scene.newcomers(b"GET /pre-stop HTTP/1.1\r\nHost: h\r\n\r\n", 1)?.max() / 1e3;
    scene.takes_at_most("/pre-stop on a new connection beside 256 blocked calls", wait, 100.0, "ms");
    scene.at_most("threads meanwhile", scene.server.usage().threads, 296.0 + idle_threads(), "");
    Ok(())
}

/// What is opened is closed, and what is used is given back.
pub fn leaks(scene: &mut Scene) -> io::Result<()> {
    let share = scene.amount(10, 1);
    let settled = churn(scene, 10_000, 10_000)?;
    let after = churn(scene, 10_000 * share, 100_000 * share)?;
    scene.tell("connections opened and closed", 10_000.0 * share as f64, "");
    scene.tell("requests", 110_000.0 * share as f64, "");
    scene.at_most("resident", after.resident / 1024.0, settled.resident / 1024.0 + 2.0, "MiB");
    scene.at_most("descriptors", after.descriptors, settled.descriptors, "");
    scene.at_most("threads", after.threads, idle_threads(), "");
    Ok(())
}

/// Clients come and go, others stay and ask; returns what the server uses when their closes have arrived.
fn churn(scene: &mut Scene, connections: usize, requests: usize) -> io::Result<Usage> {
    for number in 0..connections {
        let mut client = Client::connect(scene.server.port, 0)?;
        if number % 4 > 0 {
            client.timed(GET)?;
        }
        // Every fourth one is reset with its answer unread, every fourth one never asks.
        if number % 4 == 1 {
            client.send(GET)?;
        }
    }
    keep_busy(scene.server.port, 64, GET, requests)?;
    // Spares go after a while.
    let is_settled = |usage: &Usage| usage.descriptors < 16.0 && usage.threads <= idle_threads();
    scene.wait_until("no connection is left", is_settled)
}
