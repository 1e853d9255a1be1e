//! Many callers at once.

use std::collections::BTreeSet;

use crate::harness::{python, start, start_with};
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

#[test]
fn warm_starts_an_instance_before_anybody_calls_and_says_when_it_cannot() {
    let fc = start_with(support::Scratch::new(), &["--warm", "--max-instances", "1"], &python());
    assert_eq!(fc.log().matches(" started on port ").count(), 1, "{}", fc.log());
    assert_eq!(fc.get("/").status, 200);
    assert_eq!(fc.log().matches(" started on port ").count(), 1, "{}", fc.log());
    let missing = vec!["./nowhere".to_owned()];
    let fc = start_with(support::Scratch::new(), &["--warm"], &missing);
    fc.wait_for_log("The start command './nowhere' was not found");
    fc.wait_for_log("cannot start as it is");
}
