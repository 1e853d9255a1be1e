//! Ordinary clients, many of them: idle, busy, coming and going.

use crate::busy::keep_busy;
use crate::scene::{Scene, idle_threads};
use harness::{Client, GET, Sample, Usage};
use std::io;

/// 10,000 connections that have been used and now wait.
pub fn idle_connections(scene: &mut Scene) -> io::Result<()> {
    let before = scene.newcomers(GET, 1000)?.median();
    let mut idle = Client::connect_used(scene.server.port, 10_000)?;
    let with = scene.newcomers(GET, 1000)?.median();
    // On a machine that does other things too a call may have looked late: those who took over go after a while.
    let usage = scene.wait_until("spares are gone", |usage| usage.threads <= idle_threads() + 4.0)?;
    scene.at_most("threads with 10,000 idle connections", usage.threads, idle_threads() + 4.0, "");
    scene.at_most("resident with 10,000 idle connections", usage.resident / 1024.0, 16.0, "MiB");
    scene.tell("a new connection and its request, before, median", before, "µs");
    scene.tell("the same beside 10,000 idle ones", with, "µs");
    scene.takes_at_most("the ratio of the two", with / before, 1.5, "");
    let mut best = Sample::new();
    for client in &mut idle {
        // One that was late by the machine's fault is not late three times.
        best.push(client.timed(GET)?.min(client.timed(GET)?).min(client.timed(GET)?));
    }
    scene.takes_at_most("the slowest of them, best of three tries", best.max() / 1e3, 5.0, "ms");
    Ok(())
}

/// 1,000 connections that all have something to ask all the time.
pub fn fairness(scene: &mut Scene) -> io::Result<()> {
    let waits = keep_busy(scene.server.port, 1000, GET, scene.amount(600_000, 150_000))?;
    scene.tell("requests on 1,000 busy connections", waits.in_order.len() as f64, "");
    scene.takes_at_most("p99 of the wait over its median", waits.quantile(0.99) / waits.median(), 5.0, "");
    Ok(())
}

/// What is opened is closed, and what is used is given back.
pub fn leaks(scene: &mut Scene) -> io::Result<()> {
    let share = scene.amount(10, 1);
    let settled = churn(scene, 10_000, 10_000)?;
    let after = churn(scene, 10_000 * share, 100_000 * share)?;
    scene.at_most("resident", after.resident / 1024.0, settled.resident / 1024.0 + 2.0, "MiB");
    // One in thousands that stays would be many more than these.
    scene.at_most("descriptors", after.descriptors, settled.descriptors + 3.0, "");
    scene.at_most("threads", after.threads, idle_threads() + 2.0, "");
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
    let is_settled = |usage: &Usage| usage.descriptors < 16.0 && usage.threads <= idle_threads();
    scene.wait_until("no connection is left", is_settled)
}
