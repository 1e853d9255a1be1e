//! Whether a server answers what all of them must answer, asked before it is measured.

use std::io;

use crate::client::{Answer, Client, GET, INITIALIZE, INVOKE};
use crate::process::Running;
use crate::servers::Server;

const HELLO: &[u8] = b"Hello, World!";
const ECHO: &[u8] = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\nHello, World!";

/// Asks a server of hello or echo for it; the error names what is different, and more than must be sent is shown.
pub fn answers(server: &Server, example: &str) -> io::Result<()> {
    let running = Running::start(server)?;
    let mut client = Client::connect(running.port, 0)?;
    if example == "echo" {
        let answer = client.ask(ECHO)?;
        let is_echo = answer.body.windows(HELLO.len()).any(|part| part == HELLO); // in a chunk, or alone
        return if answer.status == 200 && is_echo { Ok(()) } else { Err(different("echo", &answer)) };
    }
    let first = client.ask(GET)?;
    same(&first)?;
    let initialized = client.ask(INITIALIZE)?;
    if initialized.status != 200 {
        return Err(io::Error::other(format!("/initialize answered {}", initialized.status)));
    }
    same(&client.ask(INVOKE)?)?;
    same(&client.ask(GET)?)?;
    let names = first.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let more: Vec<String> =
        names.filter(|name| !["content-type", "content-length", "date"].contains(&name.as_str())).collect();
    if !more.is_empty() {
        println!("  {}: also sends {} ({} bytes in all)", server.label(), more.join(", "), first.size);
    }
    Ok(())
}

/// The same status, media type, length and body, and a date.
fn same(answer: &Answer) -> io::Result<()> {
    let media_type = answer.header("content-type").unwrap_or_default();
    let date = answer.header("date").unwrap_or_default();
    for (what, is_same) in [
        ("status", answer.status == 200),
        ("body", answer.body == HELLO),
        ("media type", media_type.eq_ignore_ascii_case("text/plain; charset=utf-8")),
        ("length", answer.header("content-length") == Some("13")),
        ("date", date.len() == 29 && date.ends_with(" GMT")),
    ] {
        if !is_same {
            return Err(different(what, answer));
        }
    }
    Ok(())
}

fn different(what: &str, answer: &Answer) -> io::Error {
    io::Error::other(format!("another {what} than the others: {} {:?}", answer.status, answer.headers))
}
