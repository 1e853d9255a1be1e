//! Code of an author that is slow, blocks, or fails in every way: nobody waits for it but its caller, nothing is lost.

use crate::busy::keep_busy;
use crate::scene::Scene;
use harness::{Client, GET, Sample, ask_all, timed};
use std::time::{Duration, Instant};
use std::{io, thread};

/// One call in a thousand takes 30 ms. For every thousand calls, the longest wait of the others is compared with that beside a
/// function that is always quick: so the machine's own pauses show on both sides.
pub fn suddenly_slow(scene: &mut Scene) -> io::Result<()> {
    const NOW_AND_THEN: &[u8] = b"GET /now-and-then HTTP/1.1\r\nHost: h\r\n\r\n";
    let requests = scene.amount(300_000, 100_000);
    let mut longest = [Sample::new(), Sample::new()];
    // In turns, as the machine is not the same from one second to the next.
    for _ in 0..10 {
        for (request, longest) in [GET, NOW_AND_THEN].iter().zip(&mut longest) {
            let waits = keep_busy(scene.server.port, 64, request, requests / 10)?;
            let thousands = waits.in_order.chunks_exact(1000);
            thousands.for_each(|waits| longest.push(waits.iter().copied().fold(0.0, f64::max)));
        }
    }
    let [without, beside] = longest;
    scene.wait_longer_by_at_most(&without, &beside, 2.0);
    Ok(())
}

/// A function that was quick takes a second from now on, and 200 callers come at once.
pub fn all_slow_at_once(scene: &mut Scene) -> io::Result<()> {
    let mut clients = Client::connect_used(scene.server.port, 200)?;
    // They take turns in finding out that each is slow, each with a thread to be made: here 10 to 180 ms for all.
    let took = timed(|| ask_all(&mut clients, b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n"))? / 1e3;
    scene.takes_at_most("200 calls of 1 s at once, where calls were quick", took, 1500.0, "ms");
    Ok(())
}

/// As many calls as may run at once block, and more wait; the platform is answered all the same.
pub fn all_workers_blocked(scene: &mut Scene) -> io::Result<()> {
    let mut blocked = Client::connect_all(scene.server.port, 300)?;
    blocked.iter_mut().try_for_each(|client| client.send(b"GET /block HTTP/1.1\r\nHost: h\r\n\r\n"))?;
    scene.wait_until("256 invocations run", |usage| usage.threads >= 257.0)?;
    let wait = scene.newcomers(b"GET /pre-stop HTTP/1.1\r\nHost: h\r\n\r\n", 1)?.max() / 1e3;
    scene.takes_at_most("/pre-stop on a new connection beside 256 blocked calls", wait, 100.0, "ms");
    scene.at_most("threads meanwhile (a platform has 1,024)", scene.server.usage().threads, 320.0, "");
    Ok(())
}

/// Six readers at once whose `Drop` takes 800 ms: another caller's longest wait meanwhile, and in as much time before.
pub fn slow_drops(scene: &mut Scene) -> io::Result<()> {
    const SLOW_DROP: &[u8] = b"GET /slow-drop HTTP/1.1\r\nHost: h\r\n\r\n";
    let (mut other, mut longest) = (Client::connect(scene.server.port, 0)?, [Sample::new(), Sample::new()]);
    for _ in 0..scene.amount(20, 2) {
        let mut clients = Client::connect_used(scene.server.port, 6)?;
        longest[0].push(longest_wait(&mut other)?);
        clients.iter_mut().try_for_each(|client| client.send(SLOW_DROP))?;
        longest[1].push(longest_wait(&mut other)?);
        clients.iter_mut().try_for_each(|client| client.answer().map(drop))?;
        thread::park_timeout(Duration::from_millis(800)); // should they only begin to go now
    }
    let [without, beside] = longest;
    scene.wait_longer_by_at_most(&without, &beside, 2.0);
    Ok(())
}

fn longest_wait(client: &mut Client) -> io::Result<f64> {
    let (began, mut longest) = (Instant::now(), 0.0_f64);
    while began.elapsed() < Duration::from_millis(100) {
        longest = longest.max(client.timed(GET)?);
    }
    Ok(longest)
}

/// Errors that cannot be printed, or panic when they are; panics with such an error; readers that fail with one, or panic. All
/// of it panics again when it is dropped, and the logger when it is told. Then as many calls run at once as before.
pub fn failures(scene: &mut Scene) -> io::Result<()> {
    let mut ordinary = Client::connect(scene.server.port, 0)?;
    for way in ["error", "error-panics", "panic", "reader", "reader-panics"] {
        let (request, mut answered) = (format!("GET /{way} HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
        for _ in 0..20 {
            let mut clients = Client::connect_all(scene.server.port, 50)?;
            clients.iter_mut().try_for_each(|client| client.send(request.as_bytes()))?;
            ordinary.timed(GET)?;
            let answers = clients.iter_mut().map(Client::answer);
            answered += answers.flatten().filter(|answer| answer.status == 500).count();
        }
        scene.holds(&format!("1,000 times /{way}: each is answered 500"), answered == 1000);
    }
    all_workers_blocked(scene)
}
