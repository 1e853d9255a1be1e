//! `fc-local invoke`: start, initialize, invoke once, stop. What is invoked is in `input.rs`, what is printed
//! in `report.rs`.

mod input;
mod report;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::args::InvokeArgs;
use super::console::{self, Answer};
use super::{load, signals};
use crate::front::HttpCall;
use crate::front::event::{self, Event};
use crate::front::failure::{CallKind, Failure};
use crate::front::invocation::{self, Invocation, NotAnswered};
use crate::id;
use crate::instance::client::RequestBody;
use crate::instance::{Instance, headers};
use crate::log::{Log, billed};
use crate::record::NewCall;
use crate::scaling::{Opened, Platform};
use input::{HttpRequest, Input};
use report::{Summary, print_body, print_head};

/// Longer than any one invocation: the instance does not idle out before it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

pub fn run(args: &InvokeArgs) -> Result<ExitCode> {
    let function = load::function(&args.function, "invoke")?;
    let memory_size_mb = function.memory_mb;
    let input = Input::of(args)?;
    let log = Arc::new(Log::to_stderr(args.platform.json, args.platform.log_time));
    let surroundings = load::surroundings(&args.platform, log, &function)?;
    let upkeep = load::upkeep(&args.platform, IDLE_TIMEOUT);
    let platform = Platform::start(function, 1, upkeep, surroundings).context("cannot start a thread")?;
    let platform = Opened::new(platform);
    let interrupted = stop_at_ctrl_c(&platform)?;
    let request_id = id::request();
    let call = Call { platform: &platform, request_id: &request_id, args };
    let result = match &input {
        Input::Event(payload) => call.event(payload),
        Input::Http(request) => call.http(request),
    };
    // As long as the platform would leave it before a freeze: it may print more behind its response.
    let is_answered = result.as_ref().is_ok_and(|summary| summary.is_answered);
    let patience = if is_answered { args.platform.freeze_after } else { Duration::ZERO };
    let was_interrupted = interrupted.recv_timeout(patience).is_ok();
    platform.close();
    let is_interrupted = was_interrupted || interrupted.try_recv().is_ok();
    let summary = match result {
        Err(_) if is_interrupted => return Ok(ExitCode::from(signals::INTERRUPTED)),
        result => result?,
    };
    summary.print(&request_id, memory_size_mb, args.platform.json);
    Ok(match (is_interrupted, summary.failed) {
        (true, _) => ExitCode::from(signals::INTERRUPTED),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

/// Stops the platform at Ctrl-C, and tells of it.
fn stop_at_ctrl_c(platform: &Arc<Platform>) -> Result<Receiver<()>> {
    let (told, interrupted) = channel();
    let platform = Arc::clone(platform);
    signals::at_first(move || {
        let _ = told.send(()); // the command may be over already
        console::interrupt();
        platform.log().event(None, "stopping; once more to stop at once");
        platform.stop_starting();
        platform.close();
    })?;
    Ok(interrupted)
}

/// The one call.
struct Call<'a> {
    platform: &'a Platform,
    request_id: &'a str,
    args: &'a InvokeArgs,
}

impl Call<'_> {
    fn event(&self, payload: &[u8]) -> Result<Summary> {
        match event::invoke(&self.platform.scaler, &Event::new(payload, self.request_id)) {
            Ok(reply) => {
                print_body(&reply.body)?;
                let memory_mb = reply.instance.memory.peak_mb();
                Ok(Summary {
                    is_answered: true,
                    failed: reply.failed,
                    milliseconds: reply.milliseconds,
                    memory_mb,
                })
            }
            Err(not_answered) => self.refused(&not_answered, CallKind::Event),
        }
    }

    fn http(&self, request: &HttpRequest) -> Result<Summary> {
        let fields = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let call = HttpCall::made_here(&request.method, &request.target, fields.collect());
        let function = self.platform.function();
        let is_taken = call.check_trigger(function.http_trigger.as_ref());
        if let Err(failure) = is_taken.and_then(|()| call.check_limits(Some(request.body.len() as u64))) {
            return self.refused(&NotAnswered { failure, after: None }, CallKind::Http);
        }
        let head = |instance: &Instance| call.head(instance, self.request_id);
        let timeout_status = self.args.platform.http_timeout_status;
        let new = NewCall {
            request_id: self.request_id,
            function: &function.name,
            trigger: "http",
            method: &request.method,
            path: &request.target,
            retries: 0,
        };
        let kind = CallKind::Http;
        let acquired = invocation::acquire(&self.platform.scaler, &|| false, &new, (kind, timeout_status));
        let invoked = acquired.map_err(NotAnswered::from).and_then(|(ticket, recorded)| {
            let invocation = Invocation {
                kind,
                request_id: self.request_id,
                title: format!("{} {}", request.method, request.target),
                head: &head,
                body: RequestBody::Bytes(&request.body),
                caller: Arc::clone(&call.caller),
                timeout_status,
                gone: Failure::ClientClosed,
                recorded,
            };
            invocation::invoke(ticket, invocation)
        });
        let mut reply = match invoked {
            Ok(reply) => reply,
            Err(not_answered) => return self.refused(&not_answered, kind),
        };
        let shown = headers::passed_on(&reply.headers)
            .map(|(name, value)| (name, String::from_utf8_lossy(value).into_owned()));
        print_head(reply.status, shown, self.args.platform.json);
        let mut answer = Answer::new();
        let copied = io::copy(&mut reply.body, &mut answer);
        answer.end()?;
        if let Err(error) = &copied {
            console::note(error);
        }
        let failed = headers::failure_status(&reply.headers).is_some();
        Ok(Summary {
            is_answered: true,
            failed: failed || copied.is_err() || reply.status >= 500,
            milliseconds: billed(reply.started.elapsed()),
            memory_mb: reply.instance.memory.peak_mb(),
        })
    }

    /// Prints what a caller would have got.
    fn refused(&self, NotAnswered { failure, after }: &NotAnswered, kind: CallKind) -> Result<Summary> {
        let args = &self.args.platform;
        let refusal = failure.refusal(kind, self.request_id, args.http_timeout_status);
        let error_type = refusal.error_type.map(|name| ("X-Fc-Error-Type", name.to_owned()));
        print_head(refusal.status, error_type.into_iter(), args.json);
        print_body(refusal.body.as_bytes())?;
        let memory_mb = failure.memory_mb().unwrap_or(0.0);
        Ok(Summary { is_answered: false, failed: true, milliseconds: after.map_or(0, billed), memory_mb })
    }
}
