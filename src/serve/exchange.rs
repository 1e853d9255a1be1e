//! One request and its response: the author's code is called, and its outcome becomes what the platform and
//! the caller are told. Whether the connection lives on is decided by `http1::Facts`.

use crate::api::{Body, BodyWriter, CallKind, Context, Request, RequestBody, Response};
use crate::contain::report;
use crate::http1::{Facts, Next, Reject, ResponseFraming, TEXT, has_body};
use crate::log::{LifecycleLine, RequestScope};
use crate::platform::{
    Caller, FC_STATUS_FAILED, FC_STATUS_OK, Failure, Hook, Invocation, JSON, Refusal, Route, contain,
};
use crate::serve::engine::Engine;
use crate::serve::metrics::{CONTENT_TYPE, exposition};
use crate::serve::request_body::WireBody;
use crate::serve::response_writer::{BodySink, ResponseWriter};
use crate::threads::{TimedRun, WorkerSlot};
use log::Level;
use std::cell::{RefCell, RefMut};
use std::io;

/// Serves a request whose body is `body`, and whose response goes to `output`; what follows on its
/// connection, and whether a call of the function has failed.
pub(super) fn serve<'a>(
    engine: &'a Engine,
    slot: &'a WorkerSlot,
    context: &'a Context,
    route: Route,
    body: WireBody<'a>,
    output: &'a RefCell<ResponseWriter<'a>>,
) -> (Next, bool) {
    let _scope = RequestScope::enter(context.request_id(), || context.trace_id());
    let alone = engine.runs_alone(route, context.head()).then(|| Alone { engine, route });
    let mut exchange = Exchange {
        engine,
        slot,
        is_alone: alone.is_some(),
        context,
        body,
        output,
        response_reads_body: false,
        response_broken_off: false,
        has_failed: false,
    };
    match route {
        Route::Health => exchange.health(),
        Route::Metrics => exchange.metrics(),
        Route::Hook(hook) => exchange.hook(hook),
        Route::Invoke(kind) => exchange.invoke(kind),
    }
    let has_failed = exchange.has_failed || exchange.output().has_failed();
    (exchange.next(), has_failed)
}

/// Runs a hook, with all that is logged of it.
pub(super) fn run_hook(engine: &Engine, context: &Context, hook: Hook) -> Result<(), Failure> {
    let line = engine.lifecycle_line(hook.name(), context.request_id());
    let outcome = match hook {
        Hook::Initialize => engine.lifecycle().initialize(context),
        Hook::PreStop => engine.lifecycle().pre_stop(context),
        Hook::PreFreeze => Ok(()),
    };
    let error = outcome.as_ref().err().map(|failure| failure.message.as_str());
    if let Some(error) = error {
        report!(Level::Error, "{} failed: {error}", hook.name());
    }
    if let Some(line) = line {
        line.end(error);
    }
    outcome
}

/// A call for which no second worker was made: that is done once its response is out.
struct Alone<'a> {
    engine: &'a Engine,
    route: Route,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.engine.end_alone(self.route);
    }
}

struct Exchange<'a> {
    engine: &'a Engine,
    slot: &'a WorkerSlot,
    is_alone: bool,
    context: &'a Context,
    body: WireBody<'a>,
    output: &'a RefCell<ResponseWriter<'a>>,
    response_reads_body: bool,
    response_broken_off: bool,
    has_failed: bool,
}

/// The author's code at work on an invocation. It is over before the last byte of its response goes out:
/// whoever has read that may call `/pre-stop` and `/initialize` at once, and the platform freezes the process
/// right after it.
struct RunningCall<'a> {
    caller: Caller,
    /// None when `initialize` failed before it.
    invocation: Option<Invocation<'a>>,
    line: Option<LifecycleLine<'a>>,
    _run: TimedRun<'a>,
}

impl RunningCall<'_> {
    fn end(mut self, error: Option<&str>) {
        drop(self.invocation.take());
        if let Some(line) = self.line.take() {
            line.end(error);
        }
    }
}

/// A response that is there as a whole.
struct Whole<'r> {
    status: u16,
    fields: [&'r [u8]; 2],
    body: &'r [u8],
}

impl<'a> Exchange<'a> {
    fn health(&mut self) {
        let (status, body): (u16, &[u8]) =
            if self.engine.is_stopping() { (503, b"stopping\n") } else { (200, b"ok\n") };
        self.send(&Whole { status, fields: [b"", b""], body });
    }

    fn metrics(&mut self) {
        let body = exposition(&self.engine.stats());
        self.send(&Whole { status: 200, fields: [CONTENT_TYPE, b""], body: body.as_bytes() });
    }

    fn begin_run(&self) -> TimedRun<'a> {
        let pool = self.engine.pool();
        if self.is_alone { pool.begin_run_alone(self.slot) } else { pool.begin_run(self.slot) }
    }

    fn hook(&mut self, hook: Hook) {
        let until_it_is_over = if self.is_alone { self.engine.end_at_once() } else { None };
        self.is_alone &= until_it_is_over.is_some(); // a signal that has come is looked at by somebody else
        let run = self.begin_run();
        let outcome = run_hook(self.engine, self.context, hook);
        drop(until_it_is_over);
        drop(run);
        match outcome {
            Ok(()) => self.send(&Whole { status: 200, fields: [b"", b""], body: b"" }),
            Err(failure) => self.send_failure(&failure, Caller::Platform(hook), b""),
        }
    }

    fn invoke(&mut self, kind: CallKind) {
        let mut call = RunningCall {
            caller: if kind == CallKind::Event { Caller::Event } else { Caller::HttpClient },
            invocation: None,
            _run: self.begin_run(),
            line: self.engine.lifecycle_line("Invoke", self.context.request_id()),
        };
        let invocation = match self.engine.lifecycle().begin(self.context) {
            Ok(invocation) => call.invocation.insert(invocation),
            Err(failure) => return self.fail(&failure, call),
        };
        let request = Request { head: self.context.head(), body: RequestBody { source: &mut self.body } };
        match invocation.invoke(self.context, request) {
            Ok(response) => match response.fault() {
                None => self.respond(response, call),
                Some(fault) => {
                    drop(response);
                    self.fail(&Failure::invalid_response(fault), call);
                }
            },
            Err(failure) => self.fail(&failure, call),
        }
    }

    fn respond(&mut self, response: Response, call: RunningCall<'a>) {
        if !matches!(response.body, Body::Stream(_)) {
            self.body.settle();
            if let Some(reject) = self.body.reject() {
                drop(response);
                return self.refuse(reject, call);
            }
        }
        match &response.body {
            Body::Bytes(body) => {
                call.end(None);
                let fields = [&*response.lines, self.fc_status(FC_STATUS_OK)];
                self.send(&Whole { status: response.status, fields, body });
            }
            Body::Reader { .. } | Body::Stream(_) => self.stream(response, call),
        }
    }

    fn output(&self) -> RefMut<'a, ResponseWriter<'a>> {
        self.output.borrow_mut()
    }

    /// Has the author's code write the body. Once some of it is out, a failure can only show by what is
    /// missing.
    fn stream(&mut self, mut response: Response, call: RunningCall<'a>) {
        self.response_reads_body = matches!(response.body, Body::Stream(_));
        let framing = response.body.length().map_or(ResponseFraming::Chunked, ResponseFraming::Length);
        self.set_head(response.status, framing, [&response.lines, self.fc_status(FC_STATUS_OK)]);
        let outcome = if has_body(response.status, self.context.head()) {
            let (mut body, mut sink) = (RequestBody { source: &mut self.body }, BodySink(self.output));
            contain(|| response.body.write(&mut body, &mut BodyWriter { sink: &mut sink }))
        } else {
            Ok(())
        };
        drop(response); // what it holds is the author's, and nothing of theirs runs once the call has ended
        let is_begun = self.output().is_begun();
        match outcome {
            Ok(()) => {
                self.body.settle();
                call.end(None);
                self.sent(|output| output.finish());
            }
            Err(failure) if is_begun => {
                report!(Level::Error, "the response's body failed: {}", failure.message);
                self.response_broken_off = true;
                self.has_failed = true;
                call.end(Some(&failure.message));
                self.output().break_off();
            }
            Err(failure) => self.fail(&failure, call),
        }
    }

    /// Answers an invocation that failed before anything of its response was out.
    fn fail(&mut self, failure: &Failure, call: RunningCall<'a>) {
        self.body.settle();
        if let Some(reject) = self.body.reject() {
            return self.refuse(reject, call);
        }
        let caller = call.caller;
        let (level, outcome) = failure.log_line(caller);
        report!(level, "{outcome}{}", failure.message);
        self.has_failed = !failure.is_answer(caller);
        call.end(self.has_failed.then_some(failure.message.as_str()));
        self.send_failure(failure, caller, self.fc_status(failure.fc_status_for(caller)));
    }

    /// Answers the client's own fault, which the author's code only ran into.
    fn refuse(&mut self, reject: Reject, call: RunningCall<'a>) {
        let refusal = Refusal::from(reject);
        self.has_failed = true;
        call.end(Some(refusal.reason()));
        let fields = [TEXT, self.fc_status(FC_STATUS_FAILED)];
        self.send(&Whole { status: refusal.status(), fields, body: refusal.body().as_bytes() });
    }

    fn send_failure(&mut self, failure: &Failure, caller: Caller, fc_status: &[u8]) {
        let body = failure.body_for(caller, self.context.request_id());
        let status = failure.status_for(caller);
        self.send(&Whole { status, fields: [JSON, fc_status], body: body.as_bytes() });
    }

    fn send(&mut self, response: &Whole<'_>) {
        self.body.settle();
        self.response_reads_body = false;
        let framing = ResponseFraming::Length(response.body.len() as u64);
        self.set_head(response.status, framing, response.fields);
        let has_body = has_body(response.status, self.context.head());
        self.sent(|output| output.send_whole(if has_body { response.body } else { b"" }));
    }

    /// Should it fail, the client has gone, and that is the reason why its connection is closed.
    fn sent(&mut self, send: impl FnOnce(&mut ResponseWriter<'_>) -> io::Result<()>) {
        let _ = send(&mut self.output());
    }

    fn set_head(&mut self, status: u16, framing: ResponseFraming, fields: [&[u8]; 2]) {
        let head = self.context.head();
        let framing = framing.for_response(status, head);
        let announced = self.facts(framing).announce();
        self.output().set_head(status, framing, announced, head.http10, fields);
    }

    /// The facts as they are now.
    fn facts(&self, framing: ResponseFraming) -> Facts {
        Facts {
            client_closes: !self.context.head().keep_alive,
            server_stops: self.engine.is_stopping(),
            body_ends_with_connection: framing == ResponseFraming::UntilClose,
            response_reads_body: self.response_reads_body,
            response_broken_off: self.response_broken_off,
            sending_failed: self.output().has_failed(),
            ..self.body.facts()
        }
    }

    fn next(&mut self) -> Next {
        let framing = self.output().framing();
        let announced = self.output().announced();
        self.facts(framing).conclude(announced)
    }

    /// Without a platform nobody would read it.
    fn fc_status(&self, status: &'static [u8]) -> &'static [u8] {
        if self.engine.has_platform() { status } else { b"" }
    }
}
