//! System calls, counted by `strace` in a pass of its own: it slows down what it watches.

use crate::{Client, GET, Running, Server, folders, free_port};
use std::process::{Command, Stdio};
use std::{fs, io};

/// The system calls of a server, in order, and where among them its responses are.
pub struct Trace {
    calls: Vec<String>,
    pub responses: Vec<usize>,
}

/// Says why no calls can be counted, if so: not installed, or tracing is not permitted.
pub fn available() -> Result<(), String> {
    match Command::new("strace").args(["-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("strace: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(_) => Err("strace: not installed".into()),
    }
}

/// Runs a server below strace and sends it `requests` requests on one connection.
pub fn record(server: &Server, requests: usize) -> io::Result<Trace> {
    let port = free_port();
    let log = folders::output()?.join(format!("strace-{port}.log"));
    let traced = server.command(port);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-s", "32", "-o"]).arg(&log).arg(traced.get_program()).args(traced.get_args());
    command.envs(traced.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running::spawn(command, port)?;
    // The first connection that succeeds is the one that is used: one more would be calls of its own.
    let (mut client, _) = Client::poll_connect(port)?;
    (0..requests).try_for_each(|_| client.ask(GET).map(drop))?;
    running.end_children()?;
    let text = fs::read_to_string(&log)?;
    fs::remove_file(&log)?;
    Ok(Trace::parse(&text))
}

impl Trace {
    /// Reads what `strace -f -o` wrote: a process id, spaces, and a call or an event.
    pub fn parse(text: &str) -> Trace {
        let mut trace = Trace { calls: Vec::new(), responses: Vec::new() };
        for line in text.lines() {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            if !call.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
                continue; // a signal, an exit, or the second half of a call that is counted already
            }
            let name = call.split('(').next().unwrap_or(call);
            let sends = ["write", "writev", "send", "sendto", "sendmsg"].contains(&name);
            if sends && call.contains("\"HTTP/1.1 200") {
                trace.responses.push(trace.calls.len());
            }
            trace.calls.push(name.to_string());
        }
        trace
    }

    pub fn to_first_response(&self) -> &[String] {
        let end = self.responses.first().map_or(self.calls.len(), |last| last + 1);
        &self.calls[..end]
    }

    /// The calls between the first and the last response, which are those of all requests but the first.
    pub fn between_responses(&self) -> &[String] {
        match (self.responses.first(), self.responses.last()) {
            (Some(first), Some(last)) => &self.calls[first + 1..=*last],
            _ => &[],
        }
    }
}
