//! Questions about connections: are several served at once, do they end without harm, does an idle one live?

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::requests::SILENCE;
use crate::cli::check::report::Finding;
use crate::cli::check::subject::{Subject, send};
use crate::instance::Instance;
use crate::instance::client::{Deadline, IdleState, Pool, RequestBody};
use crate::log::milliseconds;

/// What a request may take longer than twice the one before it, beside an idle connection.
const ONE_AT_A_TIME: Duration = Duration::from_secs(2);

/// So much of a response to HEAD is read.
const MAX_HEAD: usize = 256 * 1024;

/// How many clients go away within a request, and how many right after it.
const DISCONNECTS: usize = 5;

/// A connection that is open and silent must not keep others from being served.
pub fn connections(subject: &mut Subject) -> Finding {
    let timeout = subject.function.timeout;
    let result = subject.instance().and_then(|instance| {
        let ask = |pool: &Pool, patience| get(&instance, pool, patience);
        let (first, second) = (instance.pool.another(), instance.pool.another());
        let began = Instant::now();
        ask(&first, timeout)?;
        let beside = ask(&second, timeout.min(ONE_AT_A_TIME + began.elapsed() * 2));
        first.reset();
        second.reset();
        match beside {
            Ok(status) => Ok((true, status)),
            Err(_) => ask(&instance.pool.another(), timeout).map(|status| (false, status)),
        }
    });
    match result {
        Ok((true, status)) => {
            let remark = if status >= 500 { format!(" (GET / has status {status})") } else { String::new() };
            Finding::pass(format!("a second one is served while the first one is idle{remark}"))
        }
        Ok((false, _)) => {
            subject.serves_one_connection = true;
            Finding::warn(
                "serves one connection at a time: a second one waits until the first is closed",
                "the platform pools connections and may open another one: serve each in a thread of its own",
            )
        }
        Err(reason) => Finding::fail(reason, "answer GET requests"),
    }
}

/// The status of a GET.
fn get(instance: &Instance, pool: &Pool, timeout: Duration) -> Result<u16, String> {
    let reply = send(instance, pool, "GET", "/", "/http-invoke", RequestBody::Bytes(b""), timeout);
    reply.map(|reply| reply.status)
}

/// All but one request stop in the middle of their body; the last one must be answered meanwhile, and then
/// the rest.
pub fn concurrency(subject: &mut Subject) -> Finding {
    let wanted = subject.function.concurrency;
    if wanted == 1 {
        return Finding::skip("instanceConcurrency is 1");
    }
    let remedy = "serve each connection in a thread of its own, or lower instanceConcurrency";
    let opened: Result<Vec<TcpStream>, String> = (1..wanted).map(|_| half_a_request(subject)).collect();
    let mut open = match opened {
        Ok(open) => open,
        Err(reason) => return Finding::fail(reason, remedy),
    };
    if let Err(reason) = subject.send("POST", "/invoke", "/invoke", RequestBody::Bytes(b"{}")) {
        return Finding::fail(format!("a request beside {} others under way: {reason}", wanted - 1), remedy);
    }
    let unanswered =
        open.iter_mut().filter_map(|stream| finish(stream, subject.function.timeout).err()).count();
    if unanswered > 0 {
        return Finding::fail(format!("{unanswered} of {wanted} requests at once were not answered"), remedy);
    }
    Finding::pass(format!("{wanted} requests at once"))
}

fn half_a_request(subject: &mut Subject) -> Result<TcpStream, String> {
    subject.begin("POST", "/invoke", "/invoke", b"content-length: 2\r\n\r\n{")
}

/// Whether the answer begins within `timeout`, however it comes.
fn finish(stream: &mut TcpStream, timeout: Duration) -> io::Result<()> {
    let deadline = Deadline::after(timeout);
    stream.write_all(b"}")?;
    let mut start = [0; 5];
    for byte in &mut start {
        stream.set_read_timeout(Some(deadline.left()?))?;
        stream.read_exact(std::slice::from_mut(byte))?;
    }
    if start == *b"HTTP/" { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}

/// A response to HEAD ends with its head, whatever the connection does then.
pub fn head(subject: &mut Subject) -> Finding {
    let timeout = subject.function.timeout;
    let asked = subject.begin("HEAD", "/", "/http-invoke", b"\r\n");
    match asked.and_then(|stream| read_head(stream, timeout)) {
        Ok((status, 0)) if status.starts_with('5') => Finding::warn(
            format!("answered with status {status}"),
            "callers of an HTTP trigger may ask with it: answer HEAD like GET, without the body",
        ),
        Ok((status, 0)) => Finding::pass(format!("status {status}, no body")),
        Ok((_, length)) => Finding::fail(
            format!("sends {length} bytes of a body after the head"),
            "a response to HEAD has no body",
        ),
        Err(reason) => Finding::fail(reason, "answer HEAD like GET, without the body"),
    }
}

/// The status, and how many bytes come behind the head, before the connection ends or falls silent.
fn read_head(mut stream: TcpStream, timeout: Duration) -> Result<(String, usize), String> {
    let told = |error: io::Error| error.to_string();
    let deadline = Deadline::after(timeout);
    let (mut received, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let end = received.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let wait = match end {
            Some(_) => SILENCE,
            None => {
                deadline.left().map_err(|_| format!("no answer within {} s", timeout.as_secs()))?.max(SILENCE)
            }
        };
        stream.set_read_timeout(Some(wait)).map_err(told)?;
        match (stream.read(&mut piece), end) {
            (Ok(count), _) if count > 0 && received.len() < MAX_HEAD => {
                received.extend_from_slice(piece.get(..count).unwrap_or_default());
            }
            (_, Some(end)) => {
                let status = received.get(9..12).unwrap_or_default();
                return Ok((String::from_utf8_lossy(status).into_owned(), received.len() - end));
            }
            (Ok(_), None) => return Err("the connection ended within the head".to_owned()),
            (Err(error), None) => return Err(error.to_string()),
        }
    }
}

/// Clients that go away within a request and right after it.
pub fn disconnect(subject: &mut Subject) -> Finding {
    for _ in 0..DISCONNECTS {
        let half = half_a_request(subject).map(drop);
        let whole = half_a_request(subject)
            .and_then(|mut stream| stream.write_all(b"}").map_err(|error| error.to_string()));
        if let Err(reason) = half.and(whole) {
            return Finding::fail(reason, "go on accepting connections");
        }
    }
    match subject.still_serves() {
        Ok(()) => Finding::pass("goes on serving"),
        Err(reason) => Finding::fail(
            format!("after {} clients went away: {reason}", 2 * DISCONNECTS),
            "a write to a closed connection is an error of that request only",
        ),
    }
}

/// An idle connection on the side.
pub struct Idling {
    connection: Result<(Arc<Instance>, Pool), String>,
    since: Instant,
    timeout: Duration,
}

/// What a closed connection is called for.
const KEEP_ALIVE: &str = "keep idle connections open for at least 15 minutes: the platform pools them, and a POST on one that was closed fails with 502";

impl Idling {
    pub fn begin(subject: &mut Subject) -> Idling {
        let timeout = subject.function.timeout;
        let connection = subject.instance().and_then(|instance| {
            let pool = instance.pool.another();
            get(&instance, &pool, timeout)?;
            Ok((instance, pool))
        });
        Idling { connection, since: Instant::now(), timeout }
    }

    /// What has become of it after the time `idle`.
    pub fn end(self, idle: Duration) -> Finding {
        let (instance, pool) = match self.connection {
            Ok(pair) => pair,
            Err(reason) => return Finding::fail(reason, "answer GET requests"),
        };
        while pool.idle_state() == Some(IdleState::Silent) && self.since.elapsed() < idle {
            thread::sleep(SILENCE.min(idle.saturating_sub(self.since.elapsed())));
        }
        let lived = self.since.elapsed();
        match pool.idle_state() {
            Some(IdleState::Silent) => match get(&instance, &pool, self.timeout) {
                Ok(_) => Finding::pass(format!("open and usable after {:.0} s", lived.as_secs_f64())),
                Err(reason) => {
                    Finding::fail(format!("after {:.0} s: {reason}", lived.as_secs_f64()), KEEP_ALIVE)
                }
            },
            Some(IdleState::Closed) if instance.process.exited().is_some() => {
                Finding::skip("the process was ended by another test")
            }
            state => unusable(state, lived),
        }
    }
}

/// What is found of a connection that cannot be used any longer.
fn unusable(state: Option<IdleState>, lived: Duration) -> Finding {
    match state {
        None => Finding::warn(
            "closes the connection after every response",
            "speak HTTP/1.1 with keep-alive; a development server may not",
        ),
        Some(IdleState::Talking) => {
            Finding::fail("sends bytes nobody asked for", "send nothing between responses")
        }
        Some(IdleState::Silent | IdleState::Closed) => {
            Finding::warn(format!("closed within {:.1} s", milliseconds(lived) / 1000.0), KEEP_ALIVE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::report::Verdict;

    #[test]
    fn a_connection_that_does_not_stay_idle_is_told_from_one_that_is_closed() {
        let lived = Duration::from_millis(340);
        for (state, verdict, reason) in [
            (None, Verdict::Warn, "closes the connection after every response"),
            (Some(IdleState::Talking), Verdict::Fail, "sends bytes nobody asked for"),
            (Some(IdleState::Closed), Verdict::Warn, "closed within 0.3 s"),
        ] {
            let finding = unusable(state, lived);
            assert_eq!((finding.verdict, finding.reason.as_str()), (verdict, reason));
        }
    }
}
