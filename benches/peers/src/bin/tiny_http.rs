//! tiny_http with its threads per connection and one loop that answers, as its documentation begins.

use std::io;
use std::thread;

use tiny_http::{Header, Request, Response, Server};

fn content_type(value: &str) -> Header {
    Header::from_bytes("Content-Type", value).expect("both constants are valid header text")
}

fn answer(mut request: Request) -> io::Result<()> {
    if request.url() == "/echo" {
        let mut body = Vec::with_capacity(request.body_length().unwrap_or(0));
        request.as_reader().read_to_end(&mut body)?;
        return request.respond(Response::from_data(body).with_header(content_type(peers::BYTES)));
    }
    request.respond(Response::from_string(peers::HELLO).with_header(content_type(peers::TEXT)))
}

fn main() -> io::Result<()> {
    let server = Server::http(peers::address()).map_err(io::Error::other)?;
    for request in server.incoming_requests() {
        if request.url() == "/sleep" {
            thread::spawn(move || {
                peers::block();
                let _ = answer(request); // a peer that went away
            });
            continue;
        }
        let _ = answer(request); // a peer that went away
    }
    Ok(())
}
