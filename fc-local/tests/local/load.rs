//! Many callers at once.

use std::collections::BTreeSet;
use std::io::Write;

use crate::harness::{Answer, start};

#[test]
fn two_hundred_connections_lose_and_double_nothing() {
    const CONNECTIONS: usize = 200;
    const REQUESTS: usize = 20;
    let fc = start(&["--concurrency", "50", "--max-instances", "4", "--timeout", "60s"]);
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let mut stream = fc.connect();
            scope.spawn(move || {
                for request in 0..REQUESTS {
                    let id = format!("{connection}-{request}");
                    write!(
                        stream,
                        "POST /raw?{id} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{id}",
                        id.len()
                    )
                    .expect("an open connection");
                    let answer = Answer::read(&mut stream, false).expect("an answer");
                    assert_eq!((answer.status, answer.text()), (200, id));
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
