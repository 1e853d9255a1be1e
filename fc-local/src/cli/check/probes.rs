//! The questions: each one test of what the contract asks of a function, with its reason and its remedy.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::report::Finding;
use super::subject::{Subject, send};
use crate::function::InitializerKind;
use crate::instance::Instance;
use crate::instance::client::{IdleState, Pool, RequestBody};
use crate::instance::procfs;
use crate::log::milliseconds;

/// The platform's limit for the body of a synchronous call.
const LARGE: usize = 32 * 1024 * 1024;

/// How long bytes that should not come are waited for.
const SILENCE: Duration = Duration::from_millis(100);

const COLD_STARTS: usize = 10;

/// What a call may take longer than the one before it.
const ONE_AT_A_TIME: Duration = Duration::from_secs(2);

/// Loopback only, late, exited: everything that keeps an instance from being ready.
pub fn start(subject: &mut Subject) -> Finding {
    let begin = Instant::now();
    match subject.start() {
        Ok(instance) => {
            let time = milliseconds(begin.elapsed());
            Finding::pass(format!("listens on all interfaces, port {}, after {time:.1} ms", instance.port))
        }
        Err(reason) => {
            let remedy = remedy_of(&reason, subject.function.port);
            Finding::fail(reason, remedy)
        }
    }
}

fn remedy_of(reason: &str, port: u16) -> String {
    if reason.contains("was not found") {
        "check the command after --, or the template's".to_owned()
    } else if reason.contains("exited unexpectedly") {
        "run the command by itself and see what it says; it must stay in the foreground".to_owned()
    } else {
        format!("listen on 0.0.0.0 at FC_CUSTOM_LISTEN_PORT ({port} here)")
    }
}

/// A connection that is open and silent must not keep others from being served.
pub fn connections(subject: &mut Subject) -> Finding {
    let timeout = subject.function.timeout;
    let result = subject.instance().and_then(|instance| {
        let ask = |pool: &Pool, patience| {
            send(&instance, pool, "GET", "/", "/http-invoke", RequestBody::Bytes(b""), patience)
        };
        let (first, second) = (instance.pool.another(), instance.pool.another());
        let began = Instant::now();
        ask(&first, timeout)?;
        let beside = ask(&second, timeout.min(ONE_AT_A_TIME + began.elapsed() * 2));
        first.reset();
        second.reset();
        match beside {
            Ok(_) => Ok(true),
            Err(_) => ask(&instance.pool.another(), timeout).map(|_| false),
        }
    });
    match result {
        Ok(true) => Finding::pass("a second one is served while the first one is idle"),
        Ok(false) => {
            subject.serves_one_connection = true;
            Finding::warn(
                "serves one connection at a time: a second one waits until the first is closed",
                "the platform pools connections and may open another one: serve each in a thread of its own",
            )
        }
        Err(reason) => Finding::fail(reason, "answer GET requests"),
    }
}

pub fn initializer(subject: &mut Subject) -> Finding {
    let Some(initializer) = subject.function.initializer.clone() else {
        return Finding::skip("none configured (--initializer)");
    };
    // The one instance of `start` has not been initialized yet.
    let result = subject.instance().and_then(|instance| {
        let begin = Instant::now();
        instance.initialize().map_err(|error| error.message)?;
        Ok(milliseconds(begin.elapsed()))
    });
    match result {
        Ok(time) => Finding::pass(format!("succeeded in {time:.1} ms")),
        Err(reason) if initializer.kind == InitializerKind::Code => Finding::fail(
            reason,
            "answer POST /initialize (x-fc-control-path: /initialize) with 2xx within the timeout",
        ),
        Err(reason) => Finding::fail(reason, "the command must exit with 0 within the timeout"),
    }
}

pub fn event(subject: &mut Subject) -> Finding {
    match subject.send("POST", "/invoke", "/invoke", RequestBody::Bytes(b"{}")) {
        Ok(answer) if answer.failed => Finding::pass(format!(
            "an event {{}} fails properly: {}",
            String::from_utf8_lossy(&answer.body).trim()
        )),
        Ok(answer) if answer.status < 300 => Finding::pass(format!("status {}", answer.status)),
        Ok(answer) => Finding::warn(
            format!("POST /invoke is answered with status {}", answer.status),
            "only needed for events: answer POST /invoke with 200; a failed one needs x-fc-status: 404",
        ),
        Err(reason) => Finding::fail(reason, "answer every request within the function's timeout"),
    }
}

pub fn head(subject: &mut Subject) -> Finding {
    let result = on_own_connection(subject, |instance, pool, timeout| {
        send(instance, pool, "HEAD", "/", "/http-invoke", RequestBody::Bytes(b""), timeout)
    });
    match result {
        Ok((_, Some(IdleState::Talking))) => {
            Finding::fail("sends a body after the head", "a response to HEAD has no body")
        }
        Ok((answer, _)) => Finding::pass(format!("status {}, no body", answer.status)),
        Err(reason) => Finding::fail(reason, "answer HEAD like GET, without the body"),
    }
}

pub fn large_body(subject: &mut Subject) -> Finding {
    let body = vec![b'x'; LARGE];
    match subject.send("POST", "/invoke", "/invoke", RequestBody::Bytes(&body)) {
        Ok(answer) if answer.status == 413 => Finding::warn(
            "refuses 32 MB with 413",
            "the platform passes on up to 32 MB: raise the server's limit if callers need it",
        ),
        Ok(answer) if answer.status >= 400 => {
            Finding::pass(format!("32 MB do no harm (status {})", answer.status))
        }
        Ok(answer) => Finding::pass(format!("32 MB are answered with status {}", answer.status)),
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
        send(instance, pool, "POST", "/invoke", "/http-invoke", RequestBody::Stream(&mut body, None), timeout)
    });
    match result {
        Ok((_, Some(IdleState::Talking))) => Finding::fail(
            "takes the chunks for another request",
            "read Transfer-Encoding: chunked, or answer 411 and close the connection",
        ),
        Ok((answer, _)) if matches!(answer.status, 400 | 411 | 501) => Finding::warn(
            format!("refuses a chunked body with status {}", answer.status),
            "callers of an HTTP trigger may send one: read Transfer-Encoding: chunked",
        ),
        Ok((answer, _)) => Finding::pass(format!("status {}", answer.status)),
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
    let answer = request(&instance, &pool, subject.function.timeout)?;
    thread::sleep(SILENCE);
    Ok((answer, pool.idle_state()))
}

/// All but one request stop in the middle of their body; the last one must be answered meanwhile, and then the rest.
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
    let unanswered = open.iter_mut().filter_map(|stream| finish(stream).err()).count();
    if unanswered > 0 {
        return Finding::fail(format!("{unanswered} of {wanted} requests at once were not answered"), remedy);
    }
    Finding::pass(format!("{wanted} requests at once"))
}

fn half_a_request(subject: &mut Subject) -> Result<TcpStream, String> {
    let mut stream = subject.connect()?;
    let head = "POST /invoke HTTP/1.1\r\nhost: x\r\nx-fc-control-path: /invoke\r\ncontent-length: 2\r\n\r\n{";
    stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
    Ok(stream)
}

fn finish(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"}")?;
    let mut start = [0; 5];
    stream.read_exact(&mut start)?;
    if start == *b"HTTP/" { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Clients that go away within a request and right after it.
pub fn disconnect(subject: &mut Subject) -> Finding {
    for _ in 0..5 {
        let half = half_a_request(subject).map(drop);
        let whole =
            half_a_request(subject).and_then(|mut stream| stream.write_all(b"}").map_err(|e| e.to_string()));
        if let Err(reason) = half.and(whole) {
            return Finding::fail(reason, "go on accepting connections");
        }
    }
    match subject.still_serves() {
        Ok(()) => Finding::pass("goes on serving"),
        Err(reason) => Finding::fail(
            format!("after 10 clients went away: {reason}"),
            "a write to a closed connection is an error of that request only",
        ),
    }
}

pub fn freeze(subject: &mut Subject) -> Finding {
    let instance = match subject.instance() {
        Ok(instance) => instance,
        Err(reason) => return Finding::fail(reason, "start again after an exit"),
    };
    instance.process.signal(Signal::STOP);
    // Long enough for timers of the function to fall due while it is stopped.
    thread::sleep(Duration::from_millis(1500));
    instance.process.signal(Signal::CONT);
    match subject.still_serves() {
        Ok(()) => Finding::pass("serves after SIGSTOP and SIGCONT"),
        Err(reason) => Finding::fail(
            reason,
            "the platform freezes an instance whenever no request runs: time must be allowed to jump",
        ),
    }
}

/// A client of the HTTP trigger can ask for `/pre-stop` and `/initialize` too.
pub fn hook_paths(subject: &mut Subject) -> Finding {
    let code = subject.function.has_code_initializer();
    let mut hooks = Vec::new();
    hooks.extend(code.then_some(("POST", "/initialize")));
    hooks.extend(subject.function.pre_stop.as_ref().map(|_| ("GET", "/pre-stop")));
    if hooks.is_empty() {
        return Finding::skip("no code hook configured");
    }
    for (method, path) in hooks {
        let mut ask = |path: &str, control| subject.send(method, path, control, RequestBody::Bytes(b""));
        let answers = ask(path, "/http-invoke")
            .and_then(|spoofed| Ok((spoofed, ask("/fc-local-check", "/http-invoke")?)))
            .and_then(|(spoofed, other)| Ok((spoofed, other, ask(path, path)?)));
        match answers {
            Ok((spoofed, other, hook)) if spoofed == hook && spoofed != other => {
                return Finding::warn(
                    format!("{method} {path} of an HTTP client is taken for the hook"),
                    "tell hooks by the header x-fc-control-path, which clients cannot set",
                );
            }
            Ok(_) => {}
            Err(reason) => {
                return Finding::fail(
                    format!("{method} {path} of an HTTP client: {reason}"),
                    "answer it like any path",
                );
            }
        }
    }
    Finding::pass("of an HTTP client are not answered as hooks")
}

pub fn initialize_again(subject: &mut Subject) -> Finding {
    if !subject.function.has_code_initializer() {
        return Finding::skip("no code Initializer configured");
    }
    let again = subject.send("POST", "/initialize", "/initialize", RequestBody::Bytes(b""));
    match again.and_then(|answer| subject.still_serves().map(|()| answer)) {
        Ok(answer) if answer.status < 300 => Finding::pass(format!("status {}", answer.status)),
        Ok(answer) => Finding::warn(
            format!("answered with status {}", answer.status),
            "one of the platform's pages initializes again after a thaw: answer 2xx",
        ),
        Err(reason) => Finding::fail(reason, "a second POST /initialize must not break the function"),
    }
}

pub fn pre_stop(subject: &mut Subject) -> Finding {
    let Some(hook) = subject.function.pre_stop.clone() else {
        return Finding::skip("none configured (--pre-stop)");
    };
    let answer = subject.instance().and_then(|instance| {
        send(
            &instance,
            &instance.pool,
            "GET",
            "/pre-stop",
            "/pre-stop",
            RequestBody::Bytes(b""),
            hook.timeout,
        )
    });
    match answer {
        Ok(answer) if answer.status < 300 => match subject.still_serves() {
            Ok(()) => Finding::pass("succeeds, and invocations after it too"),
            Err(reason) => Finding::warn(
                format!("an invocation after it: {reason}"),
                "one of the platform's pages calls it before every freeze: go on serving",
            ),
        },
        Ok(answer) => Finding::warn(
            format!("answered with status {}, which the platform ignores", answer.status),
            "answer GET /pre-stop with 2xx",
        ),
        Err(reason) => Finding::warn(
            format!("{reason}; the platform stops the instance all the same"),
            "answer GET /pre-stop with 2xx within the timeout",
        ),
    }
}

/// An idle connection on the side.
pub struct Idling {
    instance: Result<(Arc<Instance>, Pool), String>,
    since: Instant,
    timeout: Duration,
}

impl Idling {
    pub fn begin(subject: &mut Subject) -> Idling {
        let timeout = subject.function.timeout;
        let instance = subject.instance().and_then(|instance| {
            let pool = instance.pool.another();
            send(&instance, &pool, "GET", "/", "/http-invoke", RequestBody::Bytes(b""), timeout)?;
            Ok((instance, pool))
        });
        Idling { instance, since: Instant::now(), timeout }
    }

    pub fn end(self, idle: Duration) -> Finding {
        let remedy = "keep idle connections open for at least 15 minutes: the platform pools them, and a POST on one that was closed fails with 502";
        let (instance, pool) = match self.instance {
            Ok(pair) => pair,
            Err(reason) => return Finding::fail(reason, "answer GET requests"),
        };
        while pool.idle_state() == Some(IdleState::Silent) && self.since.elapsed() < idle {
            thread::sleep(SILENCE.min(idle.saturating_sub(self.since.elapsed())));
        }
        let lived = self.since.elapsed().as_secs_f64();
        match pool.idle_state() {
            Some(IdleState::Silent) => {
                match send(
                    &instance,
                    &pool,
                    "GET",
                    "/",
                    "/http-invoke",
                    RequestBody::Bytes(b""),
                    self.timeout,
                ) {
                    Ok(_) => Finding::pass(format!("open and usable after {lived:.0} s")),
                    Err(reason) => Finding::fail(format!("after {lived:.0} s: {reason}"), remedy),
                }
            }
            None => Finding::warn(
                "closes the connection after every response",
                "speak HTTP/1.1 with keep-alive; a development server may not",
            ),
            Some(IdleState::Talking) => {
                Finding::fail("sends bytes nobody asked for", "send nothing between responses")
            }
            Some(IdleState::Closed) if instance.process.exited().is_some() => {
                Finding::skip("the process was ended by another test")
            }
            Some(IdleState::Closed) => Finding::warn(format!("closed within {lived:.1} s"), remedy),
        }
    }
}

pub fn sigterm(subject: &mut Subject) -> Finding {
    let instance = match subject.instance() {
        Ok(instance) => instance,
        Err(reason) => return Finding::fail(reason, "start again after an exit"),
    };
    let begin = Instant::now();
    let members = procfs::group_members(instance.process.pid).len();
    instance.process.signal(Signal::TERM);
    match instance.process.wait(Duration::from_secs(10)) {
        Some(_) => Finding::pass(format!("exits in {:.0} ms", milliseconds(begin.elapsed()))),
        None => Finding::warn(
            format!("still runs after 10 s ({members} processes)"),
            "handle SIGTERM: other platforms and containers stop with it, and PID 1 has no default action",
        ),
    }
}

/// From the start of the process to the first byte of the first answer.
pub fn cold_start(subject: &mut Subject) -> Finding {
    let mut times = Vec::new();
    let begin = Instant::now();
    // A slow function is known to be slow after a few.
    while times.len() < COLD_STARTS && (times.len() < 3 || begin.elapsed() < Duration::from_secs(30)) {
        subject.stop();
        let start = Instant::now();
        if let Err(reason) = subject.send("POST", "/invoke", "/invoke", RequestBody::Bytes(b"{}")) {
            return Finding::fail(format!("start {}: {reason}", times.len() + 1), "every start must succeed");
        }
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Finding::pass(format!("median {:.1} ms of {}", milliseconds(median), times.len()))
}
