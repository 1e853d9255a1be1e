//! The same bytes to this server, to hyper and, where it is installed, to Node: what this one accepts
//! and another one refuses is either a mistake here or has its reason in the table.

mod peers;
mod table;

use peers::{Outcome, outcome};
use std::net::SocketAddr;
use support::{TestServer, config};
use table::{REQUESTS, Request};

/// Compares all rows with one peer; returns those that differ without a reason, or have one too many.
fn compare(
    name: &str,
    ours: SocketAddr,
    peer: SocketAddr,
    reason: fn(&Request) -> Option<&str>,
) -> Vec<String> {
    let mut found = Vec::new();
    for request in REQUESTS {
        let (here, there) = (outcome(ours, request.wire), outcome(peer, request.wire));
        let differs = matches!((&here, &there), (Outcome::Accepted, Outcome::Refused(_)));
        let shown = request.wire.escape_default();
        match reason(request) {
            None if differs => found.push(format!("accepted here, by {name} {there:?}: {shown}")),
            Some(_) if !differs => {
                found.push(format!("needs no reason, by {name} {there:?}, here {here:?}: {shown}"))
            }
            _ => {}
        }
        if (here == Outcome::Accepted) != request.accepted {
            found.push(format!("{here:?} here: {shown}"));
        }
    }
    found
}

fn ours() -> TestServer {
    TestServer::start(config(), |_, mut request| {
        request.bytes()?;
        Ok("fine".into())
    })
}

#[test]
fn what_is_accepted_is_accepted_by_hyper_or_has_its_reason() {
    let server = ours();
    let found = compare("hyper", server.address, peers::hyper(), |request| request.not_hyper);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_is_accepted_is_accepted_by_node_or_has_its_reason() {
    let Some(node) = peers::Node::start() else {
        println!("skipped: node is not installed");
        return;
    };
    let server = ours();
    let found = compare("node", server.address, node.address, |request| request.not_node);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
