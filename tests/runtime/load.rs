use fc_runtime::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use support::{Client, TestServer, config, gate, get};

#[test]
fn two_hundred_invocations_that_block_all_run_at_once() {
    let (test, passage) = gate();
    let server = TestServer::start(config(), move |_, _| {
        passage.pass();
        Ok("done".into())
    });
    let mut clients: Vec<_> = (0..200).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    test.wait_for(200);
    test.let_go(200);
    for client in &mut clients {
        assert_eq!(client.reply().text(), "done");
    }
}

#[test]
fn a_burst_of_first_requests_is_not_serialized_behind_the_first() {
    let (test, passage) = gate();
    let server = TestServer::start(config(), move |_, request| {
        if request.path() == "/first" {
            passage.pass();
        }
        Ok("done".into())
    });
    let mut first = server.client();
    first.send(get("/first"));
    test.wait_for(1);
    for _ in 0..50 {
        assert_eq!(server.request(get("/")).text(), "done");
    }
    test.let_go(1);
    assert_eq!(first.reply().text(), "done");
}

#[test]
fn a_quick_function_that_is_suddenly_slow_holds_nobody_up() {
    let (test, passage) = gate();
    let server = TestServer::start(config(), move |_, request| {
        if request.path() == "/slow" {
            passage.pass();
        }
        Ok("done".into())
    });
    let mut clients: Vec<_> = (0..8).map(|_| server.client()).collect();
    let mut round = |path: &str| {
        for client in &mut clients {
            client.send(get(path));
        }
        for client in &mut clients {
            assert_eq!(client.reply().text(), "done");
        }
    };
    // Long enough for the function to count as quick.
    (0..200).for_each(|_| round("/"));
    let mut slow: Vec<_> = (0..8).map(|_| server.client()).collect();
    for client in &mut slow {
        client.send(get("/slow"));
    }
    test.wait_for(8);
    (0..20).for_each(|_| round("/"));
    test.let_go(8);
    for client in &mut slow {
        assert_eq!(client.reply().text(), "done");
    }
}

#[test]
fn under_load_no_response_is_lost_or_given_to_another() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let server = TestServer::start(config(), move |_, request| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(Response::text(request.path().to_owned()))
    });
    let address = server.address;
    let clients: Vec<_> = (0..16)
        .map(|client| {
            thread::spawn(move || {
                let mut connection = Client::connect(address);
                for number in 0..200 {
                    let path = format!("/{client}/{number}");
                    connection.send(get(&path));
                    assert_eq!(connection.reply().text(), path);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 16 * 200);
}
