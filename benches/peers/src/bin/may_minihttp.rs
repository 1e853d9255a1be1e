//! may_minihttp: stackful coroutines on one epoll loop per core.

use std::io::{self, Read};

use may_minihttp::{HttpServer, HttpService, Request, Response};

#[derive(Clone)]
struct Hello;

impl HttpService for Hello {
    fn call(&mut self, request: Request, response: &mut Response) -> io::Result<()> {
        let (echo, sleep) = (request.path() == "/echo", request.path() == "/sleep");
        let mut body = Vec::new();
        request.body().read_to_end(&mut body)?; // what is not read would be taken for the next request
        if echo {
            response.header("Content-Type: application/octet-stream");
            response.body_vec(body);
            return Ok(());
        }
        if sleep {
            may::coroutine::sleep(std::time::Duration::from_millis(100));
        }
        response.header("Content-Type: text/plain; charset=utf-8");
        response.body(peers::HELLO);
        Ok(())
    }
}

fn main() -> io::Result<()> {
    may::config().set_workers(peers::cores());
    let server = HttpServer(Hello).start(peers::address())?;
    server.wait();
    Ok(())
}
