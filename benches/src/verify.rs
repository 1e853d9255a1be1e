//! Whether a server answers what all of them must answer, asked before it is measured.

use crate::{Client, GET, INITIALIZE, INVOKE, Running, Server, client::Answer};
use std::io;

const HELLO: &[u8] = b"Hello, World!";
const ECHO: &[u8] = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\nHello, World!";

/// Asks a server of hello or echo for it; the error names what is different.
pub fn answers(server: &Server, example: &str) -> io::Result<()> {
    let running = Running::start(server)?;
    let mut client = Client::connect(running.port, 0)?;
    if example == "echo" {
        let answer = client.ask(ECHO)?;
        let is_echo = answer.body.windows(HELLO.len()).any(|part| part == HELLO); // in a chunk, or alone
        return all_hold(&answer, &[("status", answer.status == 200), ("echo", is_echo)]);
    }
    let first = client.ask(GET)?;
    same(&first)?;
    let initialized = client.ask(INITIALIZE)?;
    all_hold(&initialized, &[("status of /initialize", initialized.status == 200)])?;
    same(&client.ask(INVOKE)?)?;
    same(&client.ask(GET)?)?;
    Ok(())
}

/// The same status, media type, length and body, and a date.
fn same(answer: &Answer) -> io::Result<()> {
    let media_type = answer.header("content-type").unwrap_or_default();
    let date = answer.header("date").unwrap_or_default();
    let conditions = [
        ("status", answer.status == 200),
        ("body", answer.body == HELLO),
        ("media type", media_type.eq_ignore_ascii_case("text/plain; charset=utf-8")),
        ("length", answer.header("content-length") == Some("13")),
        ("date", date.len() == 29 && date.ends_with(" GMT")),
    ];
    all_hold(answer, &conditions)
}

fn all_hold(answer: &Answer, conditions: &[(&str, bool)]) -> io::Result<()> {
    match conditions.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(io::Error::other(format!("another {what} than the others: {}", answer.head))),
        None => Ok(()),
    }
}
