//! Many callers at once.

use std::collections::BTreeSet;

use crate::harness::start;
use support::post;

#[test]
fn two_hundred_connections_lose_and_double_nothing() {
    const CONNECTIONS: usize = 200;
    const REQUESTS: usize = 20;
    let fc = start(&["--concurrency", "50", "--max-instances", "4", "--timeout", "60s"]);
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let mut client = fc.client();
            scope.spawn(move || {
                for request in 0..REQUESTS {
                    let id = format!("{connection}-{request}");
                    client.send(post(&format!("/raw?{id}"), &id));
                    let reply = client.reply();
                    assert_eq!((reply.status, reply.text()), (200, &*id));
                }
            });
        }
    });
    let trace = fc.trace();
    let seen: Vec<&str> = trace.iter().filter_map(|line| line.strip_prefix("POST /raw?")).collect();
    assert_eq!(seen.len(), CONNECTIONS * REQUESTS);
    let distinct: BTreeSet<&str> = seen.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(distinct.len(), CONNECTIONS * REQUESTS);
}
