//! Questions about the hooks: do they succeed, also a second time, and are they told from a client's own
//! requests?

use std::time::Instant;

use crate::cli::check::report::Finding;
use crate::cli::check::subject::{Subject, send};
use crate::function::InitializerKind;
use crate::instance::client::RequestBody;
use crate::log::milliseconds;

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
    subject.skips_initializer = result.is_err();
    match result {
        Ok(time) => Finding::pass(format!("succeeded in {time:.1} ms")),
        Err(reason) if initializer.kind == InitializerKind::Code => Finding::fail(
            reason,
            "answer POST /initialize (x-fc-control-path: /initialize) with 2xx within the timeout",
        ),
        Err(reason) => Finding::fail(reason, "the command must exit with 0 within the timeout"),
    }
}

/// A client of the HTTP trigger can ask for `/pre-stop` and `/initialize` too.
pub fn hook_paths(subject: &mut Subject) -> Finding {
    let mut hooks = Vec::new();
    hooks.extend(subject.function.has_code_initializer().then_some(("POST", "/initialize")));
    hooks.extend(subject.function.pre_stop.as_ref().map(|_| ("GET", "/pre-stop")));
    if hooks.is_empty() {
        return Finding::skip("no code hook configured");
    }
    for (method, path) in hooks {
        let mut ask = |path: &str, control| subject.send(method, path, control, RequestBody::Bytes(b""));
        let replies = ask(path, "/http-invoke")
            .and_then(|spoofed| Ok((spoofed, ask("/fc-local-check", "/http-invoke")?)))
            .and_then(|(spoofed, other)| Ok((spoofed, other, ask(path, path)?)));
        match replies {
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
    match again.and_then(|reply| subject.still_serves().map(|()| reply)) {
        Ok(reply) if reply.status < 300 => Finding::pass(format!("status {}", reply.status)),
        Ok(reply) => Finding::warn(
            format!("answered with status {}", reply.status),
            "one of the platform's pages initializes again after a thaw: answer 2xx",
        ),
        Err(reason) => Finding::fail(reason, "a second POST /initialize must not break the function"),
    }
}

pub fn pre_stop(subject: &mut Subject) -> Finding {
    let Some(hook) = subject.function.pre_stop.clone() else {
        return Finding::skip("none configured (--pre-stop)");
    };
    let reply = subject.instance().and_then(|instance| {
        let body = RequestBody::Bytes(b"");
        send(&instance, &instance.pool, "GET", "/pre-stop", "/pre-stop", body, hook.timeout)
    });
    match reply {
        Ok(reply) if reply.status < 300 => match subject.still_serves() {
            Ok(()) => Finding::pass("succeeds, and invocations after it too"),
            Err(reason) => Finding::warn(
                format!("an invocation after it: {reason}"),
                "one of the platform's pages calls it before every freeze: go on serving",
            ),
        },
        Ok(reply) => Finding::warn(
            format!("answered with status {}, which the platform ignores", reply.status),
            "answer GET /pre-stop with 2xx",
        ),
        Err(reason) => Finding::warn(
            format!("{reason}; the platform stops the instance all the same"),
            "answer GET /pre-stop with 2xx within the timeout",
        ),
    }
}
