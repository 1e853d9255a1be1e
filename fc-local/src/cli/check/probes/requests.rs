//! Questions about requests: an event, HEAD, a body of the largest size, a chunked one.

use std::thread;
use std::time::Duration;

use crate::cli::check::report::Finding;
use crate::cli::check::subject::{Subject, send};
use crate::instance::Instance;
use crate::instance::client::{IdleState, Pool, RequestBody};

/// The platform's limit for the body of a synchronous call.
const LARGE: usize = 32 * 1024 * 1024;

/// How long bytes that should not come are waited for.
pub const SILENCE: Duration = Duration::from_millis(100);

pub fn event(subject: &mut Subject) -> Finding {
    match subject.send("POST", "/invoke", "/invoke", RequestBody::Bytes(b"{}")) {
        Ok(reply) if reply.failed => Finding::pass(format!(
            "an event {{}} fails properly: {}",
            String::from_utf8_lossy(&reply.body).trim()
        )),
        Ok(reply) if reply.status < 300 => Finding::pass(format!("status {}", reply.status)),
        Ok(reply) => Finding::warn(
            format!("POST /invoke is answered with status {}", reply.status),
            "only needed for events: answer POST /invoke with 200; a failed one needs x-fc-status: 404",
        ),
        Err(reason) => Finding::fail(reason, "answer every request within the function's timeout"),
    }
}

pub fn large_body(subject: &mut Subject) -> Finding {
    let body = vec![b'x'; LARGE];
    match subject.send("POST", "/invoke", "/invoke", RequestBody::Bytes(&body)) {
        Ok(reply) if reply.status == 413 => Finding::warn(
            "refuses 32 MB with 413",
            "the platform passes on up to 32 MB: raise the server's limit if callers need it",
        ),
        Ok(reply) if reply.status >= 400 => {
            Finding::pass(format!("32 MB do no harm (status {})", reply.status))
        }
        Ok(reply) => Finding::pass(format!("32 MB are answered with status {}", reply.status)),
        Err(reason) if subject.is_alive() => {
            Finding::warn(format!("32 MB: {reason}"), "read the whole body, or answer 413 before closing")
        }
        Err(reason) => {
            Finding::fail(format!("32 MB end the process: {reason}"), "bound what a request may take")
        }
    }
}

pub fn chunked_body(subject: &mut Subject) -> Finding {
    let result = on_own_connection(subject, |instance, pool, timeout| {
        let mut body: &[u8] = b"{\"chunked\":true}";
        let body = RequestBody::Stream(&mut body, None);
        send(instance, pool, "POST", "/invoke", "/http-invoke", body, timeout)
    });
    match result {
        Ok((_, Some(IdleState::Talking))) => Finding::fail(
            "takes the chunks for another request",
            "read Transfer-Encoding: chunked, or answer 411 and close the connection",
        ),
        Ok((reply, _)) if matches!(reply.status, 400 | 411 | 501) => Finding::warn(
            format!("refuses a chunked body with status {}", reply.status),
            "callers of an HTTP trigger may send one: read Transfer-Encoding: chunked",
        ),
        Ok((reply, _)) if reply.status >= 500 => Finding::warn(
            format!("a chunked body is answered with status {}", reply.status),
            "callers of an HTTP trigger may send one: read Transfer-Encoding: chunked",
        ),
        Ok((reply, _)) => Finding::pass(format!("status {}", reply.status)),
        Err(reason) => Finding::fail(reason, "read Transfer-Encoding: chunked, or answer 411"),
    }
}

/// A request over a connection that nothing else uses, and what the connection does afterwards.
fn on_own_connection<T>(
    subject: &mut Subject,
    request: impl FnOnce(&Instance, &Pool, Duration) -> Result<T, String>,
) -> Result<(T, Option<IdleState>), String> {
    let instance = subject.instance()?;
    subject.make_room();
    let pool = instance.pool.another();
    let reply = request(&instance, &pool, subject.function.timeout)?;
    thread::sleep(SILENCE);
    Ok((reply, pool.idle_state()))
}
