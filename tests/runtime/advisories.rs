use fc_runtime::Response;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::advisories::ADVISORIES;
use support::{TestServer, config, get};

/// Whether the function reads the body, or only answers.
fn holds(reads: bool) {
    let (seen, whole) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (looks, counts) = (seen.clone(), whole.clone());
    let server = TestServer::start(config(), move |_, mut request| {
        looks.lock().unwrap().push(request.path().to_owned());
        if reads && request.path() != "/unread" {
            request.bytes()?;
        }
        counts.fetch_add(1, Ordering::SeqCst);
        Ok(Response::text("fine"))
    });
    for advisory in ADVISORIES {
        seen.lock().unwrap().clear();
        whole.store(0, Ordering::SeqCst);
        assert_eq!(advisory.said_by(server.address), advisory.statuses, "{}", advisory.name);
        let seen: Vec<String> = seen.lock().unwrap().clone();
        assert!(!seen.iter().any(|path| path == "/smuggled"), "{}: {seen:?}", advisory.name);
        let is_behind_seen = seen.iter().any(|path| path == "/behind");
        assert_eq!(is_behind_seen, advisory.requests() == 2, "{}: {seen:?}", advisory.name);
        if reads {
            // One whose body is malformed begins, and is not read to its end.
            assert_eq!(whole.load(Ordering::SeqCst), advisory.requests(), "{}", advisory.name);
        }
    }
    assert_eq!(server.request(get("/")).text(), "fine", "and the server lives");
}

#[test]
fn what_public_advisories_say_of_other_servers_does_not_hold_of_this_one() {
    holds(true);
}

#[test]
fn nor_does_it_when_the_function_leaves_bodies_unread() {
    holds(false);
}
