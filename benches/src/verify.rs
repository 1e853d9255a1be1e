//! Whether a server answers what all of them must answer, asked before it is measured.

use std::io;

use crate::client::{Answer, Client, GET, INITIALIZE, INVOKE};
use crate::process::Running;
use crate::servers::{Role, Server};

const HELLO: &[u8] = b"Hello, World!";

/// What a server adds to the four headers that all must send.
pub struct Extra {
    pub bytes: usize,
    pub headers: Vec<String>,
}

/// Asks for the hello, and goes through the platform's first requests; the error names what is different.
pub fn hello(server: &Server) -> io::Result<Extra> {
    let running = Running::start(server)?;
    let mut client = Client::connect(running.port, 0)?;
    let first = client.ask(GET)?;
    let extra = same(&first)?;
    let initialized = client.ask(INITIALIZE)?;
    if initialized.status != 200 {
        return Err(io::Error::other(format!("/initialize answered {}", initialized.status)));
    }
    same(&client.ask(INVOKE)?)?;
    same(&client.ask(GET)?)?;
    Ok(extra)
}

/// Keeps the servers that pass; says which do not, and ends the process when one of ours is among them.
pub fn keep_the_same(servers: &mut Vec<Server>, missing: &mut Vec<String>) {
    servers.retain(|server| match hello(server) {
        Ok(extra) => {
            if !extra.headers.is_empty() {
                println!(
                    "  {}: also sends {} ({} bytes in all)",
                    server.label(),
                    extra.headers.join(", "),
                    extra.bytes
                );
            }
            true
        }
        Err(error) if server.role == Role::Ours => {
            eprintln!("{}: {error}", server.label());
            std::process::exit(1);
        }
        Err(error) => {
            missing.push(format!("{}: left out, {error}", server.label()));
            false
        }
    });
}

/// The same status, media type, length and body, and a date; anything more is reported.
fn same(answer: &Answer) -> io::Result<Extra> {
    let different =
        |what: &str| Err(io::Error::other(format!("another {what} than the others: {:?}", answer.headers)));
    if answer.status != 200 {
        return different("status");
    }
    if answer.body != HELLO {
        return different("body");
    }
    let media_type = answer.header("content-type").unwrap_or_default();
    if !media_type.eq_ignore_ascii_case("text/plain; charset=utf-8") {
        return different("media type");
    }
    if answer.header("content-length") != Some("13") {
        return different("length");
    }
    if !answer.header("date").is_some_and(|date| date.len() == 29 && date.ends_with(" GMT")) {
        return different("date");
    }
    let expected = ["content-type", "content-length", "date"];
    let names = answer.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    Ok(Extra {
        bytes: answer.size,
        headers: names.filter(|name| !expected.contains(&name.as_str())).collect(),
    })
}
