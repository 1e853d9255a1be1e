//! An accept loop of the standard library alone. It takes what it receives for a whole request.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::SystemTime;

/// Calls `before` with each request.
pub fn serve(before: impl Fn()) -> std::io::Result<()> {
    let listener = TcpListener::bind(crate::address())?;
    let mut request = [0; 4096];
    loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        while matches!(stream.read(&mut request), Ok(1..)) {
            before();
            if stream.write_all(response().as_bytes()).is_err() {
                break;
            }
        }
    }
}

fn response() -> String {
    let (date, media_type, body) = (httpdate::fmt_http_date(SystemTime::now()), crate::TEXT, crate::HELLO);
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
